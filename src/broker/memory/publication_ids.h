#pragma once
// Which publications a stream has seen lately, so that a retry is answered as the first one was.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/memory/ring_queue.h"

namespace sparc::broker {

/// XXH3 of a publication id. Two ids that meet by accident are out of the question; who makes two meet on purpose may publish to
/// the stream anyway, and could as well send the same id.
struct PublicationIdHash {
  std::uint64_t high = 0, low = 0;
  friend bool operator==(const PublicationIdHash&, const PublicationIdHash&) = default;
  [[nodiscard]] static PublicationIdHash of(std::string_view id);
};

/// Publication ids of one stream with the offset each was given (0: accepted without one), forgotten after `ttl_ms` or when more
/// than `ids_max` are remembered, oldest first. About 50 bytes an id, in two blocks of memory.
class PublicationIds {
 public:
  [[nodiscard]] std::optional<std::uint64_t> find(const PublicationIdHash& id) const;
  /// `id` is not remembered yet (asserted). Returns how many others were forgotten before their time.
  std::size_t remember(const PublicationIdHash& id, std::uint64_t offset, std::int64_t now_ms, std::size_t ids_max);
  void expire(std::int64_t now_ms, std::int64_t ttl_ms);

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  /// Oldest first: visit(id, offset, at_ms).
  template <class F>
  void for_each(F&& visit) const {
    for (std::size_t i = 0; i < order_.size(); ++i) visit(order_[i].id, order_[i].offset, order_[i].at_ms);
  }

 private:
  struct Remembered {
    PublicationIdHash id;
    std::uint64_t offset = 0;
    std::int64_t at_ms = 0;
  };
  static constexpr std::uint64_t free_slot = 0;

  [[nodiscard]] const Remembered& numbered(std::uint64_t number) const { return order_[number - first_]; }
  [[nodiscard]] std::size_t slot_of(const PublicationIdHash& id) const;
  [[nodiscard]] std::size_t home_of(const PublicationIdHash& id) const { return id.low & (slots_.size() - 1); }
  void rebuild(std::size_t slots);
  void forget_oldest();

  RingQueue<Remembered> order_;
  std::uint64_t first_ = 1;           // number of order_.front(); each id has the next one
  std::vector<std::uint64_t> slots_;  // open addressing, at most half full: numbers
};

}  // namespace sparc::broker
