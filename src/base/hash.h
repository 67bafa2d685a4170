#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace sparc {

/// For maps with std::string keys that are looked up by view, without a copy.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

/// 64-bit mix of two hashes (splitmix64's finisher).
inline std::size_t mix(std::size_t a, std::size_t b) {
  std::uint64_t z = a + 0x9e3779b97f4a7c15ULL + (static_cast<std::uint64_t>(b) << 6) + (static_cast<std::uint64_t>(b) >> 2);
  z ^= static_cast<std::uint64_t>(b) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return static_cast<std::size_t>(z ^ (z >> 31));
}

}  // namespace sparc
