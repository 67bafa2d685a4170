#include "client/interest.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace sparc::client {
namespace {

using Topics = protocol::Choice<std::string>;
using Filters = protocol::Choice<protocol::Filter>;

template <class T>
void sort_unique(std::vector<T>& items, bool (*less)(const T&, const T&)) {
  std::sort(items.begin(), items.end(), less);
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

bool filter_less(const protocol::Filter& a, const protocol::Filter& b) {
  return std::tie(a.fields, a.every_ms) < std::tie(b.fields, b.every_ms);
}

std::uint32_t every_ms_of(const Interest& interest) {
  if (interest.all_values) return 0;
  std::uint32_t every = 0;
  for (const auto& filter : interest.filters) every = std::max(every, filter.every_ms);
  return every;
}

Topics merge_topics(std::span<const Interest* const> interests, const Limits& limits) {
  Topics out;
  out.kind = Topics::Kind::list;
  for (const auto* interest : interests) {
    if (interest->all_topics) out.kind = Topics::Kind::everything;
    out.items.insert(out.items.end(), interest->topics.begin(), interest->topics.end());
  }
  sort_unique<std::string>(out.items, [](const std::string& a, const std::string& b) { return a < b; });
  if (out.items.size() > limits.connection_topics_max) out.kind = Topics::Kind::everything;
  if (out.kind == Topics::Kind::everything) out.items.clear();
  return out;
}

Filters merge_filters(std::span<const Interest* const> interests, const Limits& limits) {
  Filters out;
  out.kind = Filters::Kind::list;
  std::uint32_t every = UINT32_MAX;
  for (const auto* interest : interests) {
    if (interest->all_values) out.kind = Filters::Kind::everything;
    out.items.insert(out.items.end(), interest->filters.begin(), interest->filters.end());
    every = std::min(every, every_ms_of(*interest));
  }
  // A connection waits for the longest of its filters' intervals.
  for (auto& filter : out.items) filter.every_ms = std::min(filter.every_ms, every);
  sort_unique<protocol::Filter>(out.items, filter_less);
  if (out.items.size() > limits.connection_filters_max) out.kind = Filters::Kind::everything;
  if (out.kind == Filters::Kind::everything) out.items.clear();
  return out;
}

}  // namespace

Interest changed(Interest interest, const protocol::Subscribe& choice) {
  interest.rooms.insert(choice.rooms.begin(), choice.rooms.end());
  if (choice.topics.present()) {
    interest.all_topics = choice.topics.kind == Topics::Kind::everything;
    interest.topics = choice.topics.items;
  }
  if (choice.filters.present()) {
    interest.all_values = choice.filters.kind == Filters::Kind::everything;
    interest.filters = choice.filters.items;
  }
  return interest;
}

protocol::Subscribe merge(std::string_view ns, std::span<const Interest* const> interests) {
  const Limits limits;
  std::set<std::string, std::less<>> rooms;
  for (const auto* interest : interests) rooms.insert(interest->rooms.begin(), interest->rooms.end());
  protocol::Subscribe out;
  out.ns = ns;
  out.rooms.assign(rooms.begin(), rooms.end());
  out.topics = merge_topics(interests, limits);
  out.filters = merge_filters(interests, limits);
  return out;
}

bool identity_room(std::string_view room) {
  for (const std::string_view prefix : {"tenant:", "user:", "org:", "role:"}) {
    if (room.starts_with(prefix) && room.find('/') == std::string_view::npos) return true;
  }
  return false;
}

std::string short_room(std::string_view room, std::string_view tenant) {
  const std::string prefix = "tenant:" + std::string(tenant) + "/";
  if (!tenant.empty() && room.starts_with(prefix)) room.remove_prefix(prefix.size());
  return std::string(room);
}

protocol::Wish Narrowing::wish_of(const Interest& interest) const {
  Topics topics;
  topics.kind = interest.all_topics ? Topics::Kind::everything : Topics::Kind::list;
  topics.items = interest.topics;
  Filters filters;
  filters.kind = interest.all_values ? Filters::Kind::everything : Filters::Kind::list;
  filters.items = interest.filters;
  return protocol::apply(protocol::Wish{}, topics, filters, vocabulary_, Limits{}).value_or(protocol::Wish{});
}

bool Narrowing::wants(const Interest& interest, const protocol::Wish& wish, const Message& message,
                      const protocol::FieldValues& values, bool others_room) const {
  if (others_room && !identity_room(message.room) && !interest.rooms.contains(message.room)) return false;
  return wish.everything() || protocol::passes(wish, message.event, values, vocabulary_);
}

}  // namespace sparc::client
