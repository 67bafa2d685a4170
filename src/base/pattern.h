#pragma once
#include <string_view>

namespace sparc {

/// `security:*` matches what begins with `security:`, `*:sync` what ends so; `*` stands for any run of characters, also an empty
/// one, everything else for itself. No backtracking beyond the last star: linear in practice, O(n·m) at the worst.
inline bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace sparc
