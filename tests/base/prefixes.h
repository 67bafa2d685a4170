#pragma once
// What is read as a whole cannot be fed in pieces; it can be cut short, at any byte.

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace sparc {

/// Calls `visit(prefix)` for every prefix of `text` but the whole, each in memory that ends where it ends, so that reading behind it is
/// seen by the sanitizer.
template <class Visit>
void for_each_prefix(std::string_view text, Visit visit) {
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    visit(std::string_view(exact.data(), exact.size()));
  }
}

}  // namespace sparc
