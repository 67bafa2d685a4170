#include "ws/mask.h"

#include <bit>
#include <cstring>

namespace sparc::ws {

static_assert(std::endian::native == std::endian::little, "the key's rotation is written for little endian");

MaskKey apply_mask(std::span<char> bytes, MaskKey key) {
  char* at = bytes.data();
  std::size_t left = bytes.size();
  const std::uint64_t wide = (std::uint64_t{key} << 32) | key;
  for (; left >= 32; left -= 32, at += 32) {
    std::uint64_t words[4];
    std::memcpy(words, at, 32);
    for (std::uint64_t& word : words) word ^= wide;
    std::memcpy(at, words, 32);
  }
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= wide;
    std::memcpy(at, &word, 8);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ static_cast<char>(wide >> (8 * i)));
  return std::rotr(key, static_cast<int>(8 * (left % 4)));
}

}  // namespace sparc::ws
