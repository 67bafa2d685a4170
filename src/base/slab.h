#pragma once
// Handles instead of pointers between layers.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace sparc {

/// Names one connection of one shard. A handle outlives what it names: looking up a stale one is a miss, never another connection.
struct ConnectionId {
  std::uint32_t slot = UINT32_MAX;
  std::uint32_t generation = 0;
  friend bool operator==(ConnectionId, ConnectionId) = default;
  [[nodiscard]] bool valid() const { return slot != UINT32_MAX; }
  [[nodiscard]] std::uint64_t packed() const { return (std::uint64_t{generation} << 32) | slot; }
  static ConnectionId unpack(std::uint64_t value) {
    return {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)};
  }
};

/// Slots in chunks that never move; freed slots are reused with a new generation.
template <class T, std::size_t chunk_slots = 256>
class Slab {
 public:
  /// Generations have 24 bits, so that a handle and its shard fit into 64.
  static constexpr std::uint32_t generation_mask = (1U << 24) - 1;

  template <class... Args>
  ConnectionId emplace(Args&&... args) {
    std::uint32_t slot;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      slot = static_cast<std::uint32_t>(size_slots_++);
      if (slot / chunk_slots == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
    }
    Slot& s = at(slot);
    std::construct_at(&s.value, std::forward<Args>(args)...);
    s.live = true;
    ++live_;
    return {slot, s.generation};
  }
  /// Null for a stale or foreign handle.
  [[nodiscard]] T* find(ConnectionId id) {
    if (id.slot >= size_slots_) return nullptr;
    Slot& s = at(id.slot);
    return s.generation == id.generation && s.live ? &s.value : nullptr;
  }
  /// The live value of a slot, whatever its generation; null when free.
  [[nodiscard]] T* at_slot(std::uint32_t slot) {
    if (slot >= size_slots_) return nullptr;
    Slot& s = at(slot);
    return s.live ? &s.value : nullptr;
  }
  [[nodiscard]] ConnectionId id_of(std::uint32_t slot) { return {slot, at(slot).generation}; }
  bool erase(ConnectionId id) {
    if (find(id) == nullptr) return false;
    Slot& s = at(id.slot);
    s.live = false;
    std::destroy_at(&s.value);
    s.generation = (s.generation + 1) & generation_mask;
    free_.push_back(id.slot);
    --live_;
    return true;
  }
  [[nodiscard]] std::size_t live() const { return live_; }
  [[nodiscard]] std::size_t slots() const { return size_slots_; }
  template <class F>
  void for_each(F&& visit) {
    for (std::uint32_t slot = 0; slot < size_slots_; ++slot) {
      Slot& s = at(slot);
      if (s.live) visit(ConnectionId{slot, s.generation}, s.value);
    }
  }

 private:
  struct Slot {
    Slot() {}  // without a value
    ~Slot() {
      if (live) std::destroy_at(&value);
    }
    union {
      T value;
    };
    std::uint32_t generation : 24 = 0;
    std::uint32_t live : 1 = 0;
  };
  struct Chunk {
    Slot slots[chunk_slots];
  };
  Slot& at(std::uint32_t slot) { return chunks_[slot / chunk_slots]->slots[slot % chunk_slots]; }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::uint32_t> free_;
  std::size_t size_slots_ = 0;
  std::size_t live_ = 0;
};

}  // namespace sparc

template <>
struct std::hash<sparc::ConnectionId> {
  std::size_t operator()(sparc::ConnectionId id) const noexcept { return std::hash<std::uint64_t>{}(id.packed()); }
};
