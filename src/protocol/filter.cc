#include "protocol/filter.h"

#include <algorithm>
#include <cassert>

#include "base/json_text.h"
#include "base/pattern.h"
#include "protocol/text_rules.h"

namespace sparc::protocol {
namespace {

std::unexpected<Fault> bad(std::string message) { return std::unexpected(Fault{Code::BAD_REQUEST, std::move(message)}); }

template <class T>
void sort_unique(std::vector<T>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

std::size_t field_index(std::string_view name, const FilterVocabulary& vocabulary) {
  std::size_t i = 0;
  while (i < vocabulary.fields.size() && vocabulary.fields[i].name != name) ++i;
  return i;
}

std::string field_names(const FilterVocabulary& vocabulary) {
  std::vector<std::string_view> names;
  for (const auto& field : vocabulary.fields) names.push_back(field.name);
  return names.empty() ? "none in this namespace" : listed(names);
}

std::expected<void, Fault> check_values(const std::string& field, const std::vector<Scalar>& values, const Limits& limits) {
  if (values.size() > limits.filter_values_max) {
    return bad("filter field " + quoted(field) + " has " + std::to_string(values.size()) + " values; at most " +
               std::to_string(limits.filter_values_max) + " are allowed (limits.filter_values_max)");
  }
  for (const auto& value : values) {
    if (value.size() > filter_value_bytes_max + 1) {
      return bad("a value of filter field " + quoted(field) + " has more than " + std::to_string(filter_value_bytes_max) +
                 " bytes");
    }
  }
  return {};
}

std::expected<Filter, Fault> canonical(Filter filter, const FilterVocabulary& vocabulary, const Limits& limits) {
  for (auto& [name, values] : filter.fields) {
    if (field_index(name, vocabulary) == vocabulary.fields.size()) {
      return bad("unknown filter field " + quoted(name) + "; known are: " + field_names(vocabulary));
    }
    sort_unique(values);
    if (auto checked = check_values(name, values, limits); !checked) return std::unexpected(checked.error());
  }
  std::sort(filter.fields.begin(), filter.fields.end());
  const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (const auto twice = std::adjacent_find(filter.fields.begin(), filter.fields.end(), same_name);
      twice != filter.fields.end()) {
    return bad("filter field " + quoted(twice->first) + " is named twice in one filter");
  }
  if (filter.every_ms != 0 && (filter.every_ms < every_ms_min || filter.every_ms > every_ms_max)) {
    return bad("\"everyMs\" must be from " + std::to_string(every_ms_min) + " to " + std::to_string(every_ms_max));
  }
  return filter;
}

bool filter_less(const Filter& a, const Filter& b) {
  return a.fields != b.fields ? a.fields < b.fields : a.every_ms < b.every_ms;
}

std::expected<void, Fault> set_topics(Wish& wish, const Choice<std::string>& topics, const Limits& limits) {
  if (!topics.present()) return {};
  if (topics.items.size() > limits.connection_topics_max) {
    return bad(std::to_string(topics.items.size()) + " topics; at most " + std::to_string(limits.connection_topics_max) +
               " are allowed (limits.connection_topics_max)");
  }
  for (const auto& topic : topics.items) {
    if (plain_text(topic, limits.event_name_bytes_max)) continue;
    return bad("topic " + quoted(topic) + " is neither the name of a topic nor of an event: 1 to " +
               std::to_string(limits.event_name_bytes_max) + " bytes of UTF-8 without control characters");
  }
  wish.all_topics = topics.kind == Choice<std::string>::Kind::everything;
  wish.topics = wish.all_topics ? std::vector<std::string>{} : topics.items;
  sort_unique(wish.topics);
  return {};
}

std::expected<void, Fault> set_filters(Wish& wish, const Choice<Filter>& filters, const FilterVocabulary& vocabulary,
                                       const Limits& limits) {
  if (!filters.present()) return {};
  if (filters.items.size() > limits.connection_filters_max) {
    return bad(std::to_string(filters.items.size()) + " filters; at most " + std::to_string(limits.connection_filters_max) +
               " are allowed (limits.connection_filters_max)");
  }
  std::vector<Filter> items;
  if (filters.kind == Choice<Filter>::Kind::list) {
    for (const auto& filter : filters.items) {
      auto checked = canonical(filter, vocabulary, limits);
      if (!checked) return std::unexpected(std::move(checked.error()));
      items.push_back(std::move(*checked));
    }
  }
  std::sort(items.begin(), items.end(), filter_less);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  wish.all_values = filters.kind == Choice<Filter>::Kind::everything;
  wish.filters = std::move(items);
  return {};
}

bool topic_covers(const std::string& topic, std::string_view event, const FilterVocabulary& vocabulary) {
  if (topic == event) return true;
  for (const auto& known : vocabulary.topics) {
    if (known.name != topic) continue;
    return std::any_of(known.patterns.begin(), known.patterns.end(), [&](const auto& p) { return matches_pattern(p, event); });
  }
  return false;
}

bool filter_covers(const Filter& filter, const FieldValues& values, const FilterVocabulary& vocabulary) {
  return std::all_of(filter.fields.begin(), filter.fields.end(), [&](const auto& wanted) {
    const std::size_t field = field_index(wanted.first, vocabulary);
    if (field == vocabulary.fields.size()) return true;  // configuration was reloaded without it
    const Scalar* value = values.value(field);
    return value == nullptr || std::binary_search(wanted.second.begin(), wanted.second.end(), *value);
  });
}

void append_part(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint64_t>(text.size()));
  out.push_back(':');
  out += text;
}

/// Each text with its length before it, so that no two pairs of tenant and wish share a key.
std::string key_of(const Wish& wish, std::string_view tenant) {
  std::string key;
  append_part(key, tenant);
  key.push_back(wish.all_topics ? '*' : 't');
  for (const auto& topic : wish.topics) append_part(key, topic);
  key.push_back(wish.all_values ? '*' : 'f');
  for (const auto& filter : wish.filters) {
    key.push_back('[');
    append_number(key, std::uint64_t{filter.every_ms});
    for (const auto& [name, values] : filter.fields) {
      key.push_back('=');
      append_part(key, name);
      for (const auto& value : values) append_part(key, value);
    }
  }
  return key;
}

}  // namespace

std::uint32_t Wish::every_ms() const {
  std::uint32_t longest = 0;
  for (const auto& filter : filters) longest = std::max(longest, filter.every_ms);
  return longest;
}

std::expected<Wish, Fault> apply(const Wish& wish, const Choice<std::string>& topics, const Choice<Filter>& filters,
                                 const FilterVocabulary& vocabulary, const Limits& limits) {
  Wish out = wish;
  if (auto set = set_topics(out, topics, limits); !set) return std::unexpected(std::move(set.error()));
  if (auto set = set_filters(out, filters, vocabulary, limits); !set) return std::unexpected(std::move(set.error()));
  return out;
}

bool passes(const Wish& wish, std::string_view event, const FieldValues& values, const FilterVocabulary& vocabulary) {
  if (!wish.all_topics && std::none_of(wish.topics.begin(), wish.topics.end(),
                                       [&](const auto& topic) { return topic_covers(topic, event, vocabulary); })) {
    return false;
  }
  return wish.all_values || std::any_of(wish.filters.begin(), wish.filters.end(),
                                        [&](const auto& filter) { return filter_covers(filter, values, vocabulary); });
}

WishTable::WishTable() : slots_(1) {}

std::expected<WishId, Fault> WishTable::acquire(const Wish& wish, std::string_view tenant, const Limits& limits) {
  if (wish.everything()) return WishId{0};
  std::string key = key_of(wish, tenant);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    ++slots_[known->second].references;
    return known->second;
  }
  const auto held = per_tenant_.find(tenant);
  if (held != per_tenant_.end() && held->second >= limits.tenant_filters_max) {
    return bad("the tenant has " + std::to_string(limits.tenant_filters_max) +
               " distinct choices of topics and filters, as many as it may (limits.tenant_filters_max)");
  }
  if (free_.empty()) {
    free_.push_back(static_cast<WishId>(slots_.size()));
    slots_.emplace_back();
  }
  const WishId id = free_.back();
  free_.pop_back();
  by_key_.emplace(key, id);
  ++(held != per_tenant_.end() ? held->second : per_tenant_[std::string(tenant)]);
  slots_[id] = Slot{wish, std::move(key), std::string(tenant), 1};
  ++live_;
  return id;
}

void WishTable::release(WishId id) {
  if (id == 0) return;
  assert(id < slots_.size() && slots_[id].references > 0);
  Slot& slot = slots_[id];
  if (--slot.references > 0) return;
  by_key_.erase(slot.key);
  const auto held = per_tenant_.find(slot.tenant);
  if (--held->second == 0) per_tenant_.erase(held);
  slot = Slot{};
  free_.push_back(id);
  --live_;
}

const Wish& WishTable::at(WishId id) const {
  assert(id < slots_.size());
  return slots_[id].wish;
}

}  // namespace sparc::protocol
