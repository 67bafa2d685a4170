#include "broker/memory/publication_ids.h"

#include <cassert>

namespace sparc::broker {

std::size_t PublicationIds::remember(std::string id, std::uint64_t offset, std::int64_t now_ms, std::size_t ids_max) {
  auto [entry, added] = offsets_.emplace(std::move(id), offset);
  assert(added);
  if (!added) return 0;
  order_.push_back({&*entry, now_ms});
  std::size_t early = 0;
  for (; order_.size() > ids_max; ++early) forget_oldest();
  return early;
}

void PublicationIds::expire(std::int64_t now_ms, std::int64_t ttl_ms) {
  while (!order_.empty() && now_ms - order_.front().at_ms >= ttl_ms) forget_oldest();
}

void PublicationIds::forget_oldest() {
  const Remembered oldest = order_.pop_front();
  offsets_.erase(offsets_.find(oldest.entry->first));
}

}  // namespace sparc::broker
