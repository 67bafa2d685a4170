#pragma once
// Log-linear histogram in the manner of HdrHistogram: 64 linear steps per power of two, so an error below 1.6 %.

#include <array>
#include <bit>
#include <cstdint>

namespace bench {

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[index_of(value)];
    ++total_;
    if (value > max_) max_ = value;
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  /// The smallest recorded value (rounded up to its step) that `fraction` of all values do not exceed; 0 without values.
  [[nodiscard]] std::uint64_t at(double fraction) const {
    const auto wanted = static_cast<std::uint64_t>(fraction * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (counts_[i] != 0 && seen >= wanted) return highest_of(i) < max_ ? highest_of(i) : max_;
    }
    return max_;
  }

 private:
  static constexpr unsigned step_bits = 6;
  static constexpr std::uint64_t steps = 1u << step_bits;

  static std::size_t index_of(std::uint64_t value) {
    if (value < steps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
    return (static_cast<std::size_t>(shift) + 1) * steps + ((value >> shift) - steps);
  }
  static std::uint64_t highest_of(std::size_t index) {
    if (index < steps) return index;
    const std::size_t shift = index / steps - 1;
    return ((steps + index % steps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - step_bits + 1) * steps> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace bench
