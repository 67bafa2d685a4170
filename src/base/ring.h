#pragma once
#include <cassert>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace sparc {

/// A queue with both ends in one block of memory; none is held while it never had an element.
template <class T>
class Ring {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T& operator[](std::size_t i) { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  [[nodiscard]] T& front() { return (*this)[0]; }
  [[nodiscard]] T& back() { return (*this)[size_ - 1]; }

  void push_back(T value) {
    grow_if_full();
    ++size_;
    back() = std::move(value);
  }
  void push_front(T value) {
    grow_if_full();
    head_ = (head_ + cells_.size() - 1) & (cells_.size() - 1);
    ++size_;
    front() = std::move(value);
  }
  T pop_front() {
    assert(size_ > 0);
    T value = std::exchange(cells_[head_], T{});
    head_ = (head_ + 1) & (cells_.size() - 1);
    --size_;
    return value;
  }
  /// Keeps the order of what stays.
  template <class F>
  void erase_if(F&& gone) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (gone((*this)[i])) continue;
      if (kept != i) (*this)[kept] = std::move((*this)[i]);
      ++kept;
    }
    for (std::size_t i = kept; i < size_; ++i) (*this)[i] = T{};
    size_ = kept;
  }
  void clear() { *this = Ring{}; }

 private:
  void grow_if_full() {
    if (size_ < cells_.size()) return;
    std::vector<T> larger(cells_.empty() ? 2 : cells_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    cells_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> cells_;  // a power of two, or none
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sparc
