#pragma once
// Which tenants an id of a user or an organization belongs to.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "broker/broker.h"
#include "broker/memory/ring_queue.h"

namespace sparc::broker {

/// Ids with their tenants: kept while a connection with the id is attached and for `ttl_ms` after the last. Ids are kept as
/// 128-bit hashes, so that one costs about 60 bytes.
///
/// Limits:   `ids_max` pairs of id and tenant; a new one pushes out the pair that was detached longest ago; where all are
///           attached it is not remembered, and counted.
/// Thread:   confined to one.
class Directory {
 public:
  struct Counters {
    std::uint64_t evicted = 0;
    std::uint64_t refused = 0;
    std::size_t ids = 0;
  };
  Directory(std::size_t ids_max, std::uint64_t ttl_ms) : ids_max_(ids_max), ttl_ms_(static_cast<std::int64_t>(ttl_ms)) {}

  void attached(IdKind kind, std::string_view id, std::string_view tenant);
  void detached(IdKind kind, std::string_view id, std::string_view tenant, std::int64_t now_ms);
  /// At most two: two already mean that the id is ambiguous.
  [[nodiscard]] std::vector<std::string> tenants_of(IdKind kind, std::string_view id) const;
  void expire(std::int64_t now_ms);

  [[nodiscard]] Counters counters() const { return {evicted_, refused_, records_.size()}; }

 private:
  struct Key {
    std::uint64_t high = 0, low = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept { return static_cast<std::size_t>(key.low); }
  };
  struct Record {
    std::uint32_t tenant = 0;  // index into tenants_
    std::uint32_t attached = 0;
    std::uint64_t departure = 0;  // number of the last one
  };
  struct Left {
    Key key;
    std::uint32_t tenant = 0;
    std::uint64_t departure = 0;
    std::int64_t at_ms = 0;
  };
  struct Tenant {
    std::string name;
    std::size_t records = 0;
  };
  using Records = std::unordered_multimap<Key, Record, KeyHash>;

  [[nodiscard]] static Key key_of(IdKind kind, std::string_view id);
  [[nodiscard]] Records::iterator find(const Key& key, std::uint32_t tenant);
  [[nodiscard]] std::uint32_t intern(std::string_view tenant);
  void erase(Records::iterator record);
  [[nodiscard]] bool make_room();
  [[nodiscard]] Records::iterator record_of(const Left& left);
  void compact();

  std::size_t ids_max_;
  std::int64_t ttl_ms_;
  Records records_;
  RingQueue<Left> left_;  // in order of time; one whose record was attached since, or left again, is stale
  std::vector<Tenant> tenants_;
  std::vector<std::uint32_t> free_tenants_;
  std::unordered_map<std::string, std::uint32_t, StringHash, std::equal_to<>> tenant_index_;
  std::uint64_t departures_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace sparc::broker
