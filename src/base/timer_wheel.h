#pragma once
// Timers of one thread: ten thousand of them cost one 32-byte node each and no search.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sparc {

/// Names one scheduled timer. Of a timer that fired or was cancelled it is stale, and cancelling it does nothing. 0: none.
enum class TimerId : std::uint64_t { none = 0 };

/// Hierarchical timing wheel (Varghese and Lauck 1987): ten levels of 64 buckets, one millisecond at the lowest. Schedule and
/// cancel are O(1); a timer moves down at most once a level. Nodes live in one slab that grows and is reused.
///
/// Order:  by deadline; timers of the same millisecond fire in no particular order.
/// Thread: confined to the thread that owns it.
class TimerWheel {
 public:
  static constexpr std::int64_t never = INT64_MAX;

  explicit TimerWheel(std::int64_t now_ms) : origin_ms_(now_ms) { heads_.fill(nil); }

  /// Fires `token` once, `after_ms` (at least 1, at most 2^40) after the time of the last `advance`.
  TimerId schedule(std::int64_t after_ms, std::uint64_t token);
  /// False when the timer has fired or was cancelled already.
  bool cancel(TimerId id);
  /// Calls `fire(token)` for every timer whose deadline is at or before `now_ms` (of a steady clock). `fire` may schedule and
  /// cancel; what it schedules is due after `now_ms`, so a call ends.
  template <class F>
  void advance(std::int64_t now_ms, F&& fire) {
    set_target(now_ms);
    std::uint64_t token = 0;
    while (pop_due(token)) fire(token);
  }
  /// A time (of the clock given to `advance`) that no timer is due before, and at which `advance` should be called; may be earlier
  /// than the first timer. `never` without timers.
  [[nodiscard]] std::int64_t next_deadline() const;
  [[nodiscard]] std::size_t size() const { return live_; }

 private:
  static constexpr std::uint32_t nil = UINT32_MAX;
  static constexpr unsigned level_bits = 6, buckets = 64, levels = 10;
  static constexpr std::int64_t after_ms_max = std::int64_t{1} << 40;

  struct Node {
    std::uint64_t token;
    std::uint64_t deadline;  // milliseconds since origin_ms_
    std::uint32_t next, previous;
    std::uint32_t generation;
    std::uint16_t bucket;  // level * 64 + index; free_bucket while on the free list
  };
  static_assert(sizeof(Node) <= 32);
  static constexpr std::uint16_t free_bucket = UINT16_MAX;
  struct Expiry {
    std::uint64_t at;
    std::uint16_t bucket;
  };

  void set_target(std::int64_t now_ms);
  bool pop_due(std::uint64_t& token);
  [[nodiscard]] Expiry next_expiry() const;
  void link(std::uint32_t index);
  void unlink(std::uint32_t index);
  void release(std::uint32_t index);

  std::int64_t origin_ms_;
  std::uint64_t elapsed_ = 0;  // buckets up to here are done
  std::uint64_t target_ = 0;   // the time of the last advance
  std::array<std::uint32_t, levels * buckets> heads_;
  std::array<std::uint64_t, levels> occupied_{};  // a bit for each bucket that holds a timer
  std::vector<Node> nodes_;
  std::uint32_t free_ = nil;
  std::size_t live_ = 0;
};

}  // namespace sparc
