#pragma once
#include <atomic>
#include <cstdint>

namespace sparc {

/// A count that one thread writes and any thread reads: an add costs what a plain one does.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Counts of values in buckets whose bounds double: bucket i holds values below `first << i`, the last one everything else.
template <std::size_t buckets_count, std::uint64_t first>
class Histogram {
 public:
  static constexpr std::size_t buckets = buckets_count;
  static constexpr std::uint64_t bound(std::size_t bucket) { return first << bucket; }

  void record(std::uint64_t value, std::uint64_t times = 1) {
    std::size_t bucket = 0;
    while (bucket + 1 < buckets_count && value >= bound(bucket)) ++bucket;
    counts_[bucket].add(times);
    sum_.add(value * times);
  }
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const { return counts_[bucket].get(); }
  [[nodiscard]] std::uint64_t sum() const { return sum_.get(); }

 private:
  Counter counts_[buckets_count];
  Counter sum_;
};

}  // namespace sparc
