#include "protocol/socketio/msgpack.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sparc::protocol::socketio {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

/// `{type: 2, data: ["e", <value>], nsp: "/"}`.
std::string event_of(const std::string& value) {
  return bytes({0x83, 0xa4, 't', 'y', 'p', 'e', 2, 0xa4, 'd', 'a', 't', 'a', 0x92, 0xa1, 'e'}) + value +
         bytes({0xa3, 'n', 's', 'p', 0xa1, '/'});
}

std::string json_of(const std::string& value) {
  const auto packet = read_msgpack_packet(event_of(value), {});
  if (!packet) return packet.error();
  EXPECT_EQ(packet->type, PacketType::event);
  return packet->data.substr(5, packet->data.size() - 6);  // without `["e",` and `]`
}

std::string packed(const Outgoing& packet) {
  std::string out;
  append_msgpack_packet(out, packet);
  return out;
}

TEST(Msgpack, AnEventIsWrittenAsOneMap) {
  EXPECT_EQ(packed({.event = "e", .first = "1"}), event_of(bytes({1})));
  EXPECT_EQ(packed({.nsp = "/n", .id = 300, .event = "e"}),
            bytes({0x84, 0xa4, 't', 'y', 'p',  'e', 2,  0xa4, 'd', 'a', 't', 'a',  0x91, 0xa1,
                   'e',  0xa2, 'i', 'd', 0xcd, 1,   44, 0xa3, 'n', 's', 'p', 0xa2, '/',  'n'}));
  EXPECT_EQ(packed({.type = PacketType::disconnect}), bytes({0x82, 0xa4, 't', 'y', 'p', 'e', 1, 0xa3, 'n', 's', 'p', 0xa1, '/'}));
}

TEST(Msgpack, ValuesGoBothWays) {
  const std::string long_text(70'000, 'x');
  std::string many = "[0";
  for (int i = 1; i < 70'000; ++i) many += ",0";
  many += "]";
  for (const std::string& json : {std::string("null"),
                                  std::string("true"),
                                  std::string("false"),
                                  std::string("0"),
                                  std::string("127"),
                                  std::string("128"),
                                  std::string("255"),
                                  std::string("256"),
                                  std::string("65535"),
                                  std::string("65536"),
                                  std::string("4294967295"),
                                  std::string("4294967296"),
                                  std::string("18446744073709551615"),
                                  std::string("-1"),
                                  std::string("-32"),
                                  std::string("-33"),
                                  std::string("-128"),
                                  std::string("-129"),
                                  std::string("-32768"),
                                  std::string("-32769"),
                                  std::string("-2147483648"),
                                  std::string("-2147483649"),
                                  std::string("-9223372036854775808"),
                                  std::string("0.5"),
                                  std::string("-1.25e-300"),
                                  std::string("\"\""),
                                  std::string("\"é\\n\\\"\""),
                                  '"' + std::string(31, 'a') + '"',
                                  '"' + std::string(32, 'a') + '"',
                                  '"' + std::string(255, 'a') + '"',
                                  '"' + std::string(256, 'a') + '"',
                                  '"' + long_text + '"',
                                  std::string("[]"),
                                  std::string("{}"),
                                  many,
                                  std::string(R"({"a":[1,{"b":null}],"":{"c":[[]]}})")}) {
    std::string message = packed({.event = "e", .first = json});
    const auto packet = read_msgpack_packet(message, {});
    ASSERT_TRUE(packet) << json.substr(0, 50);
    EXPECT_EQ(packet->data, "[\"e\"," + json + "]");
  }
}

TEST(Msgpack, FurtherArgumentsBecomeElements) {
  const auto packet = read_msgpack_packet(packed({.event = "e", .first = "1", .more = R"([2,3] , {"a":4}, 5)"}), {});
  EXPECT_EQ(packet->data, R"(["e",1,[2,3],{"a":4},5])");
  EXPECT_EQ(read_msgpack_packet(packed({.type = PacketType::ack, .id = 1, .first = "1", .more = "2"}), {})->data, "[1,2]");
}

TEST(Msgpack, IntegersAreWrittenAsJavaScriptWould) {
  EXPECT_EQ(packed({.event = "e", .first = "1.0"}), event_of(bytes({1})));
  EXPECT_EQ(packed({.event = "e", .first = "1e2"}), event_of(bytes({100})));
  EXPECT_EQ(packed({.event = "e", .first = "-0.5"}), event_of(bytes({0xcb, 0xbf, 0xe0, 0, 0, 0, 0, 0, 0})));
}

TEST(Msgpack, BinaryValuesArePlaceholdersAndAttachments) {
  const std::vector<std::string> attachments = {"\x01", std::string(300, 'b')};
  const std::string message = packed({.event = "e",
                                      .first = R"({"x":{"_placeholder":true,"num":1}})",
                                      .more = R"({"num":0,"_placeholder":true})",
                                      .attachments = attachments});
  const auto packet = read_msgpack_packet(message, {});
  ASSERT_TRUE(packet);
  // Numbered as they come.
  EXPECT_EQ(packet->data, R"(["e",{"x":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}])");
  EXPECT_EQ(packet->attachments, (std::vector<std::string>{attachments[1], attachments[0]}));
}

TEST(Msgpack, APlaceholderThatStandsForNothingOrAgainIsNil) {
  const std::vector<std::string> one = {"x"};
  EXPECT_EQ(packed({.event = "e", .first = R"({"_placeholder":true,"num":3})", .attachments = one}), event_of(bytes({0xc0})));
  EXPECT_EQ(packed({.event = "e", .first = R"({"_placeholder":true,"num":0})"}),
            event_of(bytes({0x82, 0xac}) + "_placeholder" + bytes({0xc3, 0xa3, 'n', 'u', 'm', 0})));
  EXPECT_EQ(
      packed({.event = "e", .first = R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}])", .attachments = one}),
      event_of(bytes({0x92, 0xc4, 1, 'x', 0xc0})));
}

TEST(Msgpack, DatesAreIsoText) {
  EXPECT_EQ(json_of(bytes({0xd6, 0xff, 0, 0, 0, 1})), R"("1970-01-01T00:00:01.000Z")");
  // nanoseconds in 30 bits, seconds in 34
  EXPECT_EQ(json_of(bytes({0xd7, 0xff, 0x07, 0x73, 0x59, 0x40, 0, 0, 0, 1})), R"("1970-01-01T00:00:01.031Z")");
  EXPECT_EQ(json_of(bytes({0xc7, 12, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
            R"("1969-12-31T23:59:59.000Z")");
  EXPECT_EQ(json_of(bytes({0xd7, 0, 0, 0, 0, 0, 0, 0, 0x03, 0xe8})), R"("1970-01-01T00:00:01.000Z")");
  EXPECT_EQ(json_of(bytes({0xd7, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0})), R"({"_placeholder":true,"num":0})");
}

TEST(Msgpack, UndefinedIsNullInsideAndNothingAsAPart) {
  EXPECT_EQ(json_of(bytes({0xd4, 0, 0})), "null");
  const auto packet = read_msgpack_packet(bytes({0x84, 0xa4, 't', 'y', 'p',  'e', 0, 0xa4, 'd', 'a', 't', 'a',  0xd4, 0,
                                                 0,    0xa2, 'i', 'd', 0xd4, 0,   0, 0xa3, 'n', 's', 'p', 0xa1, '/'}),
                                          {});
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->data, "");
  EXPECT_FALSE(packet->id);
}

TEST(Msgpack, NumbersThatJsonHasNotAreNull) {
  EXPECT_EQ(json_of(bytes({0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0})), "null");
  EXPECT_EQ(json_of(bytes({0xca, 0x7f, 0xc0, 0, 0})), "null");
  EXPECT_EQ(json_of(bytes({0xca, 0x3f, 0, 0, 0})), "0.5");
}

TEST(Msgpack, OtherMembersAreForgotten) {
  // clients send `options: {compress: true}`
  const std::string options =
      bytes({0xa7, 'o', 'p', 't', 'i', 'o', 'n', 's', 0x81, 0xa8, 'c', 'o', 'm', 'p', 'r', 'e', 's', 's', 0xc3});
  std::string message = event_of(bytes({1})) + options;
  message[0] = static_cast<char>(0x84);
  EXPECT_EQ(read_msgpack_packet(message, {})->data, R"(["e",1])");
}

TEST(Msgpack, EveryTruncationIsRefused) {
  const std::vector<std::string> one = {"abc"};
  const std::string message = packed({.id = 70'000,
                                      .event = "e",
                                      .first = R"({"a":[1.5,-300,"text"]})",
                                      .more = R"({"_placeholder":true,"num":0})",
                                      .attachments = one});
  for (std::size_t length = 0; length < message.size(); ++length)
    EXPECT_FALSE(read_msgpack_packet(std::string_view(message).substr(0, length), {})) << length;
  EXPECT_FALSE(read_msgpack_packet(message + "x", {}));
  EXPECT_TRUE(read_msgpack_packet(message, {}));
}

TEST(Msgpack, WhatIsNoPacketIsRefusedWithTheReferencesWords) {
  const auto fault = [](const std::string& message) { return read_msgpack_packet(message, {}).error(); };
  const std::string nsp = bytes({0xa3, 'n', 's', 'p', 0xa1, '/'});
  const std::string type = bytes({0xa4, 't', 'y', 'p', 'e'});
  EXPECT_EQ(fault(bytes({0x90})), "invalid packet type");
  EXPECT_EQ(fault(bytes({0x81}) + nsp), "invalid packet type");
  for (const int wrong : {5, 0xff, 0xc0, 0xa0, 0xc3})
    EXPECT_EQ(fault(bytes({0x82}) + type + bytes({wrong}) + nsp), "invalid packet type");
  EXPECT_EQ(fault(bytes({0x81}) + type + bytes({0})), "invalid namespace");
  EXPECT_EQ(fault(bytes({0x82}) + type + bytes({0, 0xa3, 'n', 's', 'p', 7})), "invalid namespace");
  EXPECT_EQ(fault(bytes({0x82}) + type + bytes({0, 0xa3, 'n', 's', 'p', 0xa1, 'x'})), "invalid namespace");
  EXPECT_EQ(fault(bytes({0x82}) + type + bytes({2}) + nsp), "invalid payload");
  for (const int wrong : {0xff, 0xc0, 0xa0, 0x90})
    EXPECT_EQ(fault(bytes({0x83, 0xa2, 'i', 'd', wrong}) + type + bytes({1}) + nsp), "invalid packet id");
}

TEST(Msgpack, AMapThatPosesAsAPlaceholderIsRefused) {
  const std::string forged = bytes({0x82, 0xac}) + "_placeholder" + bytes({0xc3, 0xa3, 'n', 'u', 'm', 0});
  EXPECT_EQ(json_of(forged), "illegal attachments");
  const std::string with_binary = bytes({0x92, 0xc4, 1, 'x'}) + forged;
  EXPECT_EQ(json_of(with_binary), "illegal attachments");
}

TEST(Msgpack, HostileValuesAreRefused) {
  EXPECT_EQ(json_of(bytes({0xc1})), "invalid payload");
  EXPECT_EQ(json_of(bytes({0xa1, 0xff})), "invalid payload");                    // no UTF-8
  EXPECT_EQ(json_of(bytes({0x81, 1, 1})), "invalid payload");                    // a key that is no text
  EXPECT_EQ(json_of(bytes({0xdd, 0xff, 0xff, 0xff, 0xff})), "invalid payload");  // four thousand million elements
  EXPECT_EQ(json_of(bytes({0xdf, 0xff, 0xff, 0xff, 0xff})), "invalid payload");
  EXPECT_EQ(json_of(bytes({0xc6, 0xff, 0xff, 0xff, 0xff})), "invalid payload");
  EXPECT_EQ(json_of(bytes({0xd4, 5, 0})), "invalid payload");  // an extension that nobody knows
  EXPECT_EQ(json_of(bytes({0xc7, 12, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})), "invalid payload");
  std::string many = bytes({0x9b});
  for (int i = 0; i < 11; ++i) many += bytes({0xc4, 0});
  EXPECT_EQ(json_of(many), "too many attachments");
}

TEST(Msgpack, DepthIsBounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + bytes({0xc0}); };
  EXPECT_NE(json_of(nested(63)), "invalid payload");
  EXPECT_EQ(json_of(nested(64)), "invalid payload");
  EXPECT_EQ(json_of(nested(900'000)), "invalid payload");
}

TEST(Msgpack, ADecoderOfItTakesBinaryMessagesOnly) {
  PacketDecoder decoder(Parser::msgpack, {});
  EXPECT_FALSE(decoder.text("2[\"a\"]"));
  const auto packet = decoder.binary(event_of(bytes({1})));
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->data, R"(["e",1])");
  EXPECT_EQ(PacketDecoder(Parser::msgpack, {.bytes_max = 3}).binary(event_of(bytes({1}))).error(), "packet too large");
}

}  // namespace
}  // namespace sparc::protocol::socketio
