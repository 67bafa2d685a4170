#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace sparc::broker {

/// Which item is the largest, kept up to date as sizes change: a binary heap whose items know their place. T has
/// `std::size_t heap_at` and `std::size_t heap_size`; only this class writes heap_at, and `changed` follows each change of
/// heap_size.
template <class T>
class SizeHeap {
 public:
  void add(T& item) {
    item.heap_at = items_.size();
    items_.push_back(&item);
    up(item.heap_at);
  }
  void remove(T& item) {
    const std::size_t at = item.heap_at;
    T* last = items_.back();
    items_.pop_back();
    if (last == &item) return;
    items_[at] = last;
    last->heap_at = at;
    changed(*last);
  }
  void changed(T& item) {
    up(item.heap_at);
    down(item.heap_at);
  }
  /// Not of an empty heap.
  [[nodiscard]] T& largest() { return *items_.front(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  void up(std::size_t at) {
    while (at > 0 && items_[at]->heap_size > items_[(at - 1) / 2]->heap_size) {
      swap(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
  }
  void down(std::size_t at) {
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= items_.size()) return;
      if (child + 1 < items_.size() && items_[child + 1]->heap_size > items_[child]->heap_size) ++child;
      if (items_[child]->heap_size <= items_[at]->heap_size) return;
      swap(at, child);
      at = child;
    }
  }
  void swap(std::size_t a, std::size_t b) {
    std::swap(items_[a], items_[b]);
    items_[a]->heap_at = a;
    items_[b]->heap_at = b;
  }

  std::vector<T*> items_;
};

}  // namespace sparc::broker
