#include "broker/memory/point_buckets.h"

#include <algorithm>

namespace sparc::broker {

PointsGrant PointBuckets::take(std::string_view name, Rate rate, std::uint32_t points, std::int64_t now_ms) {
  points = std::max<std::uint32_t>(points, 1);
  if (!rate.limited()) return {points, 0};
  auto at = buckets_.find(name);
  if (at == buckets_.end()) {
    if (buckets_.size() >= buckets_max_) {
      ++unbounded_grants_;
      return {points, 0};
    }
    at = buckets_.emplace(name, Bucket{}).first;
    turns_.push_back(&at->first);
  }
  Bucket& bucket = at->second;
  bucket.full_ms = now_ms + rate.duration_ms;
  if (bucket.tokens.take(rate, now_ms, points) == 0) return {points, 0};
  // The attempt has refilled the bucket: what is there is what can be had.
  if (bucket.tokens.tokens() >= 1.0F) {
    const auto rest = static_cast<std::uint32_t>(bucket.tokens.tokens());
    if (bucket.tokens.take(rate, now_ms, rest) == 0) return {rest, 0};
  }
  return {0, bucket.tokens.take(rate, now_ms, 1)};
}

void PointBuckets::expire(std::int64_t now_ms) {
  for (std::size_t left = std::min<std::size_t>(4'096, turns_.size()); left > 0; --left) {
    const std::string* name = turns_.pop_front();
    auto at = buckets_.find(*name);
    if (now_ms >= at->second.full_ms) {
      buckets_.erase(at);
    } else {
      turns_.push_back(name);
    }
  }
}

}  // namespace sparc::broker
