#include "base/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace sparc {

TimerId TimerWheel::schedule(std::int64_t after_ms, std::uint64_t token) {
  std::uint32_t index = free_;
  if (index != nil) {
    free_ = nodes_[index].next;
  } else {
    index = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back(Node{0, 0, nil, nil, 1, free_bucket});
  }
  Node& node = nodes_[index];
  node.token = token;
  node.deadline = target_ + static_cast<std::uint64_t>(std::clamp<std::int64_t>(after_ms, 1, after_ms_max));
  link(index);
  ++live_;
  return static_cast<TimerId>((std::uint64_t{node.generation} << 32) | index);
}

bool TimerWheel::cancel(TimerId id) {
  const auto index = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id));
  const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32);
  if (index >= nodes_.size() || nodes_[index].generation != generation || nodes_[index].bucket == free_bucket) return false;
  unlink(index);
  release(index);
  return true;
}

std::int64_t TimerWheel::next_deadline() const {
  const Expiry next = next_expiry();
  return next.at == UINT64_MAX ? never : origin_ms_ + static_cast<std::int64_t>(next.at);
}

void TimerWheel::set_target(std::int64_t now_ms) {
  if (now_ms > origin_ms_) target_ = std::max(target_, static_cast<std::uint64_t>(now_ms - origin_ms_));
}

bool TimerWheel::pop_due(std::uint64_t& token) {
  for (;;) {
    const Expiry next = next_expiry();
    if (next.at > target_) {
      elapsed_ = target_;
      return false;
    }
    elapsed_ = std::max(elapsed_, next.at);
    if (next.bucket < buckets) {
      const std::uint32_t index = heads_[next.bucket];
      token = nodes_[index].token;
      unlink(index);
      release(index);
      return true;
    }
    while (heads_[next.bucket] != nil) {
      const std::uint32_t index = heads_[next.bucket];
      unlink(index);
      link(index);
    }
  }
}

// The bucket that begins first. A lower level's timers are all due before a higher level's, because a timer's level is the highest
// digit (base 64) in which its deadline differs from the time at which it was linked, and digits only change when a bucket empties.
TimerWheel::Expiry TimerWheel::next_expiry() const {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = level * level_bits;
    const auto index = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    const std::uint64_t above = elapsed_ >> (shift + level_bits);
    const std::uint64_t at = ((above << level_bits) | index) << shift;
    return {at, static_cast<std::uint16_t>(level * buckets + index)};
  }
  return {UINT64_MAX, 0};
}

void TimerWheel::link(std::uint32_t index) {
  Node& node = nodes_[index];
  const std::uint64_t difference = (node.deadline ^ elapsed_) | (buckets - 1);
  const unsigned level = static_cast<unsigned>(63 - std::countl_zero(difference)) / level_bits;
  assert(level < levels && node.deadline >= elapsed_);
  const auto slot = static_cast<unsigned>(node.deadline >> (level * level_bits)) & (buckets - 1);
  node.bucket = static_cast<std::uint16_t>(level * buckets + slot);
  node.previous = nil;
  node.next = heads_[node.bucket];
  if (node.next != nil) nodes_[node.next].previous = index;
  heads_[node.bucket] = index;
  occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::unlink(std::uint32_t index) {
  const Node& node = nodes_[index];
  if (node.next != nil) nodes_[node.next].previous = node.previous;
  if (node.previous != nil) {
    nodes_[node.previous].next = node.next;
  } else {
    heads_[node.bucket] = node.next;
    if (node.next == nil) occupied_[node.bucket / buckets] &= ~(std::uint64_t{1} << (node.bucket % buckets));
  }
}

void TimerWheel::release(std::uint32_t index) {
  Node& node = nodes_[index];
  node.bucket = free_bucket;
  if (++node.generation == 0) node.generation = 1;
  node.next = free_;
  free_ = index;
  --live_;
}

}  // namespace sparc
