#pragma once
// Small texts under secret keys, for a while: what a client that comes back with its key is given.

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sparc::broker {

/// Limits: `records_max` keys; beyond them a new one is not kept, and counted.
/// Memory: key, value and about 40 B each.
/// Thread: confined to one.
class RecordStore {
 public:
  struct Counters {
    std::size_t records = 0;
    std::uint64_t refused = 0;
  };
  explicit RecordStore(std::size_t records_max) : records_max_(records_max) {}

  /// Replaces what the key had; an empty value lets it stay until then, if it is there.
  void keep(std::string_view key, std::string_view value, std::int64_t expires_ms);
  /// Forgets it. Nothing: unknown or expired.
  [[nodiscard]] std::optional<std::string> take(std::string_view key, std::int64_t now_ms);
  /// Sweeps, at most once in ten seconds.
  void expire(std::int64_t now_ms);
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const RecordPtr& record : records_) visit(record->key(), record->value(), record->expires_ms);
  }

  [[nodiscard]] Counters counters() const { return {records_.size(), refused_}; }

 private:
  /// In one block of memory with its texts.
  struct Record {
    std::int64_t expires_ms = 0;  // monotonic
    std::uint32_t key_bytes = 0, value_bytes = 0;
    [[nodiscard]] const char* text() const { return reinterpret_cast<const char*>(this + 1); }
    [[nodiscard]] std::string_view key() const { return {text(), key_bytes}; }
    [[nodiscard]] std::string_view value() const { return {text() + key_bytes, value_bytes}; }
  };
  struct Free {
    void operator()(Record* record) const;
  };
  using RecordPtr = std::unique_ptr<Record, Free>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
    std::size_t operator()(const RecordPtr& record) const { return (*this)(record->key()); }
  };
  struct Equal {
    using is_transparent = void;
    static std::string_view key(std::string_view key) { return key; }
    static std::string_view key(const RecordPtr& record) { return record->key(); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return key(a) == key(b);
    }
  };
  [[nodiscard]] static RecordPtr make(std::string_view key, std::string_view value, std::int64_t expires_ms);

  std::size_t records_max_;
  absl::flat_hash_set<RecordPtr, Hash, Equal> records_;
  std::int64_t swept_ms_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace sparc::broker
