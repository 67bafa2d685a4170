#include <nlohmann/json.hpp>

#include "server/config/value.h"

namespace sparc::config {
namespace {

std::expected<Value, SyntaxError> convert(const nlohmann::ordered_json& json, std::size_t depth) {
  if (depth > config_depth_max) return std::unexpected(SyntaxError{"nested too deeply", 0, 0});
  if (json.is_boolean()) return Value::of(json.get<bool>());
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) {
    return std::unexpected(SyntaxError{"an integer that is too large", 0, 0});
  }
  if (json.is_number_integer()) return Value::of(json.get<std::int64_t>());
  if (json.is_string()) return Value::of(json.get<std::string>());
  Value out;
  if (json.is_number_float()) {
    out.kind = Value::Kind::number;
    out.text = json.dump();
  } else if (json.is_array()) {
    out.kind = Value::Kind::list;
    for (const auto& child : json) {
      auto item = convert(child, depth + 1);
      if (!item) return item;
      out.items.push_back(std::move(*item));
    }
  } else if (json.is_object()) {
    out.kind = Value::Kind::table;
    for (const auto& [key, child] : json.items()) {
      auto value = convert(child, depth + 1);
      if (!value) return value;
      out.members.push_back({key, std::move(*value)});
    }
  } else {
    return std::unexpected(SyntaxError{"null is not used here: leave the key out", 0, 0});
  }
  return out;
}

}  // namespace

std::expected<Value, SyntaxError> read_json(std::string_view text) {
  if (text.size() > config_bytes_max) return std::unexpected(SyntaxError{"larger than 1 MiB", 0, 0});
  const auto json = nlohmann::ordered_json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return std::unexpected(SyntaxError{"not JSON", 0, 0});
  return convert(json, 0);
}

}  // namespace sparc::config
