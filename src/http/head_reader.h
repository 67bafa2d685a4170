#pragma once
// Where the head of a message ends, and what may not be in any head.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/refusal.h"

namespace sparc::http {

/// Gathers the bytes of a message's head, to its empty line. Stricter than RFC 9112 section 2.2 allows a recipient to be, so
/// that no proxy in front can see other borders than we do: lines end with CRLF, and there is no bare CR, no bare LF, no other
/// control character but the tab, and no folded line. One empty line before the first is skipped.
class HeadReader {
 public:
  struct Fed {
    std::size_t consumed = 0;
    bool complete = false;
    std::optional<Refusal> refusal;  // 431 beyond `bytes_max`, else 400
  };

  /// Consumes up to the end of the head and nothing behind it.
  [[nodiscard]] Fed feed(std::string_view input, std::size_t bytes_max);
  /// With the empty line.
  [[nodiscard]] std::string_view head() const { return head_; }
  [[nodiscard]] bool empty() const { return head_.empty() && !skipped_; }
  void clear();

 private:
  [[nodiscard]] std::optional<Refusal> end_line();

  std::string head_;
  std::size_t line_begin_ = 0;
  bool skipped_ = false;
  bool complete_ = false;
};

}  // namespace sparc::http
