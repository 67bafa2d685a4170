#include "ws/utf8.h"

#include <cstring>

namespace sparc::ws {
namespace {

const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) {
  constexpr std::uint64_t high_bits = 0x8080808080808080ULL;
  while (end - at >= 32) {
    std::uint64_t words[4];
    std::memcpy(words, at, 32);
    if (((words[0] | words[1] | words[2] | words[3]) & high_bits) != 0) break;
    at += 32;
  }
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    if ((word & high_bits) != 0) break;
    at += 8;
  }
  while (at < end && *at < 0x80) ++at;
  return at;
}

}  // namespace

bool Utf8Validator::feed(std::string_view piece) {
  const auto* at = reinterpret_cast<const unsigned char*>(piece.data());
  const auto* end = at + piece.size();
  while (at < end) {
    if (needed_ == 0) {
      at = skip_ascii(at, end);
      if (at == end) return true;
      // Table 3-7 of the Unicode standard: the first byte bounds the second.
      const unsigned char lead = *at++;
      low_ = 0x80;
      high_ = 0xbf;
      if (lead >= 0xc2 && lead <= 0xdf) {
        needed_ = 1;
      } else if (lead >= 0xe0 && lead <= 0xef) {
        needed_ = 2;
        if (lead == 0xe0) low_ = 0xa0;
        if (lead == 0xed) high_ = 0x9f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        needed_ = 3;
        if (lead == 0xf0) low_ = 0x90;
        if (lead == 0xf4) high_ = 0x8f;
      } else {
        return false;
      }
    } else {
      if (*at < low_ || *at > high_) return false;
      ++at;
      --needed_;
      low_ = 0x80;
      high_ = 0xbf;
    }
  }
  return true;
}

bool valid_utf8(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.complete();
}

std::size_t utf8_prefix(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  std::size_t size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return size;
}

}  // namespace sparc::ws
