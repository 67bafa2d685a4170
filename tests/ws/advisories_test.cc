// What broke the `ws` package, by the number it was published under.

#include <gtest/gtest.h>

#include "ws/frame_writer.h"
#include "ws/handshake.h"
#include "ws/recorder.h"

namespace sparc::ws {
namespace {

int status_with(std::string_view name, std::string_view value) {
  const std::vector<Header> headers = {{"Host", "example.com"},         {"Upgrade", "websocket"},
                                       {"Connection", "Upgrade"},       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                       {"Sec-WebSocket-Version", "13"}, {name, value}};
  const auto upgrade = check_upgrade({"GET", 1, 1, headers});
  return upgrade ? 101 : upgrade.error().status;
}

TEST(Advisories, Cve201610518AControlFrameHasTheBytesItWasGivenAndNoOthers) {
  // CVE-2016-10518: a number as payload was the size of a buffer that nobody had written to.
  std::string pong;
  append_pong_frame(pong, "5");
  EXPECT_EQ(pong, wire({0x8a, 0x01, '5'}));
}

TEST(Advisories, Cve202645736AReasonHasTheBytesItWasGivenAndNoOthers) {
  // CVE-2026-45736: the same, of a close frame.
  std::string close;
  append_close_frame(close, 1000, "20");
  EXPECT_EQ(close, wire({0x88, 0x04, 0x03, 0xe8, '2', '0'}));
}

TEST(Advisories, Cve201610542AMessageIsTooLargeByWhatItAnnounces) {
  // CVE-2016-10542: a message of any size was gathered.
  EXPECT_EQ(receive(wire({0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})),
            Events{"fault:1009:frame exceeds the message size limit"});
}

TEST(Advisories, Ghsa5v72Xg48NamesOfPrototypesAreExtensionsLikeOthers) {
  // GHSA-5v72-xg48-5rpm: an extension or parameter called constructor or __proto__ was looked up among what every object has.
  for (const char* name : {"constructor", "__proto__", "x; constructor", "x; __proto__; constructor=1", "toString, __proto__"})
    EXPECT_EQ(status_with("Sec-WebSocket-Extensions", name), 101) << name;
}

TEST(Advisories, Cve202132640ALongProtocolHeaderIsReadOnce) {
  // CVE-2021-32640: blanks were tried again from each of them.
  EXPECT_EQ(status_with("Sec-WebSocket-Protocol", "b" + std::string(1'000'000, ' ') + "x"), 400);
  EXPECT_EQ(status_with("Sec-WebSocket-Protocol", "b" + std::string(1'000'000, ' ') + ",x"), 101);
}

TEST(Advisories, Cve202648779And62389TinyFragmentsAreCountedAlsoOfAMessageThatDoesNotEnd) {
  // CVE-2026-48779, CVE-2026-62389: each fragment was kept as an object of its own, however small, and an unfinished message had no limit.
  std::string bytes = masked(0x01, "");
  for (int i = 0; i < 2'000; ++i) bytes += masked(0x00, i % 2 == 0 ? "" : "x");
  EXPECT_EQ(receive_pieces({}, {bytes}), Events{"fault:1009:message has too many fragments"});
}

}  // namespace
}  // namespace sparc::ws
