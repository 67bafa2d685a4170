#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {
namespace {

using ::testing::ElementsAre;

struct Messages : MessageSink {
  void text(std::string_view message) override { all.push_back("text " + std::string(message)); }
  void binary(std::string_view message) override { all.push_back("binary " + std::string(message)); }
  std::vector<std::string> all;
};

std::vector<std::string> encoded(const Outgoing& packet) {
  Messages sink;
  std::string scratch = "what was there before";
  encode(packet, Parser::standard, scratch, sink);
  return sink.all;
}

TEST(Encode, AConnectSaysItsSid) {
  EXPECT_THAT(encoded({.type = PacketType::connect, .first = R"({"sid":"x","pid":"y"})"}),
              ElementsAre(R"(text 40{"sid":"x","pid":"y"})"));
  EXPECT_THAT(encoded({.type = PacketType::connect, .nsp = "/custom", .first = R"({"sid":"x"})"}),
              ElementsAre(R"(text 40/custom,{"sid":"x"})"));
}

TEST(Encode, AConnectErrorSaysItsReason) {
  EXPECT_THAT(
      encoded({.type = PacketType::connect_error, .nsp = "/admin", .first = R"({"message":"not authorized","data":{"code":7}})"}),
      ElementsAre(R"(text 44/admin,{"message":"not authorized","data":{"code":7}})"));
}

TEST(Encode, ADisconnectSaysItsNamespaceAlone) {
  EXPECT_THAT(encoded({.type = PacketType::disconnect}), ElementsAre("text 41"));
  EXPECT_THAT(encoded({.type = PacketType::disconnect, .nsp = "/a"}), ElementsAre("text 41/a,"));
}

TEST(Encode, AnEventIsItsNameAndArguments) {
  EXPECT_THAT(encoded({.event = "hi", .first = "1", .more = R"("Q86cQIS")"}), ElementsAre(R"(text 42["hi",1,"Q86cQIS"])"));
  EXPECT_THAT(encoded({.event = "a\"b"}), ElementsAre(R"(text 42["a\"b"])"));
  EXPECT_THAT(encoded({.nsp = "/n", .id = 7, .event = "e", .first = "{}"}), ElementsAre(R"(text 42/n,7["e",{}])"));
}

TEST(Encode, AnAcknowledgementIsItsArguments) {
  EXPECT_THAT(encoded({.type = PacketType::ack, .id = 456, .first = "1", .more = R"("2",{"3":[false]})"}),
              ElementsAre(R"(text 43456[1,"2",{"3":[false]}])"));
  EXPECT_THAT(encoded({.type = PacketType::ack, .id = 0}), ElementsAre("text 430[]"));
}

TEST(Encode, AttachmentsFollowAsMessagesOfTheirOwn) {
  const std::vector<std::string> one = {"\x01\x02\x03"};
  EXPECT_THAT(encoded({.type = PacketType::ack,
                       .id = 0,
                       .first = R"("pong")",
                       .more = R"({"_placeholder":true,"num":0})",
                       .attachments = one}),
              ElementsAre(R"(text 461-0["pong",{"_placeholder":true,"num":0}])", "binary \x01\x02\x03"));
  const std::vector<std::string> two = {"a", "b"};
  EXPECT_THAT(
      encoded({.nsp = "/n",
               .event = "e",
               .first = R"({"_placeholder":true,"num":0})",
               .more = R"({"_placeholder":true,"num":1})",
               .attachments = two}),
      ElementsAre(R"(text 452-/n,["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])", "binary a", "binary b"));
}

TEST(Encode, WhatIsEncodedIsDecodedAgain) {
  const std::vector<std::string> attachments = {"\xff", ""};
  const Outgoing event{.nsp = "/n",
                       .id = 3,
                       .event = "e",
                       .first = R"([{"_placeholder":true,"num":1}])",
                       .more = R"({"_placeholder":true,"num":0})",
                       .attachments = attachments};
  struct Decoding : MessageSink {
    void text(std::string_view message) override { last = *decoder.text(message.substr(1)); }
    void binary(std::string_view message) override { last = *decoder.binary(message); }
    PacketDecoder decoder{Parser::standard, {}};
    std::optional<Packet> last;
  } sink;
  std::string scratch;
  encode(event, Parser::standard, scratch, sink);
  ASSERT_TRUE(sink.last);
  EXPECT_EQ(sink.last->nsp, "/n");
  EXPECT_EQ(sink.last->id, 3U);
  EXPECT_EQ(sink.last->data, R"(["e",[{"_placeholder":true,"num":1}],{"_placeholder":true,"num":0}])");
  EXPECT_EQ(sink.last->attachments, attachments);
}

}  // namespace
}  // namespace sparc::protocol::socketio
