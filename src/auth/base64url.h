#pragma once
// base64url without padding (RFC 7515 section 2, RFC 4648 section 5).

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sparc::auth {

/// Bytes that `characters` of base64url decode to.
[[nodiscard]] constexpr std::size_t base64url_decoded_size(std::size_t characters) {
  return characters / 4 * 3 + characters % 4 * 3 / 4;
}

/// Decodes into `out` and answers how many bytes that were; nothing for any other character (also `=` and white space), an
/// impossible length, bits set behind the last byte (one value has one spelling), or when `out` is too small.
[[nodiscard]] std::optional<std::size_t> base64url_decode(std::string_view text, std::span<char> out);
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

void append_base64url(std::string& out, std::string_view bytes);

}  // namespace sparc::auth
