#include "protocol/socketio/engine_packet.h"

#include <gtest/gtest.h>

#include "base/prefixes.h"
#include "protocol/socketio/base64.h"

namespace sparc::protocol::socketio {
namespace {

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

TEST(EnginePacket, EachDigitIsAType) {
  for (int digit = 0; digit <= 6; ++digit) {
    const auto packet = read_engine_packet(std::to_string(digit) + "data");
    ASSERT_TRUE(packet) << digit;
    EXPECT_EQ(static_cast<int>(packet->type), digit);
    EXPECT_EQ(packet->data, "data");
    EXPECT_FALSE(packet->binary);
  }
}

TEST(EnginePacket, ATypeThatIsNoneIsAParseError) {
  for (const char* text : {"", "7", "9", "abc", " 4", "-1", "\x1e"}) {
    const auto packet = read_engine_packet(text);
    ASSERT_FALSE(packet) << text;
    EXPECT_EQ(packet.error(), "parse error");
  }
}

TEST(EnginePacket, Base64BehindABIsABinaryMessage) {
  const auto packet = read_engine_packet("bAQIDBA==");
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->type, EngineType::message);
  EXPECT_TRUE(packet->binary);
  EXPECT_EQ(packet->data, "\x01\x02\x03\x04");
}

TEST(EnginePacket, Base64MayHoldBytesThatAreNoUtf8) {
  EXPECT_EQ(read_engine_packet("b//79")->data, "\xff\xfe\xfd");
  EXPECT_EQ(read_payload("4a\x1e"
                         "b//79")
                ->at(1)
                .data,
            "\xff\xfe\xfd");
}

TEST(EnginePacket, BadBase64IsAParseError) {
  for (const char* text : {"b*", "bA", "bA=", "bA===", "bAQ=I", "bAQI\n", "bAQID=", "bAQ==AQ==", "b====", "bAQ_-"})
    EXPECT_FALSE(read_engine_packet(text)) << text;
}

TEST(EnginePacket, Base64GoesBothWaysAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(decode_base64(base64(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
  // RFC 4648 section 10.
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(decode_base64("Zg"), "f");
}

TEST(EnginePayload, PacketsAreSeparatedByOneByte) {
  const auto packets = read_payload(
      "4test1\x1e"
      "3\x1e"
      "bAQIDBA==");
  ASSERT_TRUE(packets);
  ASSERT_EQ(packets->size(), 3U);
  EXPECT_EQ(packets->at(0).data, "test1");
  EXPECT_EQ(packets->at(1).type, EngineType::pong);
  EXPECT_EQ(packets->at(2).data, "\x01\x02\x03\x04");
}

TEST(EnginePayload, OneBadPacketSpoilsAll) {
  for (const char* body : {"", "abc", "4a\x1e",
                           "\x1e"
                           "4a",
                           "4a\x1e\x1e"
                           "4b",
                           "4a\x1e"
                           "9"})
    EXPECT_FALSE(read_payload(body)) << body;
}

TEST(EnginePayload, ABodyThatIsCutShortHasNoPacketsButThoseBeforeTheCut) {
  const std::string body =
      "4héllo\x1e"
      "3\x1e"
      "bAQIDBA==\x1e"
      "4last";
  const auto whole = read_payload(body);
  ASSERT_TRUE(whole);
  for_each_prefix(body, [&](std::string_view prefix) {
    const auto packets = read_payload(prefix);
    if (!packets) return;
    ASSERT_LE(packets->size(), whole->size());
    for (std::size_t i = 0; i < packets->size(); ++i) {
      EXPECT_EQ(packets->at(i).type, whole->at(i).type);
      const bool last = i + 1 == packets->size();
      EXPECT_TRUE(last ? whole->at(i).data.starts_with(packets->at(i).data) : whole->at(i).data == packets->at(i).data);
    }
  });
}

TEST(EnginePayload, ABodyThatIsNoUtf8IsAParseError) { EXPECT_FALSE(read_payload("4\xff")); }

TEST(EnginePayload, WhatIsAppendedIsReadAgain) {
  std::string body;
  append_to_payload(body, EngineType::message, "hello");
  EXPECT_EQ(body, "4hello");
  append_binary_to_payload(body, "\x01\x02\x03\x04");
  append_to_payload(body, EngineType::noop, "");
  EXPECT_EQ(body,
            "4hello\x1e"
            "bAQIDBA==\x1e"
            "6");
  const auto packets = read_payload(body);
  ASSERT_EQ(packets->size(), 3U);
  EXPECT_EQ(packets->at(1).data, "\x01\x02\x03\x04");
  EXPECT_EQ(packets->at(2).type, EngineType::noop);
}

TEST(EngineOpen, ItsMembersStandInTheReferencesOrder) {
  std::string out;
  append_open_packet(out, {.sid = "lv_VI97HAXpY6yYWAAAC", .upgrades = true});
  EXPECT_EQ(
      out,
      R"(0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
  out.clear();
  append_open_packet(out, {.sid = "s", .ping_interval_ms = 300, .ping_timeout_ms = 200, .max_payload_bytes = 5});
  EXPECT_EQ(out, R"(0{"sid":"s","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":5})");
}

}  // namespace
}  // namespace sparc::protocol::socketio
