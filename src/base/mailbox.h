#pragma once
// How threads talk: a bounded queue with many senders and one receiver.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace sparc {

/// Ring of cells with sequence numbers (after D. Vyukov's bounded queue): a sender never blocks and never waits for another one.
///
/// Guarantee: items of one sender arrive in the order it pushed them.
/// Thread:    push from any thread; drain from one.
template <class T>
class Mailbox {
 public:
  enum class Push : std::uint8_t {
    queued,       // the receiver is awake or was already signalled
    queued_wake,  // the receiver may sleep: the sender wakes it, once per empty-to-non-empty change
    full,         // nothing was stored; the sender keeps the item and decides what its loss means
  };

  /// `capacity` items, rounded up to a power of two, at least 2.
  explicit Mailbox(std::size_t capacity) {
    std::size_t size = 2;
    while (size < capacity) size *= 2;
    mask_ = size - 1;
    cells_ = std::make_unique<Cell[]>(size);
    for (std::size_t i = 0; i < size; ++i) cells_[i].sequence.store(i, std::memory_order_relaxed);
  }

  /// Moves from `item` unless the answer is `full`.
  [[nodiscard]] Push push(T& item) {
    std::size_t position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position & mask_];
      std::size_t sequence = cell.sequence.load(std::memory_order_acquire);
      if (sequence == position) {
        if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          cell.value.emplace(std::move(item));
          cell.sequence.store(position + 1, std::memory_order_release);
          return signalled_.exchange(true, std::memory_order_acq_rel) ? Push::queued : Push::queued_wake;
        }
      } else if (sequence < position) {
        return Push::full;
      } else {
        position = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  /// Takes up to `most` items, oldest first; returns how many. After fewer than `most`, the next push asks for a wake.
  template <class F>
  std::size_t drain(F&& take, std::size_t most = SIZE_MAX) {
    std::size_t taken = 0;
    signalled_.exchange(false, std::memory_order_acq_rel);
    while (taken < most) {
      Cell& cell = cells_[head_ & mask_];
      if (cell.sequence.load(std::memory_order_acquire) != head_ + 1) break;
      T value = std::move(*cell.value);
      cell.value.reset();
      cell.sequence.store(head_ + mask_ + 1, std::memory_order_release);
      ++head_;
      ++taken;
      take(std::move(value));
    }
    return taken;
  }

  /// Whether the receiver has something to take. Receiver's thread only.
  [[nodiscard]] bool empty() const { return cells_[head_ & mask_].sequence.load(std::memory_order_acquire) != head_ + 1; }
  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

 private:
  struct Cell {
    std::atomic<std::size_t> sequence;
    std::optional<T> value;
  };
  std::unique_ptr<Cell[]> cells_;
  std::size_t mask_ = 0;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::size_t head_ = 0;
  alignas(64) std::atomic<bool> signalled_{false};
};

}  // namespace sparc
