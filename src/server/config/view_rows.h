#pragma once
// What only views have in their rows: conditions, and tables from name to name.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/view.h"
#include "server/config/schema.h"

namespace sparc::config {

/// `/analysis/riskScore > 80`: JSON pointer, operator, JSON scalar. Nothing where the text is no condition.
[[nodiscard]] std::optional<protocol::Condition> condition_from_text(std::string_view text);
[[nodiscard]] std::string text_of(const protocol::Condition& condition);
[[nodiscard]] bool is_pointer(std::string_view text);

/// Of rows: empty, or what is allowed ("must be …").
[[nodiscard]] std::string check_template(const std::string& text);
[[nodiscard]] std::string check_socketio_namespace(const std::string& text);
[[nodiscard]] std::string check_view_host(const std::string& text);

template <>
struct Codec<protocol::Condition> {
  static void read(Reader& reader, const Value& value, const Meta& meta, protocol::Condition& out);
  static std::optional<Value> write(const protocol::Condition& value) { return Value::of(text_of(value)); }
  static constexpr Shape shape = Shape::text;
  static std::string allowed(const Meta&) { return "condition"; }
  static const Record* entries() { return nullptr; }
};

/// A table of texts, in its order.
template <>
struct Codec<std::vector<std::pair<std::string, std::string>>> {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  static void read(Reader& reader, const Value& value, const Meta& meta, Pairs& out);
  static std::optional<Value> write(const Pairs& value);
  static constexpr Shape shape = Shape::entries;
  static std::string allowed(const Meta&) { return "table of texts"; }
  static const Record* entries() { return nullptr; }
};

template <>
const Record& record_of<protocol::ViewChannel>();
template <>
const Record& record_of<protocol::ViewInput>();
template <>
const Record& record_of<protocol::ViewOutput>();
template <>
const Record& record_of<protocol::View>();

}  // namespace sparc::config
