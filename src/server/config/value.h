#pragma once
// What a configuration text says, before anybody knows what it means: the common form of TOML, JSON, variables and flags.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sparc::config {

struct Value {
  enum class Kind : std::uint8_t { boolean, integer, number, text, list, table };
  Kind kind = Kind::text;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;  // of a text; of a number its decimal form
  std::vector<Value> items;
  struct Member;
  std::vector<Member> members;
  std::uint32_t line = 0;  // 1-based; 0: not from a file
  std::uint32_t column = 0;

  static Value of(bool value);
  static Value of(std::int64_t value);
  static Value of(std::string value);
  static Value list(std::vector<Value> items);
  static Value table();
};

struct Value::Member {
  std::string name;
  Value value;
};

[[nodiscard]] std::string_view name_of(Value::Kind kind);

struct SyntaxError {
  std::string message;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

inline constexpr std::size_t config_bytes_max = 1'048'576;
inline constexpr std::size_t config_depth_max = 16;

/// A TOML 1.0 document as a table. Never quotes from lines that may hold a secret.
[[nodiscard]] std::expected<Value, SyntaxError> read_toml(std::string_view text);
/// One JSON value. The error does not quote the text.
[[nodiscard]] std::expected<Value, SyntaxError> read_json(std::string_view text);

/// On one line, as the right side of a TOML assignment.
void append_toml(std::string& out, const Value& value);

}  // namespace sparc::config
