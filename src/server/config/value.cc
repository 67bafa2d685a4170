#include "server/config/value.h"

#include <algorithm>

namespace sparc::config {

Value Value::of(bool value) {
  Value v;
  v.kind = Kind::boolean;
  v.boolean = value;
  return v;
}
Value Value::of(std::int64_t value) {
  Value v;
  v.kind = Kind::integer;
  v.integer = value;
  return v;
}
Value Value::of(std::string value) {
  Value v;
  v.text = std::move(value);
  return v;
}
Value Value::list(std::vector<Value> items) {
  Value v;
  v.kind = Kind::list;
  v.items = std::move(items);
  return v;
}
Value Value::table() {
  Value v;
  v.kind = Kind::table;
  return v;
}

std::string_view name_of(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::boolean: return "a boolean";
    case Value::Kind::integer: return "an integer";
    case Value::Kind::number: return "a number with a fraction";
    case Value::Kind::text: return "a text";
    case Value::Kind::list: return "a list";
    case Value::Kind::table: return "a table";
  }
  return "";
}

namespace {

void append_toml_text(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

bool bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

void append_toml(std::string& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::boolean: out += value.boolean ? "true" : "false"; return;
    case Value::Kind::integer: out += std::to_string(value.integer); return;
    case Value::Kind::number: out += value.text; return;
    case Value::Kind::text: append_toml_text(out, value.text); return;
    case Value::Kind::list: {
      out += '[';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i != 0) out += ", ";
        append_toml(out, value.items[i]);
      }
      out += ']';
      return;
    }
    case Value::Kind::table: {
      out += '{';
      for (std::size_t i = 0; i < value.members.size(); ++i) {
        out += i == 0 ? " " : ", ";
        if (bare_key(value.members[i].name)) {
          out += value.members[i].name;
        } else {
          append_toml_text(out, value.members[i].name);
        }
        out += " = ";
        append_toml(out, value.members[i].value);
      }
      out += value.members.empty() ? "}" : " }";
      return;
    }
  }
}

}  // namespace sparc::config
