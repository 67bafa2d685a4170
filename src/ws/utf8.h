#pragma once
// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sparc::ws {

/// Validates text that arrives in pieces, and refuses at the first byte that no valid text could have there. 3 bytes of state.
class Utf8Validator {
 public:
  /// False: the text so far cannot be the beginning of valid UTF-8; do not feed again.
  [[nodiscard]] bool feed(std::string_view piece);
  /// Whether the text may end here, that is not within a character.
  [[nodiscard]] bool complete() const { return needed_ == 0; }

 private:
  std::uint8_t needed_ = 0;  // continuation bytes that are still to come
  std::uint8_t low_ = 0x80;  // bounds of the next one
  std::uint8_t high_ = 0xbf;
};

[[nodiscard]] bool valid_utf8(std::string_view text);

/// The length of the longest prefix of valid `text` that has at most `bytes_max` bytes and cuts no character.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text, std::size_t bytes_max);

}  // namespace sparc::ws
