#include "protocol/native/field_reader.h"

#include <algorithm>

#include "base/identity.h"
#include "protocol/json_scan.h"
#include "protocol/native/codec.h"
#include "protocol/scalar.h"
#include "protocol/text_rules.h"

namespace sparc::protocol::native {
namespace {

std::string name_rule(std::size_t bytes_max) {
  return "a string of 1 to " + std::to_string(bytes_max) + " bytes without control characters";
}

constexpr std::string_view strings_rule = "an array of strings, at most 1024";
constexpr std::string_view filters_rule =
    "null or an array of objects that map a field to an array of strings and numbers, at most 1024; \"everyMs\" in them is an "
    "integer";

}  // namespace

bool FieldReader::given(Field field, Need need, std::string_view what) {
  if (has(field)) return true;
  if (need == Need::required) set_fault("\"" + std::string(name_of(field)) + "\" is missing; it must be " + std::string(what));
  return false;
}

void FieldReader::must_be(Field field, std::string_view what) {
  set_fault("\"" + std::string(name_of(field)) + "\" must be " + std::string(what));
}

std::string FieldReader::name(Field field, std::size_t bytes_max, Need need) {
  std::string out;
  if (!has(field)) {
    (void)given(field, need, name_rule(bytes_max));
  } else if (!json::read_string(raw(field), out) || !plain_text(out, bytes_max)) {
    must_be(field, name_rule(bytes_max));
  }
  return out;
}

std::string FieldReader::text(Field field, Need need) {
  std::string out;
  if (given(field, need, "a string") && !json::read_string(raw(field), out)) must_be(field, "a string");
  return out;
}

std::string FieldReader::id(Field field, Need need) {
  constexpr std::string_view rule = "1 to 128 characters of [A-Za-z0-9_.@+-]";
  std::string out;
  if (given(field, need, rule) && (!json::read_string(raw(field), out) || !valid_id(out))) must_be(field, rule);
  return out;
}

bool FieldReader::read_names(std::string_view array, std::size_t bytes_max, std::vector<std::string>& out) {
  if (json::kind_of(array) != json::Kind::array) return false;
  json::Walker items(array);
  while (items.next()) {
    if (out.size() == list_items_max) return false;
    std::string item;
    if (!json::read_string(items.value, item)) return false;
    if (bytes_max != 0 && !plain_text(item, bytes_max)) return false;
    out.push_back(std::move(item));
  }
  return true;
}

std::vector<std::string> FieldReader::names(Field field, std::size_t bytes_max, Need need) {
  std::vector<std::string> out;
  const std::string rule =
      "an array of at most 1024 strings, each of 1 to " + std::to_string(bytes_max) + " bytes without control characters";
  if (given(field, need, rule) && !read_names(raw(field), bytes_max, out)) must_be(field, rule);
  return out;
}

std::vector<std::string> FieldReader::strings(Field field, Need need) {
  std::vector<std::string> out;
  if (given(field, need, strings_rule) && !read_names(raw(field), 0, out)) must_be(field, strings_rule);
  return out;
}

std::int64_t FieldReader::integer(Field field, std::int64_t least, std::int64_t most, Need need) {
  const bool bounded = most != INT64_MAX;
  const auto rule = [&] {
    return bounded ? "an integer from " + std::to_string(least) + " to " + std::to_string(most)
                   : "an integer of " + std::to_string(least) + " or more";
  };
  if (!has(field)) {
    if (need == Need::required) (void)given(field, need, rule());
    return 0;
  }
  const auto value = json::read_integer(raw(field));
  if (!value || *value < least || *value > most) {
    must_be(field, rule());
    return 0;
  }
  return *value;
}

bool FieldReader::boolean(Field field) {
  if (!has(field)) return false;
  const auto value = json::read_boolean(raw(field));
  if (!value) must_be(field, "true or false");
  return value.value_or(false);
}

std::optional<Position> FieldReader::position(Field field) {
  if (!has(field)) return std::nullopt;
  Position out;
  const std::string_view object = raw(field);
  const auto offset = json::read_integer(json::find(object, "offset"));
  const bool epoch = json::read_string(json::find(object, "epoch"), out.epoch);
  if (!epoch || (!out.epoch.empty() && !plain_text(out.epoch, name_bytes_max)) || !offset || *offset < 0) {
    must_be(field, R"({"epoch":a string of at most 128 bytes,"offset":an integer of 0 or more})");
    return std::nullopt;
  }
  out.offset = static_cast<std::uint64_t>(*offset);
  return out;
}

Choice<std::string> FieldReader::topics() {
  Choice<std::string> out;
  const std::string_view value = raw(Field::topics);
  if (value.empty()) return out;
  out.kind = value == "null" ? Choice<std::string>::Kind::everything : Choice<std::string>::Kind::list;
  if (value != "null" && !read_names(value, event_name_bytes_max, out.items)) {
    must_be(Field::topics,
            "null or an array of at most 1024 names of topics and events, each of 1 to 256 bytes without control characters");
  }
  return out;
}

bool FieldReader::read_filter(std::string_view object, Filter& out) {
  if (json::kind_of(object) != json::Kind::object) return false;
  json::Walker members(object);
  bool every_seen = false;
  while (members.next()) {
    std::string name;
    if (!json::read_string(members.key, name)) return false;
    if (name == "everyMs") {
      const auto every = json::read_integer(members.value);
      if (every_seen || !every || *every < 0 || *every > UINT32_MAX) return false;
      out.every_ms = static_cast<std::uint32_t>(*every);
      every_seen = true;
      continue;
    }
    if (json::kind_of(members.value) != json::Kind::array || out.fields.size() == list_items_max) return false;
    std::vector<Scalar> values;
    json::Walker items(members.value);
    while (items.next()) {
      values.push_back(scalar_of(items.value));
      if (values.back().empty() || values.size() > list_items_max) return false;
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    out.fields.emplace_back(std::move(name), std::move(values));
  }
  std::sort(out.fields.begin(), out.fields.end());
  const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  return std::adjacent_find(out.fields.begin(), out.fields.end(), same_name) == out.fields.end();
}

Choice<Filter> FieldReader::filters() {
  Choice<Filter> out;
  const std::string_view value = raw(Field::filters);
  if (value.empty()) return out;
  out.kind = value == "null" ? Choice<Filter>::Kind::everything : Choice<Filter>::Kind::list;
  if (value == "null") return out;
  if (json::kind_of(value) != json::Kind::array) {
    must_be(Field::filters, filters_rule);
    return out;
  }
  json::Walker items(value);
  while (items.next()) {
    Filter filter;
    if (out.items.size() == list_items_max || !read_filter(items.value, filter)) {
      must_be(Field::filters, filters_rule);
      break;
    }
    out.items.push_back(std::move(filter));
  }
  return out;
}

std::string FieldReader::more_args() {
  if (!has(Field::args)) return {};
  const std::string_view array = raw(Field::args);
  if (json::kind_of(array) != json::Kind::array) {
    must_be(Field::args, "an array");
    return {};
  }
  return std::string(json::trimmed(array.substr(1, array.size() - 2)));
}

}  // namespace sparc::protocol::native
