#pragma once
// How calls of the public API fail.

#include <cstdint>
#include <expected>
#include <string>

namespace sparc::websocket {

/// Why something did not happen. `code` is one of the codes of docs/codes.md (`FORBIDDEN`, `TIMEOUT`, `UNAVAILABLE` …); a newer
/// server may send one that this version does not know, so compare with those you handle and treat the rest alike.
struct Error {
  std::string code;
  std::string message;              // one sentence for a person
  std::int64_t retry_after_ms = 0;  // 0: not said
  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace sparc::websocket
