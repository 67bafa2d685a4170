#include "ws/frame_writer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "ws/recorder.h"
#include "ws/utf8.h"

namespace sparc::ws {
namespace {

constexpr Link client{.role = Role::client};

MaskKey example_key() {
  MaskKey key;
  std::memcpy(&key, "\x37\xfa\x21\x3d", 4);
  return key;
}

std::string text_frame(std::string_view payload) {
  std::string out;
  append_text_frame(out, payload);
  return out;
}

TEST(Rfc6455Section5_7, TheExamplesAreWrittenByteByByte) {
  EXPECT_EQ(text_frame("Hello"), wire({0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}));
  std::string out;
  append_masked_frame(out, Opcode::text, "Hello", example_key());
  EXPECT_EQ(out, wire({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
  out.clear();
  append_ping_frame(out, "Hello");
  append_pong_frame(out, "");
  EXPECT_EQ(out, wire({0x89, 0x05, 'H', 'e', 'l', 'l', 'o', 0x8a, 0x00}));
}

TEST(Rfc6455Section5_2, TheLengthIsWrittenInItsShortestForm) {
  // opcode, then 7 bits; 126 and 16 bits; 127 and 64 bits
  const std::vector<std::pair<std::uint64_t, std::string>> cases = {
      {0, wire({0x82, 0})},
      {125, wire({0x82, 125})},
      {126, wire({0x82, 126, 0, 126})},
      {65'535, wire({0x82, 126, 0xff, 0xff})},
      {65'536, wire({0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0})},
      {0x1'0203'0405, wire({0x82, 127, 0, 0, 0, 1, 2, 3, 4, 5})},
  };
  for (const auto& [length, header] : cases) {
    std::string out;
    append_frame_header(out, Opcode::binary, length);
    EXPECT_EQ(out, header);
    EXPECT_EQ(header_size(length), header.size());
  }
}

TEST(Rfc7692Section6, ADeflatedPayloadSetsRsv1) {
  std::string out;
  append_text_frame(out, "x", Payload::deflated);
  append_binary_frame(out, "x", Payload::deflated);
  EXPECT_EQ(out, wire({0xc1, 1, 'x', 0xc2, 1, 'x'}));
}

TEST(Rfc6455Section5_1, WhatIsWrittenIsReadByTheOtherSide) {
  for (const std::size_t size : {0u, 1u, 7u, 125u, 126u, 65'535u, 65'536u}) {
    const std::string payload(size, 'q');
    EXPECT_EQ(receive(text_frame(payload), client), Events{"text:" + payload});
    std::string out = "before";
    append_masked_frame(out, Opcode::binary, payload, 0x9bad'f00d);
    EXPECT_EQ(receive(out.substr(6)), Events{"binary:" + payload});
  }
}

TEST(Rfc6455Section5_5_1, ACloseFrameHasItsCodeInNetworkOrderAndItsReason) {
  std::string out;
  append_close_frame(out, CloseCode::going_away, "drain");
  EXPECT_EQ(out, wire({0x88, 7, 0x03, 0xe9}) + "drain");
  out.clear();
  append_close_frame(out, CloseCode::no_status, "ignored");
  EXPECT_EQ(out, wire({0x88, 0}));
  out.clear();
  append_masked_close_frame(out, 4008, "slow", example_key());
  EXPECT_EQ(receive(out), Events{"close:4008:slow"});
}

TEST(Rfc6455Section5_5, AReasonIsCutTo123BytesBetweenCharacters) {
  for (std::size_t begin = 118; begin < 124; ++begin) {
    const std::string reason = std::string(begin, 'r') + "€€€";
    std::string out;
    append_close_frame(out, 4000, reason);
    const std::string written = out.substr(4);
    EXPECT_LE(written.size(), 123u);
    EXPECT_GT(written.size(), 120u);
    EXPECT_TRUE(valid_utf8(written));
    EXPECT_TRUE(reason.starts_with(written));
  }
}

}  // namespace
}  // namespace sparc::ws
