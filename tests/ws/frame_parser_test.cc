// RFC 6455 section 5.2: headers. What a Receiver makes of frames is in receiver_test.cc.

#include "ws/frame_parser.h"

#include <gtest/gtest.h>

#include "ws/recorder.h"

namespace sparc::ws {
namespace {

struct Header {
  FrameHeader frame;
  std::size_t consumed;
};

Header header_of(std::string bytes, Role role, Compression compression = Compression::none) {
  FrameParser parser(role, compression);
  const FrameParser::Step step = parser.next(bytes, UINT64_MAX);
  EXPECT_EQ(step.kind, FrameParser::Kind::header);
  return {parser.frame(), step.consumed};
}

CloseFault fault_of(std::string bytes, Role role = Role::client, std::uint64_t payload_bytes_max = UINT64_MAX) {
  FrameParser parser(role, Compression::none);
  const FrameParser::Step step = parser.next(bytes, payload_bytes_max);
  EXPECT_EQ(step.kind, FrameParser::Kind::fault);
  return step.fault;
}

TEST(Rfc6455Section5_2, EachLengthHasItsEncodingAndNoOther) {
  // FIN + text, then the length: 7 bits, 126 and 16 bits, or 127 and 64 bits
  const std::vector<std::pair<std::string, std::uint64_t>> valid = {
      {wire({0x81, 0}), 0},
      {wire({0x81, 125}), 125},
      {wire({0x81, 126, 0x00, 0x7e}), 126},
      {wire({0x81, 126, 0xff, 0xff}), 65'535},
      {wire({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}), 65'536},
      {wire({0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), INT64_MAX},
  };
  for (const auto& [bytes, length] : valid) {
    const Header header = header_of(bytes, Role::client);
    EXPECT_EQ(header.frame, (FrameHeader{Opcode::text, true, false, length}));
    EXPECT_EQ(header.consumed, bytes.size());
  }
  for (const std::string& bytes : {wire({0x81, 126, 0, 0}), wire({0x81, 126, 0, 125}), wire({0x81, 127, 0, 0, 0, 0, 0, 0, 0, 5}),
                                   wire({0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff})}) {
    EXPECT_EQ(fault_of(bytes), (CloseFault{CloseCode::protocol_error, "length is not in its shortest form"}));
  }
}

TEST(Rfc6455Section5_2, TheMostSignificantBitOfA64BitLengthMustBeZero) {
  EXPECT_EQ(fault_of(wire({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0})),
            (CloseFault{CloseCode::protocol_error, "most significant bit of the length is set"}));
}

TEST(Rfc6455Section5_2, AHeaderIsJudgedWithoutWaitingForItsEnd) {
  EXPECT_EQ(fault_of(wire({0x83})).detail, "reserved opcode");
  EXPECT_EQ(fault_of(wire({0x89, 126})).detail, "control frame above 125 bytes");
}

TEST(Rfc6455Section10_4, APayloadAboveTheLimitIsRefusedByItsHeader) {
  EXPECT_EQ(fault_of(wire({0x82, 126, 0x01, 0x01}), Role::client, 256).code, CloseCode::too_big);
  std::string allowed = wire({0x82, 126, 0x01, 0x00});
  FrameParser parser(Role::client, Compression::none);
  EXPECT_EQ(parser.next(allowed, 256).kind, FrameParser::Kind::header);
}

TEST(FrameParser, AnEmptyPayloadIsOneEmptyPiece) {
  std::string bytes = wire({0x81, 0});
  FrameParser parser(Role::client, Compression::none);
  EXPECT_TRUE(parser.between_frames());
  ASSERT_EQ(parser.next(bytes, 10).kind, FrameParser::Kind::header);
  EXPECT_FALSE(parser.between_frames());
  const FrameParser::Step step = parser.next({}, 10);
  EXPECT_EQ(step.kind, FrameParser::Kind::payload);
  EXPECT_TRUE(step.frame_begins && step.frame_ends && step.payload.empty());
  EXPECT_TRUE(parser.between_frames());
  EXPECT_EQ(parser.next({}, 10).kind, FrameParser::Kind::more);
}

TEST(FrameParser, PiecesOfAPayloadAreUnmaskedWhereTheyAre) {
  std::string bytes = masked(0x82, "Hello");
  FrameParser parser(Role::server, Compression::none);
  ASSERT_EQ(parser.next(bytes, 10).consumed, 6u);
  FrameParser::Step step = parser.next({bytes.data() + 6, 2}, 10);
  EXPECT_EQ(step.payload.data(), bytes.data() + 6);
  EXPECT_EQ(std::string_view(step.payload.data(), step.payload.size()), "He");
  EXPECT_TRUE(step.frame_begins && !step.frame_ends);
  step = parser.next({bytes.data() + 8, 3}, 10);
  EXPECT_EQ(std::string_view(step.payload.data(), step.payload.size()), "llo");
  EXPECT_TRUE(!step.frame_begins && step.frame_ends);
}

TEST(FrameParser, StaysWithinItsMemoryBudget) {
  EXPECT_LE(sizeof(FrameParser), 32u);
  EXPECT_LE(sizeof(Receiver), 48u);
}

}  // namespace
}  // namespace sparc::ws
