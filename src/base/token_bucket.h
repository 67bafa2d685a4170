#pragma once
#include <algorithm>
#include <cstdint>

namespace sparc {

/// `points` per `duration_ms`, as the namespace option rateLimitOptions says; points 0 means no limit.
struct Rate {
  std::uint32_t points = 0;
  std::uint32_t duration_ms = 0;
  [[nodiscard]] bool limited() const { return points != 0 && duration_ms != 0; }
  friend bool operator==(Rate, Rate) = default;
};

/// A token bucket of 16 bytes. Full at first use; its burst is `rate.points`.
class TokenBucket {
 public:
  /// 0 when the points were taken, else the milliseconds after which they would be there (and nothing is taken).
  [[nodiscard]] std::int64_t take(Rate rate, std::int64_t now_ms, std::uint32_t points = 1) {
    if (!rate.limited()) return 0;
    refill(rate, now_ms);
    if (tokens_ >= static_cast<float>(points)) {
      tokens_ -= static_cast<float>(points);
      return 0;
    }
    const double missing = static_cast<double>(points) - static_cast<double>(tokens_);
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(missing * rate.duration_ms / rate.points + 0.999));
  }
  [[nodiscard]] float tokens() const { return tokens_; }

 private:
  void refill(Rate rate, std::int64_t now_ms) {
    if (last_ms_ == never) {
      tokens_ = static_cast<float>(rate.points);
    } else if (now_ms > last_ms_) {
      const double gained = static_cast<double>(now_ms - last_ms_) * rate.points / rate.duration_ms;
      tokens_ = static_cast<float>(std::min<double>(rate.points, static_cast<double>(tokens_) + gained));
    }
    last_ms_ = std::max(now_ms, last_ms_ == never ? now_ms : last_ms_);
  }

  static constexpr std::int64_t never = INT64_MIN;
  std::int64_t last_ms_ = never;
  float tokens_ = 0;
};

}  // namespace sparc
