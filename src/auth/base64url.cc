#include "auth/base64url.h"

#include <array>
#include <cstdint>

namespace sparc::auth {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t invalid = 0xff;

constexpr std::array<std::uint8_t, 256> values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(invalid);
  for (std::uint8_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(alphabet[i])] = i;
  return table;
}();

std::uint8_t value_of(char c) { return values[static_cast<unsigned char>(c)]; }

}  // namespace

std::optional<std::size_t> base64url_decode(std::string_view text, std::span<char> out) {
  const std::size_t size = base64url_decoded_size(text.size());
  const std::size_t rest = text.size() % 4;
  if (rest == 1 || size > out.size()) return std::nullopt;
  std::size_t at = 0, i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const std::uint8_t a = value_of(text[i]), b = value_of(text[i + 1]), c = value_of(text[i + 2]), d = value_of(text[i + 3]);
    if (((a | b | c | d) & 0x80) != 0) return std::nullopt;
    out[at++] = static_cast<char>(a << 2 | b >> 4);
    out[at++] = static_cast<char>(b << 4 | c >> 2);
    out[at++] = static_cast<char>(c << 6 | d);
  }
  if (rest != 0) {
    const std::uint8_t a = value_of(text[i]), b = value_of(text[i + 1]), c = rest == 3 ? value_of(text[i + 2]) : std::uint8_t{0};
    if (((a | b | c) & 0x80) != 0) return std::nullopt;
    out[at++] = static_cast<char>(a << 2 | b >> 4);
    if (rest == 3) out[at++] = static_cast<char>(b << 4 | c >> 2);
    if ((rest == 2 ? b & 0x0f : c & 0x03) != 0) return std::nullopt;
  }
  return at;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out(base64url_decoded_size(text.size()), '\0');
  if (!base64url_decode(text, std::span(out))) return std::nullopt;
  return out;
}

void append_base64url(std::string& out, std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) out += alphabet[group >> shift & 63];
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 0) return;
  const std::uint32_t group = byte(i) << 16 | (rest == 2 ? byte(i + 1) << 8 : 0);
  for (int shift = 18; shift >= (rest == 2 ? 6 : 12); shift -= 6) out += alphabet[group >> shift & 63];
}

}  // namespace sparc::auth
