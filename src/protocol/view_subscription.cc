#include "protocol/view_subscription.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "protocol/json_scan.h"
#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

Fault invalid(std::string text) { return {Code::BAD_REQUEST, "Invalid subscription data: " + std::move(text)}; }

using Strings = std::optional<std::vector<std::string>>;

/// Absent, or a list of strings.
std::expected<Strings, Fault> strings_of(std::string_view request, std::string_view name) {
  const std::string_view value = json::find(request, name);
  if (value.empty() || json::kind_of(value) == json::Kind::null) return Strings{};
  const auto wrong = [&] { return std::unexpected(invalid('"' + std::string(name) + "\" must be a list of strings")); };
  if (json::kind_of(value) != json::Kind::array) return wrong();
  Strings out{std::in_place};
  json::Walker items(value);
  while (items.next()) {
    std::string text;
    if (!json::read_string(items.value, text)) return wrong();
    out->push_back(std::move(text));
  }
  return out;
}

void constrain(Filter& filter, std::string_view field, const Strings& values) {
  if (!values || values->empty()) return;
  std::vector<Scalar> scalars;
  for (const std::string& value : *values) scalars.push_back(string_scalar(value));
  filter.fields.emplace_back(field, std::move(scalars));
}

void set_filter(Choice<Filter>& filters, Filter filter) {
  filters.kind = filter.fields.empty() && filter.every_ms == 0 ? Choice<Filter>::Kind::everything : Choice<Filter>::Kind::list;
  if (filters.kind == Choice<Filter>::Kind::list) filters.items = {std::move(filter)};
}

/// A field that is named in both words must be in both lists.
void merge_equal_names(Filter& filter) {
  auto& fields = filter.fields;
  for (std::size_t i = 1; i < fields.size();) {
    if (fields[i].first != fields[i - 1].first) {
      ++i;
      continue;
    }
    std::vector<Scalar> both;
    const auto &a = fields[i - 1].second, &b = fields[i].second;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    fields[i - 1].second = std::move(both);
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

bool is_topic(const FilterVocabulary& vocabulary, std::string_view name) {
  return std::any_of(vocabulary.topics.begin(), vocabulary.topics.end(), [&](const Topic& topic) { return topic.name == name; });
}

void change_topics(Choice<std::string>& topics, const std::vector<std::string>& named, const Wish& current,
                   SubscriptionChange change) {
  if (named.empty() || (change == SubscriptionChange::remove && current.all_topics)) return;
  topics.kind = Choice<std::string>::Kind::list;
  if (!current.all_topics) topics.items = current.topics;
  for (const std::string& name : named) {
    std::erase(topics.items, name);
    if (change == SubscriptionChange::add) topics.items.push_back(name);
  }
}

}  // namespace

std::expected<ViewSubscription, Fault> subscription_of(std::string_view request, std::string_view ns,
                                                       const FilterVocabulary& vocabulary, const Wish& current,
                                                       SubscriptionChange change) {
  ViewSubscription out;
  out.subscribe.ns = out.unsubscribe.ns = ns;
  const auto channels = strings_of(request, "channels");
  const auto types = strings_of(request, "alertTypes");
  const auto priorities = strings_of(request, "priorities");
  const auto events = strings_of(request, "eventTypes");
  const auto metrics = strings_of(request, "metrics");
  for (const auto* list : {&channels, &types, &priorities, &events, &metrics}) {
    if (!*list) return std::unexpected(list->error());
  }
  if (!*channels && !*types && !*priorities && !*events && !*metrics) {
    return std::unexpected(invalid("it needs \"channels\", \"alertTypes\", \"priorities\", \"eventTypes\" or \"metrics\""));
  }
  std::vector<std::string> topics;
  if (*channels) {
    for (const std::string& name : **channels) {
      if (is_topic(vocabulary, name)) {
        topics.push_back(name);
      } else {
        (change == SubscriptionChange::add ? out.subscribe.rooms : out.unsubscribe.rooms).push_back(name);
      }
    }
  }
  if (*metrics) topics.push_back("metrics");
  change_topics(out.subscribe.topics, topics, current, change);
  if (*events) {
    out.subscribe.topics.kind =
        change == SubscriptionChange::add ? Choice<std::string>::Kind::list : Choice<std::string>::Kind::everything;
    if (change == SubscriptionChange::add) out.subscribe.topics.items = **events;
  }
  Filter filter;  // its fields sorted by name
  constrain(filter, "metric", *metrics);
  constrain(filter, "priority", *priorities);
  constrain(filter, "type", *types);
  if (*metrics) {
    const auto interval = json::read_integer(json::find(request, "interval"));
    if (interval) filter.every_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(*interval, every_ms_min, every_ms_max));
  }
  if (*types || *priorities || *metrics) {
    if (change == SubscriptionChange::remove) filter = {};
    set_filter(out.subscribe.filters, std::move(filter));
  }
  return out;
}

void name_fields(Choice<Filter>& filters, const FilterVocabulary& vocabulary) {
  for (Filter& filter : filters.items) {
    for (auto& [name, values] : filter.fields) {
      const auto field = std::find_if(vocabulary.fields.begin(), vocabulary.fields.end(), [&](const FilterField& f) {
        return f.name == name || std::find(f.paths.begin(), f.paths.end(), name) != f.paths.end();
      });
      name = field == vocabulary.fields.end() ? std::string{} : field->name;
    }
    std::erase_if(filter.fields, [](const auto& field) { return field.first.empty(); });
    std::sort(filter.fields.begin(), filter.fields.end());
    merge_equal_names(filter);
    if (filter.fields.empty() && filter.every_ms == 0) filters.kind = Choice<Filter>::Kind::everything;
  }
  if (filters.kind == Choice<Filter>::Kind::everything) filters.items.clear();
}

}  // namespace sparc::protocol
