// What broke other servers of this protocol, by the number it was published under, and its relatives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/socketio/engine_transcript.h"
#include "protocol/socketio/msgpack.h"
#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {
namespace {

constexpr EngineSettings settings;

using ::testing::ElementsAre;

std::string fault(std::string_view message) {
  const auto decoded = PacketDecoder(Parser::standard, {}).text(message);
  return decoded ? "" : decoded.error();
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Advisories, Cve202036048HugeAndManyPacketPayloadsAreReadOnce) {
  // CVE-2020-36048: a body of many small packets, or one of great length, took quadratic time and memory.
  EXPECT_EQ(read_payload(repeated("4\x1e", 499'999) + "4")->size(), 500'000U);
  EXPECT_FALSE(read_payload(repeated("\x1e", 1'000'000)));
  EXPECT_EQ(read_payload("4" + std::string(999'999, '1'))->size(), 1U);
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_post(1, "text/plain", "4" + std::string(1'000'000, 'a'));
  EXPECT_THAT(actions(engine), ElementsAre("answer 1: 413"));
}

TEST(Advisories, Cve202036049LongHeadersOfPacketsAreReadOnce) {
  // CVE-2020-36049: the attachment count, the namespace and the id were gathered character by character.
  EXPECT_EQ(fault("5" + std::string(900'000, '1')), "Illegal attachments");
  EXPECT_EQ(fault("5" + std::string(900'000, '1') + "-[\"a\"]"), "too many attachments");
  EXPECT_EQ(fault("2" + std::string(900'000, '1') + "[\"a\"]"), "invalid packet id");
  EXPECT_EQ(fault("2/" + std::string(900'000, 'n')), "invalid namespace");
  EXPECT_EQ(fault("2/" + repeated("a/", 400'000) + ",[\"a\"]"), "invalid namespace");
}

TEST(Advisories, Cve202221676BinaryWhereTextIsExpectedEndsOneSession) {
  // CVE-2022-21676: bytes that are no packet threw where nobody caught it.
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_binary(std::string("\0\x01\xff", 3));
  engine.on_text("");
  EXPECT_THAT(actions(engine), ElementsAre(std::string("binary \0\x01\xff", 10), "closed: parse error"));
  EXPECT_EQ(PacketDecoder(Parser::standard, {}).binary(std::string("\0", 1)).error(),
            "got binary data when not reconstructing a packet");
}

TEST(Advisories, Cve20222421APlaceholderNamesNoMethod) {
  // CVE-2022-2421: `num` was used as it came, and could name a function of the array.
  for (const char* number : {"\"splice\"", "\"length\"", "\"__proto__\"", "\"constructor\"", "\"0\"", "1", "-1", "1e0", "0.0",
                             "[0]", "{}", "true", "null", "\"\""})
    EXPECT_EQ(fault("51-[\"hello\",{\"_placeholder\":true,\"num\":" + std::string(number) + "}]"), "illegal attachments")
        << number;
  EXPECT_EQ(fault("51-[\"hello\",{\"_placeholder\":true}]"), "illegal attachments");
}

TEST(Advisories, Cve202241940ASessionThatEndedIsLeftAlone) {
  // CVE-2022-41940: what was written to a connection that had gone threw.
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_get(1);
  engine.on_poll_aborted(1);
  EXPECT_FALSE(engine.writable());
  engine.close("forced close", 1);
  engine.on_time(100'000);
  EXPECT_THAT(actions(engine), ElementsAre("closed: transport error"));
}

TEST(Advisories, Cve202331125ARequestBehindTheUpgradeEndsNothing) {
  // CVE-2023-31125: a request whose session was not what the code expected threw.
  Engine engine(Engine::Transport::polling, settings, 0);
  ASSERT_TRUE(engine.on_probe_opened(0));
  engine.on_probe_text("5");
  (void)engine.take_actions();
  engine.on_post(1, "text/plain", "4a");
  engine.on_get(2);
  EXPECT_THAT(actions(engine), ElementsAre(bad_request(1), bad_request(2)));
  EXPECT_FALSE(engine.closed());
}

TEST(Advisories, Cve202332695TheNameOfAnEventIsAText) {
  // CVE-2023-32695: an object with a `toString` of its own was taken as a name.
  for (const char* name : {R"({"toString":"foo"})", R"({"toString":1,"valueOf":2})", "[]", R"([["a"]])", "null", "true", "{}"})
    EXPECT_EQ(fault("2[" + std::string(name) + "]"), "invalid payload") << name;
  for (const char* data : {R"("a")", "1", "true", "{}", R"({"length":1,"0":"a"})", R"({"0":"a"})"})
    EXPECT_EQ(fault("2" + std::string(data)), "invalid payload") << data;
}

TEST(Advisories, Cve202438355AnEventCalledErrorIsAnEvent) {
  // CVE-2024-38355: an `error` that nobody listened to ended the process.
  EXPECT_EQ(fault(R"(2["error",{"a":1}])"), "");
  EXPECT_EQ(fault(R"(2["error"])"), "");
}

TEST(Advisories, Cve202633151AttachmentsAreCountedBeforeTheyCome) {
  // CVE-2026-33151: any number was accepted, and each attachment kept.
  EXPECT_EQ(fault("511-[\"a\"]"), "too many attachments");
  EXPECT_EQ(fault("5999999999-[\"a\"]"), "too many attachments");
  EXPECT_EQ(fault("5-1-[\"a\"]"), "Illegal attachments");
  PacketDecoder decoder(Parser::standard, {.attachments_max = 10, .bytes_max = 1000});
  ASSERT_TRUE(decoder.text("52-[\"a\"]"));
  EXPECT_EQ(decoder.binary(std::string(1000, 'x')).error(), "packet too large");
}

TEST(Advisories, Cve202659725EveryPostIsAnsweredAlsoOneThatEndsItsSession) {
  // CVE-2026-59725: the response to bytes as a body was left open, and with it a socket for each.
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_get(1);
  engine.on_post(2, "application/octet-stream", "\x04");
  EXPECT_THAT(actions(engine), ElementsAre("answer 2: 400", polled(1, "1"), "closed: transport error"));
}

TEST(Advisories, Cve202669185ABinaryPacketHasAttachments) {
  // CVE-2026-69185: one with none was kept, and whatever came behind it was taken for its attachments.
  EXPECT_EQ(fault("50-[\"a\"]"), "Illegal attachments");
  EXPECT_EQ(fault("60-1[\"a\"]"), "Illegal attachments");
  EXPECT_EQ(fault("500-[\"a\"]"), "Illegal attachments");
  EXPECT_EQ(fault("5-[\"a\"]"), "Illegal attachments");
}

TEST(Advisories, NamesOfPrototypesAreNamesAndNothingElse) {
  for (const char* name : {"__proto__", "constructor", "hasOwnProperty", "toString", "prototype"}) {
    const std::string text = name;
    EXPECT_EQ(fault("2[\"" + text + "\",{\"" + text + "\":{\"polluted\":true}}]"), "") << name;
    const auto packet = PacketDecoder(Parser::standard, {}).text("0/" + text + ",{\"" + text + "\":1}");
    ASSERT_TRUE(packet && *packet);
    EXPECT_EQ((*packet)->nsp, "/" + text);
    EXPECT_EQ((*packet)->data, "{\"" + text + "\":1}");
  }
}

TEST(Advisories, OneAttachmentIsNotMultiplied) {
  // Each reference would be written as the whole attachment by a parser that has binary values.
  const std::string reference = R"(,{"_placeholder":true,"num":0})";
  EXPECT_EQ(fault("51-[\"a\"" + repeated(reference, 30'000) + "]"), "illegal attachments");
  const std::vector<std::string> one = {std::string(100'000, 'x')};
  std::string out;
  append_msgpack_packet(out, {.event = "a", .first = "1", .more = repeated(reference, 1000).substr(1), .attachments = one});
  EXPECT_LT(out.size(), 102'000U);
}

TEST(Advisories, DepthIsNoStack) {
  // The deepest text of a message's size: refused, and by no recursion.
  EXPECT_EQ(fault("2[\"a\"," + std::string(999'000, '[')), "invalid payload");
  EXPECT_EQ(fault("2[\"a\"," + repeated("{\"a\":", 190'000)), "invalid payload");
  EXPECT_EQ(fault("51-[\"_placeholder\"," + std::string(60, '[') + repeated(R"({"_placeholder":false},)", 30'000) + "1" +
                  std::string(60, ']') + "]"),
            "");
}

TEST(Advisories, BytesInsideOfBase64AreNotText) {
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_post(1, "text/plain",
                 "b/w==\x1e"
                 "4ok");
  EXPECT_THAT(actions(engine), ElementsAre("binary \xff", "message ok", posted(1)));
  engine.on_post(2, "text/plain", "4\xff");
  EXPECT_THAT(actions(engine), ElementsAre(refused(2), "closed: parse error"));
}

}  // namespace
}  // namespace sparc::protocol::socketio
