#pragma once
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

namespace sparc::client {

/// The newest publication ids, at most `capacity` of them: what came once is not delivered again.
class KnownIds {
 public:
  explicit KnownIds(std::size_t capacity) : capacity_(capacity) {}

  /// False where it was known already.
  bool insert(std::string_view id) {
    if (ids_.contains(id)) return false;
    if (order_.size() == capacity_) {
      ids_.erase(order_.front());
      order_.pop_front();
    }
    ids_.insert(order_.emplace_back(id));
    return true;
  }
  [[nodiscard]] bool contains(std::string_view id) const { return ids_.contains(id); }
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  void clear() {
    ids_.clear();
    order_.clear();
  }

 private:
  std::size_t capacity_;
  std::deque<std::string> order_;             // oldest first; elements never move
  std::unordered_set<std::string_view> ids_;  // of order_
};

}  // namespace sparc::client
