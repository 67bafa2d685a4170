#pragma once
// Validated JSON, token by token, in one pass however deep it is.

#include <cstdint>
#include <string_view>

#include "protocol/json_scan.h"

namespace sparc::protocol::json {

/// Steps over the tokens of one value, or of several joined by commas. Commas and colons are not given.
///
/// Lifetime: `raw` views the text given to the constructor. On text that is not valid the answers mean nothing.
class Tokens {
 public:
  enum class Type : std::uint8_t { open_object, open_array, close, key, scalar };

  explicit Tokens(std::string_view text) : text_(text) {}
  /// False at the end.
  [[nodiscard]] bool next() {
    skip();
    if (at_ >= text_.size()) return false;
    const std::size_t begin = at_;
    switch (text_[at_]) {
      case '{': type = Type::open_object; break;
      case '[': type = Type::open_array; break;
      case '}':
      case ']': type = Type::close; break;
      default: return scalar();
    }
    raw = text_.substr(begin, 1);
    ++at_;
    return true;
  }

  Type type = Type::scalar;
  std::string_view raw;  // strings with their quotes

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t' ||
                                  text_[at_] == ',' || text_[at_] == ':'))
      ++at_;
  }

  bool scalar() {
    const std::size_t end = value_end(text_, at_);
    if (end == at_) return false;
    raw = text_.substr(at_, end - at_);
    at_ = end;
    type = Type::scalar;
    if (raw.front() != '"') return true;
    // A string before a colon is a key, and nothing else is.
    std::size_t after = at_;
    while (after < text_.size() && (text_[after] == ' ' || text_[after] == '\n' || text_[after] == '\r' || text_[after] == '\t'))
      ++after;
    if (after < text_.size() && text_[after] == ':') type = Type::key;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace sparc::protocol::json
