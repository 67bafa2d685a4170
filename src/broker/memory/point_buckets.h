#pragma once
// The cluster's token buckets: shards take points in advance and spend them locally.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "base/token_bucket.h"
#include "broker/memory/ring_queue.h"

namespace sparc::broker {

struct PointsGrant {
  std::uint32_t granted = 0;
  std::int64_t retry_after_ms = 0;  // where nothing was granted: when there will be a point
};

/// Buckets by name, made full at first use and forgotten when they would be full again.
///
/// Limits:   `buckets_max`; a name beyond it is granted what it asks for, and counted: a limit must not become an outage.
/// Thread:   confined to one.
class PointBuckets {
 public:
  explicit PointBuckets(std::size_t buckets_max) : buckets_max_(buckets_max) {}

  /// Up to `points` (0 is taken as 1); everything where the rate is not limited.
  [[nodiscard]] PointsGrant take(std::string_view name, Rate rate, std::uint32_t points, std::int64_t now_ms);
  /// Looks at up to 4,096 buckets, in turn.
  void expire(std::int64_t now_ms);

  [[nodiscard]] std::size_t size() const { return buckets_.size(); }
  [[nodiscard]] std::uint64_t unbounded_grants() const { return unbounded_grants_; }

 private:
  struct Bucket {
    TokenBucket tokens;
    std::int64_t full_ms = 0;  // by then it has refilled, whatever was taken
  };
  std::size_t buckets_max_;
  std::unordered_map<std::string, Bucket, StringHash, std::equal_to<>> buckets_;
  RingQueue<const std::string*> turns_;  // every bucket once; names live in buckets_, whose elements never move
  std::uint64_t unbounded_grants_ = 0;
};

}  // namespace sparc::broker
