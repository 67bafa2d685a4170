#include "broker/memory/directory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sparc::broker {

void Directory::attached(IdKind kind, std::string_view id, std::string_view tenant) {
  const Key key = key_of(kind, id);
  if (auto known = tenant_index_.find(tenant); known != tenant_index_.end()) {
    if (auto record = find(key, known->second); record != records_.end()) {
      ++record->second.attached;
      return;
    }
  }
  if (!make_room()) {
    ++refused_;
    return;
  }
  const std::uint32_t index = intern(tenant);
  ++tenants_[index].records;
  records_.emplace(key, Record{index, 1, 0});
}

void Directory::detached(IdKind kind, std::string_view id, std::string_view tenant, std::int64_t now_ms) {
  const Key key = key_of(kind, id);
  auto known = tenant_index_.find(tenant);
  if (known == tenant_index_.end()) return;
  auto record = find(key, known->second);
  if (record == records_.end() || record->second.attached == 0) return;
  if (--record->second.attached > 0) return;
  record->second.departure = ++departures_;
  left_.push_back({key, known->second, departures_, now_ms});
  if (left_.size() > 2 * records_.size() + 64) compact();
}

std::vector<std::string> Directory::tenants_of(IdKind kind, std::string_view id) const {
  std::vector<std::string> out;
  auto [at, end] = records_.equal_range(key_of(kind, id));
  for (; at != end && out.size() < 2; ++at) out.push_back(tenants_[at->second.tenant].name);
  return out;
}

void Directory::expire(std::int64_t now_ms) {
  while (!left_.empty() && now_ms - left_.front().at_ms >= ttl_ms_) {
    const Left left = left_.pop_front();
    if (auto record = record_of(left); record != records_.end()) erase(record);
  }
}

Directory::Key Directory::key_of(IdKind kind, std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(id.data(), id.size(), static_cast<std::uint64_t>(kind) + 1);
  return {hash.high64, hash.low64};
}

Directory::Records::iterator Directory::find(const Key& key, std::uint32_t tenant) {
  auto [at, end] = records_.equal_range(key);
  for (; at != end; ++at) {
    if (at->second.tenant == tenant) return at;
  }
  return records_.end();
}

std::uint32_t Directory::intern(std::string_view tenant) {
  if (auto known = tenant_index_.find(tenant); known != tenant_index_.end()) return known->second;
  std::uint32_t index;
  if (!free_tenants_.empty()) {
    index = free_tenants_.back();
    free_tenants_.pop_back();
  } else {
    index = static_cast<std::uint32_t>(tenants_.size());
    tenants_.emplace_back();
  }
  tenants_[index].name = tenant;
  tenant_index_.emplace(tenant, index);
  return index;
}

void Directory::erase(Records::iterator record) {
  const std::uint32_t index = record->second.tenant;
  records_.erase(record);
  if (--tenants_[index].records > 0) return;
  tenant_index_.erase(tenants_[index].name);
  tenants_[index].name.clear();
  free_tenants_.push_back(index);
}

bool Directory::make_room() {
  while (records_.size() >= ids_max_ && !left_.empty()) {
    const Left left = left_.pop_front();
    if (auto record = record_of(left); record != records_.end()) {
      erase(record);
      ++evicted_;
    }
  }
  return records_.size() < ids_max_;
}

// The record that a departure speaks of, unless somebody came back since.
Directory::Records::iterator Directory::record_of(const Left& left) {
  auto record = find(left.key, left.tenant);
  const bool current = record != records_.end() && record->second.attached == 0 && record->second.departure == left.departure;
  return current ? record : records_.end();
}

void Directory::compact() {
  RingQueue<Left> kept;
  for (; !left_.empty(); (void)left_.pop_front()) {
    if (record_of(left_.front()) != records_.end()) kept.push_back(left_.front());
  }
  left_ = std::move(kept);
}

}  // namespace sparc::broker
