#pragma once
// Small texts under secret keys, for a while: what a client that comes back with its key is given.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sparc::broker {

/// Limits: `records_max` keys; beyond them a new one is not kept, and counted.
/// Thread: confined to one.
class RecordStore {
 public:
  struct Counters {
    std::size_t records = 0;
    std::uint64_t refused = 0;
  };
  explicit RecordStore(std::size_t records_max) : records_max_(records_max) {}

  /// Replaces what the key had; an empty value lets it stay until then, if it is there.
  void keep(std::string key, std::string value, std::int64_t expires_ms);
  /// Forgets it. Nothing: unknown or expired.
  [[nodiscard]] std::optional<std::string> take(const std::string& key, std::int64_t now_ms);
  /// Sweeps, at most once in ten seconds.
  void expire(std::int64_t now_ms);
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [key, record] : records_) visit(key, record.value, record.expires_ms);
  }

  [[nodiscard]] Counters counters() const { return {records_.size(), refused_}; }

 private:
  struct Record {
    std::string value;
    std::int64_t expires_ms = 0;  // monotonic
  };
  std::size_t records_max_;
  std::unordered_map<std::string, Record> records_;
  std::int64_t swept_ms_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace sparc::broker
