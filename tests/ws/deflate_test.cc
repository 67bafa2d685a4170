#include "ws/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "base/entropy.h"
#include "ws/frame_writer.h"
#include "ws/recorder.h"

namespace sparc::ws {
namespace {

constexpr std::size_t mebibyte = 1'048'576;
constexpr Link server_deflate{.compression = Compression::deflate};

std::string inflated(const std::string& compressed, std::size_t most = mebibyte) {
  Inflater inflater;
  const auto out = inflater.inflate(compressed, most);
  return out ? std::string(*out) : "fault:" + std::to_string(static_cast<int>(out.error().code));
}

std::string sample_json(std::size_t items) {
  std::string out = "[";
  for (std::size_t i = 0; i < items; ++i) {
    out += R"({"type":"event","namespace":"alerts","room":"tenant:t1","event":"alert:created","data":{"id":)" +
           std::to_string(i * 7919) + "}},";
  }
  return out + "null]";
}

std::string noise(std::size_t size) {
  std::string out(size, '\0');
  SeededEntropy(7).fill(std::as_writable_bytes(std::span(out)));
  return out;
}

/// `mebibytes` of zero bytes, compressed: a full flush makes blocks that stand for themselves and can be repeated.
std::string bomb(std::size_t mebibytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string zeros(mebibyte, '\0'), block(mebibyte, '\0'), out;
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(block.data());
  stream.avail_out = static_cast<uInt>(block.size());
  EXPECT_EQ(::deflate(&stream, Z_FULL_FLUSH), Z_OK);
  block.resize(block.size() - stream.avail_out);
  deflateEnd(&stream);
  for (std::size_t i = 0; i < mebibytes; ++i) out += block;
  return out.substr(0, out.size() - 4);  // without 00 00 FF FF
}

TEST(Rfc7692Section7_2_3_1, TheExampleOfOneBlockIsHello) {
  const std::string hello = wire({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  EXPECT_EQ(inflated(hello), "Hello");
  // The frame of the section is unmasked; to a server it comes masked.
  EXPECT_EQ(receive(wire({0xc1, 0x07}) + hello, {.role = Role::client, .compression = Compression::deflate}),
            Events{"text:Hello"});
  EXPECT_EQ(receive(masked(0xc1, hello), server_deflate), Events{"text:Hello"});
}

TEST(Rfc7692Section7_2_3_1, ACompressedMessageMayBeFragmented) {
  EXPECT_EQ(receive(masked(0x41, wire({0xf2, 0x48, 0xcd})) + masked(0x89, "p") + masked(0x80, wire({0xc9, 0xc9, 0x07, 0x00})),
                    server_deflate),
            (Events{"ping:p", "text:Hello"}));
}

TEST(Rfc7692Section7_2_3_2, WithoutContextTakeoverEachMessageIsCompressedAlike) {
  Deflater deflater;
  const std::string first(deflater.deflate("Hello"));
  EXPECT_EQ(std::string(deflater.deflate("Hello")), first);
  EXPECT_EQ(first, wire({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
}

TEST(Rfc7692Section7_2_3_2, AMessageThatRefersToTheOneBeforeIsRefused) {
  // The section's second message under context takeover: a reference into the window that is gone.
  EXPECT_EQ(
      receive(masked(0xc1, wire({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})) + masked(0xc1, wire({0xf2, 0x00, 0x11, 0x00, 0x00})),
              server_deflate),
      (Events{"text:Hello", "fault:1007:invalid compressed data"}));
}

TEST(Rfc7692Section7_2_3_3, ABlockWithoutCompressionIsRead) {
  EXPECT_EQ(inflated(wire({0x00, 0x05, 0x00, 0xfa, 0xff, 'H', 'e', 'l', 'l', 'o', 0x00})), "Hello");
}

TEST(Rfc7692Section7_2_3_4, ABlockWithBfinalIsRead) {
  EXPECT_EQ(inflated(wire({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})), "Hello");
}

TEST(Rfc7692Section7_2_3_5, TwoBlocksInOneMessageAreRead) {
  EXPECT_EQ(inflated(wire({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00})), "Hello");
}

TEST(Rfc7692Section7_2_3_6, TheEmptyMessageIsOneZeroByte) {
  EXPECT_EQ(inflated(wire({0x00})), "");
  Deflater deflater;
  EXPECT_EQ(std::string(deflater.deflate("")), wire({0x00}));
}

TEST(Deflater, WhatItWritesIsReadBackWithEveryWindow) {
  for (int bits = 9; bits <= 15; ++bits) {
    Deflater deflater(bits, 6);
    EXPECT_EQ(deflater.window_bits(), bits);
    for (const std::string& text :
         {std::string("{}"), sample_json(3), sample_json(2'000), noise(100'000), std::string(300'000, 'a')}) {
      const std::string compressed(deflater.deflate(text));
      EXPECT_FALSE(compressed.ends_with(std::string("\x00\x00\xff\xff", 4)));
      EXPECT_TRUE(inflated(compressed) == text) << bits << ' ' << text.size();
      std::string frame;
      append_masked_frame(frame, Opcode::binary, compressed, 0x1234'5678, Payload::deflated);
      EXPECT_TRUE(receive_pieces(server_deflate, {frame}) == Events{"binary:" + text}) << bits << ' ' << text.size();
    }
  }
}

TEST(Inflater, MessagesOfOtherConnectionsLeaveNothingBehind) {
  Inflater inflater;
  Deflater deflater;
  const std::string good(deflater.deflate(sample_json(10)));
  ASSERT_FALSE(inflater.inflate("\xff\xff\xff", mebibyte));
  ASSERT_EQ(inflater.inflate(good, mebibyte), sample_json(10));
  ASSERT_FALSE(inflater.inflate(bomb(2), mebibyte));
  ASSERT_EQ(inflater.inflate(good, mebibyte), sample_json(10));
  ASSERT_FALSE(inflater.inflate(std::string_view(good).substr(0, good.size() / 2), mebibyte));
  ASSERT_EQ(inflater.inflate(good, mebibyte), sample_json(10));
}

TEST(Inflater, TheLimitIsOfTheMessageAndExact) {
  Deflater deflater;
  const std::string text = sample_json(500);
  const std::string compressed(deflater.deflate(text));
  EXPECT_EQ(inflated(compressed, text.size()), text);
  EXPECT_EQ(inflated(compressed, text.size() - 1), "fault:1009");
  EXPECT_EQ(inflated(compressed, 0), "fault:1009");
  EXPECT_EQ(inflated(wire({0x00}), 0), "");
}

TEST(Inflater, AMessageThatWouldExpandToAGigabyteStopsAtTheLimit) {
  const std::string compressed = bomb(1'024);
  ASSERT_LT(compressed.size(), 2 * mebibyte);
  ASSERT_TRUE(inflated(bomb(1)) == std::string(mebibyte, '\0')) << "the bomb is a valid message";
  Inflater inflater;
  const auto out = inflater.inflate(compressed, mebibyte);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, CloseCode::too_big);
  EXPECT_LE(inflater.buffer_bytes(), 2 * mebibyte + 1);
  EXPECT_EQ(receive_pieces(server_deflate, {masked(0xc2, bomb(64))}), Events{"fault:1009:message exceeds the size limit"});
}

TEST(Inflater, ALargeMessageDoesNotKeepItsBuffer) {
  Inflater inflater;
  Deflater deflater;
  const std::string large(deflater.deflate(std::string(900'000, 'z'))), small(deflater.deflate("small"));
  ASSERT_TRUE(inflater.inflate(large, mebibyte));
  EXPECT_GE(inflater.buffer_bytes(), 900'000u);
  ASSERT_TRUE(inflater.inflate(small, mebibyte));
  EXPECT_LE(inflater.buffer_bytes(), 64u * 1024);
}

TEST(Inflater, EveryTruncationOfAMessageIsRefusedOrShorter) {
  Deflater deflater(12, 6);
  const std::string text = sample_json(20);
  const std::string compressed(deflater.deflate(text));
  Inflater inflater;
  for (std::size_t size = 0; size < compressed.size(); ++size) {
    const auto out = inflater.inflate(std::string_view(compressed).substr(0, size), mebibyte);
    EXPECT_TRUE(out ? out->size() < text.size() : out.error().code == CloseCode::invalid_data) << size;
  }
  EXPECT_EQ(inflated(compressed.substr(0, compressed.size() / 2)), "fault:1007");
}

TEST(Rfc6455Section8_1, CompressedTextIsValidatedAsWell) {
  Deflater deflater;
  const std::string bad(deflater.deflate("abc\xff"));
  EXPECT_EQ(receive(masked(0xc1, bad), server_deflate), Events{"fault:1007:text is not UTF-8"});
  EXPECT_EQ(receive(masked(0xc2, bad), server_deflate), Events{"binary:abc\xff"});
  EXPECT_EQ(receive(masked(0x41, bad.substr(0, 2)) + masked(0x80, bad.substr(2)), server_deflate),
            Events{"fault:1007:text is not UTF-8"});
}

TEST(Receiver, AnIncompressibleMessageOfTheLargestSizeIsTaken) {
  const std::string payload = noise(mebibyte);
  Deflater deflater(9, 1);
  const std::string compressed(deflater.deflate(payload));
  EXPECT_GT(compressed.size(), payload.size());
  EXPECT_TRUE(receive_pieces(server_deflate, {masked(0xc2, compressed)}) == Events{"binary:" + payload});
  EXPECT_EQ(receive_pieces(server_deflate, {masked(0x82, payload + "x")}), Events{"fault:1009:message exceeds the size limit"});
}

}  // namespace
}  // namespace sparc::ws
