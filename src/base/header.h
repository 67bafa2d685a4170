#pragma once
// Header fields of HTTP messages (RFC 9110 section 5), as views: what http/ parses and ws/ checks in a handshake.

#include <optional>
#include <span>
#include <string_view>

namespace sparc {

/// Views into the message they came from.
struct Header {
  std::string_view name;   // as it was written; compared without regard to case
  std::string_view value;  // without surrounding whitespace
  friend bool operator==(const Header&, const Header&) = default;
};
using Headers = std::span<const Header>;

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// tchar of RFC 9110 section 5.6.2.
constexpr bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
constexpr bool is_token(std::string_view text) {
  for (char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}

/// The first field of that name.
constexpr std::optional<std::string_view> find_header(Headers headers, std::string_view name) {
  for (const Header& header : headers) {
    if (equals_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}
constexpr std::size_t count_headers(Headers headers, std::string_view name) {
  std::size_t count = 0;
  for (const Header& header : headers) count += equals_ignoring_case(header.name, name) ? 1 : 0;
  return count;
}

/// Calls `visit(element)` for each non-empty element of a comma-separated list, trimmed. Not for lists with quoted strings.
template <class F>
constexpr void for_each_in_list(std::string_view list, F&& visit) {
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim_blanks(list.substr(0, comma));
    if (!element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// Whether a field of that name lists `token`, in one line or several; without regard to case.
constexpr bool header_lists(Headers headers, std::string_view name, std::string_view token) {
  bool found = false;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, name)) continue;
    for_each_in_list(header.value, [&](std::string_view element) { found = found || equals_ignoring_case(element, token); });
  }
  return found;
}

}  // namespace sparc
