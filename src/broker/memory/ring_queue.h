#pragma once
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace sparc::broker {

/// A queue in one block of memory: nothing is allocated before the first item, and a block that became four times too large is
/// given back. Every bound is its owner's.
template <class T>
class RingQueue {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T& operator[](std::size_t i) { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return cells_[(head_ + i) & (cells_.size() - 1)]; }
  [[nodiscard]] T& front() { return (*this)[0]; }
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  [[nodiscard]] const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    if (size_ == cells_.size()) resize(cells_.empty() ? smallest : cells_.size() * 2);
    cells_[(head_ + size_) & (cells_.size() - 1)] = std::move(value);
    ++size_;
  }
  T pop_front() {
    assert(size_ > 0);
    T value = std::exchange(cells_[head_], T{});
    head_ = (head_ + 1) & (cells_.size() - 1);
    --size_;
    if (size_ == 0 && cells_.size() > smallest) {
      resize(0);
    } else if (cells_.size() > smallest && size_ * 4 < cells_.size()) {
      resize(cells_.size() / 2);
    }
    return value;
  }

 private:
  static constexpr std::size_t smallest = 8;

  void resize(std::size_t cells) {
    std::vector<T> moved(cells);
    for (std::size_t i = 0; i < size_; ++i) moved[i] = std::move((*this)[i]);
    cells_ = std::move(moved);
    head_ = 0;
  }

  std::vector<T> cells_;  // a power of two, or none
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sparc::broker
