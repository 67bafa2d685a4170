#include "broker/memory/publication_ids.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cassert>

namespace sparc::broker {

PublicationIdHash PublicationIdHash::of(std::string_view id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  return {hash.high64, hash.low64};
}

std::optional<std::uint64_t> PublicationIds::find(const PublicationIdHash& id) const {
  if (order_.empty()) return std::nullopt;
  const std::uint64_t number = slots_[slot_of(id)];
  return number == free_slot ? std::nullopt : std::optional(numbered(number).offset);
}

std::size_t PublicationIds::remember(const PublicationIdHash& id, std::uint64_t offset, std::int64_t now_ms,
                                     std::size_t ids_max) {
  assert(!find(id));
  if ((order_.size() + 1) * 2 > slots_.size()) rebuild(slots_.empty() ? 16 : slots_.size() * 2);
  slots_[slot_of(id)] = first_ + order_.size();
  order_.push_back({id, offset, now_ms});
  std::size_t early = 0;
  for (; order_.size() > ids_max; ++early) forget_oldest();
  return early;
}

void PublicationIds::expire(std::int64_t now_ms, std::int64_t ttl_ms) {
  while (!order_.empty() && now_ms - order_.front().at_ms >= ttl_ms) forget_oldest();
  if (slots_.size() > 64 && order_.size() * 16 < slots_.size()) rebuild(slots_.size() / 4);
}

// Where the id is, or the free slot where it would be.
std::size_t PublicationIds::slot_of(const PublicationIdHash& id) const {
  std::size_t slot = home_of(id);
  while (slots_[slot] != free_slot && numbered(slots_[slot]).id != id) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void PublicationIds::rebuild(std::size_t slots) {
  slots_.assign(slots, free_slot);
  slots_.shrink_to_fit();
  for (std::size_t i = 0; i < order_.size(); ++i) slots_[slot_of(order_[i].id)] = first_ + i;
}

// Removing leaves no tombstone: what stands behind in the same run moves up where it may.
void PublicationIds::forget_oldest() {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot_of(order_.front().id);
  for (std::size_t at = (hole + 1) & mask; slots_[at] != free_slot; at = (at + 1) & mask) {
    const std::size_t from_home = (at - home_of(numbered(slots_[at]).id)) & mask;
    if (from_home < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = free_slot;
  (void)order_.pop_front();
  ++first_;
}

}  // namespace sparc::broker
