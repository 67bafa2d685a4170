// Values that stand in one text: variables, flags, rates.

#include <charconv>

#include "server/config/schema.h"

namespace sparc::config {
namespace {

constexpr std::string_view rate_allowed =
    "\"points/duration\" as in \"100/60s\" (ms, s, m or h; milliseconds when no unit is said), { points, duration } with "
    "seconds, "
    "{ points, duration_ms }, or \"off\"";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool whole_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool fits(std::int64_t points, std::int64_t duration, std::int64_t unit_ms, Rate& out) {
  if (points < 0 || points > UINT32_MAX || duration < 0 || duration > UINT32_MAX / unit_ms) return false;
  if (points != 0 && duration == 0) return false;
  out = points == 0 ? Rate{} : Rate{static_cast<std::uint32_t>(points), static_cast<std::uint32_t>(duration * unit_ms)};
  return true;
}

bool rate_from_text(std::string_view text, Rate& out) {
  if (text == "off") {
    out = {};
    return true;
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto unit_at = text.find_first_not_of("0123456789", slash + 1);
  const std::string_view unit = unit_at == std::string_view::npos ? "ms" : text.substr(unit_at);
  const std::int64_t unit_ms = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  std::int64_t points = 0;
  std::int64_t duration = 0;
  if (unit_ms == 0 || !whole_number(text.substr(0, slash), points)) return false;
  if (!whole_number(text.substr(slash + 1, unit_at == std::string_view::npos ? unit_at : unit_at - slash - 1), duration))
    return false;
  return fits(points, duration, unit_ms, out);
}

bool rate_from_table(const Value& table, Rate& out) {
  std::int64_t points = -1;
  std::int64_t duration = -1;
  std::int64_t unit_ms = 1;
  for (const auto& [spelled, value] : table.members) {
    const std::string name = snake_case(spelled);
    if (value.kind != Value::Kind::integer) return false;
    if (name == "points" && points == -1) {
      points = value.integer;
    } else if ((name == "duration" || name == "duration_ms") && duration == -1) {
      duration = value.integer;
      unit_ms = name == "duration" ? 1'000 : 1;
    } else {
      return false;
    }
  }
  return fits(points, duration, unit_ms, out);
}

std::optional<Value> boolean_from_text(Reader& reader, std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const char* yes : {"true", "1", "yes", "on"}) {
    if (lower == yes) return Value::of(true);
  }
  for (const char* no : {"false", "0", "no", "off"}) {
    if (lower == no) return Value::of(false);
  }
  reader.fault({}, "must be true or false");
  return std::nullopt;
}

std::optional<Value> json_from_text(Reader& reader, std::string_view text) {
  auto json = read_json(text);
  if (!json) {
    reader.fault({}, json.error().message);
    return std::nullopt;
  }
  return std::move(*json);
}

Value split(std::string_view text) {
  std::vector<Value> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    if (!item.empty()) items.push_back(Value::of(std::string(item)));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return Value::list(std::move(items));
}

}  // namespace

void read_rate(Reader& reader, const Value& value, Rate& out) {
  const bool good = value.kind == Value::Kind::text    ? rate_from_text(value.text, out)
                    : value.kind == Value::Kind::table ? rate_from_table(value, out)
                                                       : false;
  if (!good) reader.fault(value, "must be " + std::string(rate_allowed));
}

std::string write_rate(Rate rate) {
  return rate.limited() ? std::to_string(rate.points) + "/" + std::to_string(rate.duration_ms) + "ms" : "off";
}

std::optional<Value> value_from_text(Reader& reader, const Field& field, std::string_view text) {
  switch (field.shape) {
    case Shape::boolean: return boolean_from_text(reader, trimmed(text));
    case Shape::integer: {
      std::int64_t number = 0;
      if (whole_number(trimmed(text), number)) return Value::of(number);
      reader.fault({}, "must be an integer");
      return std::nullopt;
    }
    case Shape::text: return Value::of(std::string(text));
    case Shape::texts: return trimmed(text).starts_with('[') ? json_from_text(reader, text) : split(text);
    case Shape::entries: {
      auto json = json_from_text(reader, text);
      if (json && json->kind == Value::Kind::table) return Value::list({std::move(*json)});
      return json;
    }
  }
  return std::nullopt;
}

}  // namespace sparc::config
