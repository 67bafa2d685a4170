#include "ws/mask.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace sparc::ws {
namespace {

constexpr unsigned char key_bytes[4] = {0x37, 0xfa, 0x21, 0x3d};

MaskKey key() {
  MaskKey out;
  std::memcpy(&out, key_bytes, 4);
  return out;
}

std::string sample(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(i * 7 + 1);
  return out;
}

TEST(Rfc6455Section5_3, ByteIIsCombinedWithByteIModulo4OfTheKey) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain = sample(size);
    std::string bytes = plain;
    apply_mask(bytes, key());
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_EQ(static_cast<unsigned char>(bytes[i]), static_cast<unsigned char>(plain[i]) ^ key_bytes[i % 4]);
    }
  }
}

TEST(Rfc6455Section5_3, ThePayloadMayBeUnmaskedInPiecesOfAnyLength) {
  const std::string plain = sample(40);
  std::string expected = plain;
  apply_mask(expected, key());
  for (std::size_t cut = 0; cut <= plain.size(); ++cut) {
    std::string bytes = plain;
    const MaskKey next = apply_mask({bytes.data(), cut}, key());
    apply_mask({bytes.data() + cut, bytes.size() - cut}, next);
    EXPECT_EQ(bytes, expected) << cut;
  }
}

}  // namespace
}  // namespace sparc::ws
