#pragma once
// Writing JSON (RFC 8259) by hand, for the frames and small documents that the server itself makes.

#include <cstdint>
#include <string>
#include <string_view>

namespace sparc {

/// Appends `text` as a JSON string with its quotes. Invalid UTF-8 is passed through: callers hold validated text.
void append_json_string(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t value);
void append_number(std::string& out, std::uint64_t value);
/// `2026-01-01T00:00:00.000Z` for Unix milliseconds.
void append_iso_time(std::string& out, std::int64_t unix_ms);

[[nodiscard]] inline std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace sparc
