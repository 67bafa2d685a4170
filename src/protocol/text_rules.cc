#include "protocol/text_rules.h"

#include <simdjson.h>

namespace sparc::protocol {
namespace {

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

/// U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
bool has_c1_control(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (static_cast<unsigned char>(text[i]) == 0xc2 && next >= 0x80 && next <= 0x9f) return true;
  }
  return false;
}

}  // namespace

bool plain_text(std::string_view text, std::size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return false;
  bool ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_control(byte)) return false;
    ascii = ascii && byte < 0x80;
  }
  return ascii || (simdjson::validate_utf8(text.data(), text.size()) && !has_c1_control(text));
}

std::string quoted(std::string_view text) {
  constexpr std::size_t bytes_max = 64;
  std::size_t end = text.size();
  if (end > bytes_max) {
    end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
  }
  const bool utf8 = simdjson::validate_utf8(text.data(), end);
  std::string out = "\"";
  for (std::size_t i = 0; i < end; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    out.push_back(is_control(byte) || (!utf8 && byte >= 0x80) ? '?' : text[i]);
  }
  out += end < text.size() ? "…\"" : "\"";
  return out;
}

}  // namespace sparc::protocol
