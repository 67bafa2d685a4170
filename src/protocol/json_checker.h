#pragma once
// Whether a text is JSON, before any part of it is passed on byte for byte.

#include <cstddef>
#include <string_view>

namespace sparc::protocol {

/// Nested arrays and objects of one message, its own frame and array of frames included.
inline constexpr std::size_t json_depth_max = 64;

/// Checks one JSON value (RFC 8259) in UTF-8, of at most `json_depth_max` nested containers. Half of a surrogate pair in a string
/// and a number beyond the range of a double are refused, because not every reader could read them (RFC 7493); integers may have
/// any number of digits below that.
///
/// Keeps scratch memory for messages up to 64 KiB; more is freed after the check.
/// Thread: confined to its owner.
class JsonChecker {
 public:
  JsonChecker();
  ~JsonChecker();
  JsonChecker(const JsonChecker&) = delete;
  JsonChecker& operator=(const JsonChecker&) = delete;

  /// Empty where `text` is valid, else what is wrong with it, for a person. The answer is a literal.
  [[nodiscard]] std::string_view fault(std::string_view text);

 private:
  struct Impl;
  Impl* impl_;  // owned
};

}  // namespace sparc::protocol
