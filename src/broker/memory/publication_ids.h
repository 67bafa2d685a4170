#pragma once
// Which publications a stream has seen lately, so that a retry is answered as the first one was.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "broker/memory/ring_queue.h"

namespace sparc::broker {

/// Publication ids of one stream with the offset each was given (0: accepted without one), forgotten after `ttl_ms` or when more
/// than `ids_max` are remembered, oldest first.
class PublicationIds {
 public:
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view id) const {
    auto at = offsets_.find(id);
    return at == offsets_.end() ? std::nullopt : std::optional(at->second);
  }
  /// `id` is not remembered yet (asserted). Returns how many others were forgotten before their time.
  std::size_t remember(std::string id, std::uint64_t offset, std::int64_t now_ms, std::size_t ids_max);
  void expire(std::int64_t now_ms, std::int64_t ttl_ms);

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  /// Oldest first: visit(id, offset, at_ms).
  template <class F>
  void for_each(F&& visit) const {
    for (std::size_t i = 0; i < order_.size(); ++i) visit(order_[i].entry->first, order_[i].entry->second, order_[i].at_ms);
  }

 private:
  using Map = std::unordered_map<std::string, std::uint64_t, StringHash, std::equal_to<>>;
  struct Remembered {
    const Map::value_type* entry = nullptr;  // elements of the map never move
    std::int64_t at_ms = 0;
  };
  void forget_oldest();

  Map offsets_;
  RingQueue<Remembered> order_;
};

}  // namespace sparc::broker
