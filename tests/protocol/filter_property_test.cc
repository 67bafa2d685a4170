// The filter against a model that reads the payload with another JSON library and follows the words of the protocol literally.

#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/filter.h"
#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

using nlohmann::json;

const FilterVocabulary vocabulary{{{"alerts", {"alert:*"}}, {"ends", {"*:end"}}, {"both", {"x:*", "y:*"}}},
                                  {{"type", {"type", "alertType"}}, {"level", {"level", "/deep/level"}}}};

/// Few values, so that filters and payloads meet often.
rc::Gen<json> any_value() {
  return rc::gen::element<json>("a", "b", "1", 1, 1.0, 1.5, -2, 0, true, nullptr, json::array({1}), json::object({{"a", 1}}));
}
rc::Gen<json> filter_value() { return rc::gen::element<json>("a", "b", "1", 1, 1.0, 1.5, -2, 0); }
rc::Gen<std::string> event_name() {
  return rc::gen::element<std::string>("alert:created", "alert:end", "x:1", "y:end", "other", "alerts", "alert:");
}
rc::Gen<std::string> topic_name() {
  return rc::gen::element<std::string>("alerts", "ends", "both", "other", "alert:end", "nowhere");
}

json any_payload() {
  json payload = json::object();
  for (const char* key : {"type", "alertType", "level", "noise"}) {
    if (*rc::gen::arbitrary<bool>()) payload[key] = *any_value();
  }
  if (*rc::gen::arbitrary<bool>()) payload["deep"] = json::object({{"level", *any_value()}});
  return payload;
}

using FilterModel = std::vector<std::pair<std::string, std::vector<json>>>;

FilterModel any_filter() {
  FilterModel out;
  for (const char* name : {"type", "level"}) {
    if (*rc::gen::arbitrary<bool>())
      out.emplace_back(name, *rc::gen::resize(4, rc::gen::container<std::vector<json>>(filter_value())));
  }
  return out;
}

struct WishModel {
  bool all_topics = true;
  std::vector<std::string> topics;
  bool all_values = true;
  std::vector<FilterModel> filters;
};

WishModel any_wish() {
  WishModel out;
  out.all_topics = *rc::gen::arbitrary<bool>();
  if (!out.all_topics) out.topics = *rc::gen::resize(4, rc::gen::container<std::vector<std::string>>(topic_name()));
  out.all_values = *rc::gen::arbitrary<bool>();
  const int count = out.all_values ? 0 : *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) out.filters.push_back(any_filter());
  return out;
}

bool covers(const std::string& topic, const std::string& event) {
  const auto begins = [&](std::string_view text) { return event.starts_with(text); };
  if (topic == event) return true;
  if (topic == "alerts") return begins("alert:");
  if (topic == "ends") return event.ends_with(":end");
  return topic == "both" && (begins("x:") || begins("y:"));
}

bool field_allows(const std::string& name, const std::vector<json>& values, const json& payload) {
  const std::vector<json::json_pointer> paths =
      name == "type" ? std::vector{json::json_pointer("/type"), json::json_pointer("/alertType")}
                     : std::vector{json::json_pointer("/level"), json::json_pointer("/deep/level")};
  for (const auto& path : paths) {
    if (!payload.contains(path)) continue;
    const json& value = payload.at(path);
    if (!value.is_string() && !value.is_number()) return true;
    return std::any_of(values.begin(), values.end(), [&](const json& wanted) { return wanted == value; });
  }
  return true;
}

bool model_passes(const WishModel& wish, const std::string& event, const json& payload) {
  const bool topic =
      wish.all_topics || std::any_of(wish.topics.begin(), wish.topics.end(), [&](const auto& t) { return covers(t, event); });
  const auto filter_allows = [&](const FilterModel& filter) {
    return std::all_of(filter.begin(), filter.end(),
                       [&](const auto& field) { return field_allows(field.first, field.second, payload); });
  };
  return topic && (wish.all_values || std::any_of(wish.filters.begin(), wish.filters.end(), filter_allows));
}

Wish real_wish(const WishModel& model) {
  Choice<std::string> topics{model.all_topics ? Choice<std::string>::Kind::everything : Choice<std::string>::Kind::list,
                             model.topics};
  Choice<Filter> filters{model.all_values ? Choice<Filter>::Kind::everything : Choice<Filter>::Kind::list, {}};
  for (const auto& filter : model.filters) {
    Filter& item = filters.items.emplace_back();
    for (const auto& [name, values] : filter) {
      auto& field = item.fields.emplace_back(name, std::vector<Scalar>{});
      for (const auto& value : values) field.second.push_back(scalar_of(value.dump()));
    }
  }
  return apply(Wish{}, topics, filters, vocabulary, Limits{}).value();
}

RC_GTEST_PROP(FilterProperty, AWishLetsThroughWhatTheModelLetsThrough, ()) {
  const WishModel model = any_wish();
  const Wish wish = real_wish(model);
  const std::string event = *event_name();
  const json payload = any_payload();
  const bool expected = model_passes(model, event, payload);
  RC_CLASSIFY(expected, "passes");
  RC_ASSERT(passes(wish, event, FieldValues::read(payload.dump(*rc::gen::element(-1, 1)), vocabulary), vocabulary) == expected);
}

RC_GTEST_PROP(FilterProperty, WishesThatAreEqualShareAnIdAndNoOthersDo, ()) {
  WishTable table;
  const Wish a = real_wish(any_wish()), b = real_wish(any_wish());
  RC_ASSERT((table.acquire(a, "t", Limits{}).value() == table.acquire(b, "t", Limits{}).value()) == (a == b));
}

RC_GTEST_PROP(FilterProperty, ATableThatIsReleasedIsEmptyAgain, ()) {
  WishTable table;
  std::vector<WishId> held;
  const int count = *rc::gen::inRange(0, 20);
  for (int i = 0; i < count; ++i) {
    const Wish wish = real_wish(any_wish());
    held.push_back(table.acquire(wish, *rc::gen::element<std::string>("t1", "t2"), Limits{}).value());
    RC_ASSERT(table.at(held.back()) == wish);
    if (*rc::gen::arbitrary<bool>()) {
      table.release(held.back());
      held.pop_back();
    }
  }
  for (const WishId id : held) table.release(id);
  RC_ASSERT(table.size() == 0U);
}

RC_GTEST_PROP(FilterProperty, NumbersAreEqualExactlyWhenTheirDoublesAre, (int a, int b, unsigned char shift)) {
  // Small enough that every decimal is one double.
  const auto text = [](int value, int exponent) { return std::to_string(value) + "e" + std::to_string(exponent); };
  const int places = shift % 6;
  const std::string scaled = text(a % 10000, places), other = text(b % 10000, places - 1);
  RC_ASSERT((scalar_of(scaled) == scalar_of(other)) == (std::stod(scaled) == std::stod(other)));
  RC_ASSERT(scalar_of(scaled) ==
            scalar_of(std::to_string(a % 10000) + std::string(static_cast<std::size_t>(places), '0') + ".0"));
}

}  // namespace
}  // namespace sparc::protocol
