#include <gtest/gtest.h>

#include "protocol/native/codec.h"

namespace sparc::protocol::native {
namespace {

Publication publication() {
  Publication out;
  out.event = "alert:created";
  out.timestamp_ms = 1'767'225'600'000;
  out.id = "p-1";
  out.data = R"({"a":1.0})";
  return out;
}

std::string event_text(const Publication& p, std::string_view room = "tenant:t1") {
  std::string out;
  append_event(out, "alerts", room, p);
  return out;
}

TEST(Render, TheFieldsOfAnEventStandInTheOrderOfTheProtocol) {
  Publication p = publication();
  p.offset = 45;
  EXPECT_EQ(event_text(p), R"({"type":"event","namespace":"alerts","room":"tenant:t1","event":"alert:created",)"
                           R"("timestamp":"2026-01-01T00:00:00.000Z","id":"p-1","offset":45,"data":{"a":1.0}})");
}

TEST(Render, DataAndFurtherArgumentsGoOutByteForByte) {
  Publication p = publication();
  p.data = " { \"x\" : [1.0, 1e2 ,-0],\"y\":\"\\u00e9\\/\" } ";
  p.more_args = "1.50 , {\"z\":12345678901234567890123}";
  const std::string text = event_text(p);
  EXPECT_NE(text.find("\"data\":" + p.data + ","), std::string::npos);
  EXPECT_NE(text.find("\"args\":[" + p.more_args + "]"), std::string::npos);
}

TEST(Render, MissingDataIsNullAndAMissingRoomIsLeftOut) {
  Publication p = publication();
  p.data.clear();
  EXPECT_EQ(
      event_text(p, ""),
      R"({"type":"event","namespace":"alerts","event":"alert:created","timestamp":"2026-01-01T00:00:00.000Z","id":"p-1","data":null})");
}

TEST(Render, TimestampsAreRightWhateverWasRenderedBefore) {
  Publication p = publication();
  const auto timestamp = [&](std::int64_t ms) {
    p.timestamp_ms = ms;
    const std::string text = event_text(p);
    const std::size_t at = text.find("\"timestamp\":\"") + 13;
    return text.substr(at, text.find('"', at) - at);
  };
  EXPECT_EQ(timestamp(1'767'225'600'000), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(1'767'225'600'999), "2026-01-01T00:00:00.999Z");
  EXPECT_EQ(timestamp(1'767'225'599'999), "2025-12-31T23:59:59.999Z");
  EXPECT_EQ(timestamp(1'767'225'600'042), "2026-01-01T00:00:00.042Z");
  EXPECT_EQ(timestamp(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(timestamp(0), "1970-01-01T00:00:00.000Z");
}

TEST(Render, FramesAreAppendedBehindWhatIsThere) {
  std::string out = "[";
  append_ping(out);
  out += ',';
  append_position(out, "alerts", "x7", 44);
  out += ',';
  append_event(out, "alerts", "r", publication());
  EXPECT_TRUE(
      out.starts_with(R"([{"type":"ping"},{"type":"position","namespace":"alerts","epoch":"x7","offset":44},{"type":"event")"));
}

TEST(Render, ABinaryEventBehindOtherBytesHasItsOwnHeaderLength) {
  Publication p = publication();
  p.attachments = {"abc", "", std::string("\0\xff", 2)};
  std::string out = "before";
  append_binary_event(out, "video", "r", p);
  const std::string header =
      R"({"type":"event","namespace":"video","room":"r","event":"alert:created","timestamp":"2026-01-01T00:00:00.000Z","id":"p-1","data":{"a":1.0},"attachments":[3,0,2]})";
  const std::string length{0, 0, 0, static_cast<char>(header.size())};
  EXPECT_EQ(out, "before" + length + header + "abc" + std::string("\0\xff", 2));
}

TEST(Render, TextsAreEscaped) {
  std::string out;
  append_error(out, 4, Fault{Code::FORBIDDEN, "no \"room\"\n", 0});
  append_evicted(out, "a\\b", std::vector<std::string>{"x\"y"}, Code::FORBIDDEN);
  EXPECT_EQ(out, R"({"type":"error","id":4,"error":{"code":"FORBIDDEN","message":"no \"room\"\n"}})"
                 R"({"type":"evicted","namespace":"a\\b","rooms":["x\"y"],"code":"FORBIDDEN"})");
}

}  // namespace
}  // namespace sparc::protocol::native
