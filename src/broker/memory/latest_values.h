#pragma once
// The newest value of what only matters newest: one per (room, event, key) of a stream.

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/publication.h"

namespace sparc::broker {

/// A publication to several rooms is the newest value of each of them, and counts as one value per room. Kept in the order they
/// were written; the least recently written go first.
class LatestValues {
 public:
  struct Bounds {
    std::size_t values_max = 0;
    std::size_t bytes_max = 0;
  };
  /// Returns how many other values were evicted for it.
  std::size_t write(const PublicationPtr& publication, std::int64_t now_ms, Bounds bounds);
  /// As `write` for one of the publication's rooms (asserted), without bounds: for restoring.
  void put(const PublicationPtr& publication, std::size_t room, std::int64_t at_ms);
  /// Returns how many values were too old.
  std::size_t expire(std::int64_t now_ms, std::int64_t ttl_ms);
  void evict_oldest();

  /// The values of the rooms named in the order they were written, a publication to several of them once.
  [[nodiscard]] std::vector<PublicationPtr> of_rooms(const std::vector<std::string>& rooms) const;

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Least recently written first: visit(publication, index of the room, at_ms).
  template <class F>
  void for_each(F&& visit) const {
    for (const Value& value : values_) visit(value.publication, value.room, value.at_ms);
  }

 private:
  struct Value {
    PublicationPtr publication;
    std::size_t room = 0;  // index into publication->rooms
    std::int64_t at_ms = 0;
    std::size_t bytes = 0;
    const std::string* key = nullptr;  // of index_, whose elements never move
  };
  std::list<Value> values_;
  std::unordered_map<std::string, std::list<Value>::iterator> index_;
  std::size_t bytes_ = 0;
};

}  // namespace sparc::broker
