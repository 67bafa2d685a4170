#include "broker/memory/latest_values.h"

#include <algorithm>
#include <cassert>
#include <string_view>

namespace sparc::broker {
namespace {

// Lengths instead of separators: events and keys may hold any byte.
std::string key_of(const Publication& publication, std::size_t room) {
  const std::string& name = publication.rooms[room];
  std::string key = std::to_string(name.size()) + ' ' + std::to_string(publication.event.size()) + ' ';
  key.append(name).append(publication.event).append(publication.latest_key);
  return key;
}

}  // namespace

std::size_t LatestValues::write(const PublicationPtr& publication, std::int64_t now_ms, Bounds bounds) {
  for (std::size_t room = 0; room < publication->rooms.size(); ++room) put(publication, room, now_ms);
  std::size_t evicted = 0;
  for (; !values_.empty() && (values_.size() > bounds.values_max || bytes_ > bounds.bytes_max); ++evicted) evict_oldest();
  return evicted;
}

void LatestValues::put(const PublicationPtr& publication, std::size_t room, std::int64_t at_ms) {
  assert(room < publication->rooms.size());
  auto [entry, added] = index_.try_emplace(key_of(*publication, room));
  if (added) {
    entry->second = values_.insert(values_.end(), Value{});
  } else {
    bytes_ -= entry->second->bytes;
    values_.splice(values_.end(), values_, entry->second);
  }
  *entry->second = Value{publication, room, at_ms, publication->bytes() + entry->first.size(), &entry->first};
  bytes_ += entry->second->bytes;
}

std::size_t LatestValues::expire(std::int64_t now_ms, std::int64_t ttl_ms) {
  std::size_t expired = 0;
  for (; !values_.empty() && now_ms - values_.front().at_ms >= ttl_ms; ++expired) evict_oldest();
  return expired;
}

void LatestValues::evict_oldest() {
  assert(!values_.empty());
  bytes_ -= values_.front().bytes;
  index_.erase(index_.find(*values_.front().key));
  values_.pop_front();
}

std::vector<PublicationPtr> LatestValues::of_rooms(const std::vector<std::string>& rooms) const {
  std::vector<std::string_view> wanted(rooms.begin(), rooms.end());
  std::sort(wanted.begin(), wanted.end());
  std::vector<PublicationPtr> out;
  for (const Value& value : values_) {
    const std::string_view name = value.publication->rooms[value.room];
    if (!std::binary_search(wanted.begin(), wanted.end(), name)) continue;
    // Values of one publication stand side by side: they were written together, and a later write moves one away.
    if (out.empty() || out.back() != value.publication) out.push_back(value.publication);
  }
  return out;
}

}  // namespace sparc::broker
