// Where the parser asserts (and in a release would assume) that its input is well-formed, it refuses it here.
#undef NDEBUG
namespace sparc::config {
struct NotToml {};
}  // namespace sparc::config
#define TOML_ASSERT(condition)                       \
  if (!(condition)) throw ::sparc::config::NotToml { \
    }

#include <algorithm>
#include <array>
#include <cctype>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored \
    "-Wterminate"  // in its functions that are noexcept the refusal ends the program, as an assertion does
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include "server/config/prescan.h"
#include "server/config/value.h"

namespace sparc::config {
namespace {

SyntaxError at(const toml::node& node, std::string message) {
  return {std::move(message), node.source().begin.line, node.source().begin.column};
}

std::expected<Value, SyntaxError> convert(const toml::node& node, std::size_t depth);

std::expected<Value, SyntaxError> convert_table(const toml::table& table, std::size_t depth) {
  Value out = Value::table();
  for (const auto& [key, child] : table) {
    auto value = convert(child, depth + 1);
    if (!value) return value;
    // A complaint about a value points at its key: a table's own source is where its first key stands.
    value->line = key.source().begin.line;
    value->column = key.source().begin.column;
    out.members.push_back({std::string(key.str()), std::move(*value)});
  }
  // toml++ sorts by key; complaints and entries are wanted in the order of the text.
  std::sort(out.members.begin(), out.members.end(), [](const auto& a, const auto& b) {
    return std::pair(a.value.line, a.value.column) < std::pair(b.value.line, b.value.column);
  });
  return out;
}

std::expected<Value, SyntaxError> convert(const toml::node& node, std::size_t depth) {
  if (depth > config_depth_max) return std::unexpected(at(node, "nested too deeply"));
  Value out;
  if (const auto* table = node.as_table()) {
    auto converted = convert_table(*table, depth);
    if (!converted) return converted;
    out = std::move(*converted);
  } else if (const auto* array = node.as_array()) {
    out.kind = Value::Kind::list;
    for (const auto& child : *array) {
      auto item = convert(child, depth + 1);
      if (!item) return item;
      out.items.push_back(std::move(*item));
    }
  } else if (const auto* text = node.as_string()) {
    out = Value::of(text->get());
  } else if (const auto* integer = node.as_integer()) {
    out = Value::of(integer->get());
  } else if (const auto* boolean = node.as_boolean()) {
    out = Value::of(boolean->get());
  } else if (const auto* number = node.as_floating_point()) {
    out.kind = Value::Kind::number;
    out.text = std::to_string(number->get());
  } else {
    return std::unexpected(at(node, "dates and times are not used here"));
  }
  out.line = node.source().begin.line;
  out.column = node.source().begin.column;
  return out;
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (std::uint32_t i = 1; i < line && !text.empty(); ++i) {
    const auto end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return text.substr(0, text.find('\n'));
}

/// The parser's complaint may quote what it saw; where that may be part of a secret, only the fact is told.
bool may_hold_secret(std::string_view line) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static constexpr std::array words{"secret", "key", "redis", "password", "token"};
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return lower.find(word) != std::string::npos; });
}

std::string without_quoted_text(std::string_view description) {
  return std::string(description.substr(0, std::min(description.find("; got"), description.find("; saw"))));
}

}  // namespace

std::expected<Value, SyntaxError> read_toml(std::string_view text) try {
  if (text.size() > config_bytes_max) return std::unexpected(SyntaxError{"larger than 1 MiB", 0, 0});
  if (auto error = prescan_toml(text)) return std::unexpected(std::move(*error));
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    const auto line = error.source().begin.line;
    std::string message = "not TOML";
    if (!may_hold_secret(line_of(text, line))) message += ": " + without_quoted_text(error.description());
    return std::unexpected(SyntaxError{std::move(message), line, error.source().begin.column});
  }
  return convert(parsed.table(), 0);
} catch (const NotToml&) {
  return std::unexpected(SyntaxError{"not TOML", 0, 0});
}

}  // namespace sparc::config
