#pragma once
// What a name may be made of, in every dialect.

#include <cstddef>
#include <string>
#include <string_view>

namespace sparc::protocol {

/// Whether `text` is 1 to `bytes_max` bytes of UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F).
[[nodiscard]] bool plain_text(std::string_view text, std::size_t bytes_max);

/// `text` in double quotes for a fault's message: control characters become `?`, and after 64 bytes it ends in `…`.
[[nodiscard]] std::string quoted(std::string_view text);

/// `a, b, c`, for messages that name what is allowed.
template <class Range>
[[nodiscard]] std::string listed(const Range& names) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

}  // namespace sparc::protocol
