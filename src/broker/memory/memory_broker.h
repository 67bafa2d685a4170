#pragma once
// The broker of one node: streams live in the memory of its shards.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/entropy.h"
#include "broker/broker.h"
#include "broker/memory/home_part.h"
#include "broker/memory/message.h"
#include "broker/memory/outbox.h"

namespace sparc::broker {

struct MemoryBrokerSettings {
  std::uint16_t shards = 1;
  std::vector<NamespaceBrokerSettings> namespaces;  // by NamespaceId; one beyond the list keeps no history
  Limits limits;                                    // of the node; its shards divide what is a node's
};

/// One door per shard, with that shard's home part behind it. Each stream, id and bucket has a home shard, by hash of its key,
/// that executes what concerns it; other shards reach it by messages.
///
/// Order:    what a home says to a shard (publications, answers, on_missed) stays in order. A shard's requests to one home are
///           executed in order. After `leave`, publications that are already under way still come.
/// Loss:     only publications, where the mailbox of a shard is full; then `on_missed` comes in their place: before the next
///           publication of the stream and before any answer about it given after the loss.
/// Refused:  publish, with UNAVAILABLE: once `seal` was called, or where too many publications wait for their home.
/// Lifetime: post and entropy outlive the broker; entropy is used by the constructor only.
/// Thread:   each door on its shard's thread; the broker's own functions as they say.
class MemoryBroker {
 public:
  class Door;
  MemoryBroker(MemoryBrokerSettings settings, Post& post, Entropy& entropy);
  ~MemoryBroker();

  [[nodiscard]] std::uint16_t shards() const { return static_cast<std::uint16_t>(doors_.size()); }
  [[nodiscard]] Door& door(std::uint16_t shard) { return *doors_[shard]; }

  /// From now on publications are refused: the last thing before a drained node's snapshot. Any thread.
  void seal() { sealed_.store(true, std::memory_order_relaxed); }

  /// The broker goes away, or comes back: doors answer `unavailable` meanwhile, but what was asked before is still done.
  /// Memberships that begin or end meanwhile count; points are granted in full. Tells every listener. Drivers with one thread
  /// only.
  void set_available(bool available);
  /// Streams are lost: the next use of each begins a new epoch. Memberships stay. Drivers with one thread only.
  void forget();

  /// All streams as bytes. While no shard runs.
  [[nodiscard]] std::string snapshot(Now now);
  struct Restored {
    std::uint64_t streams = 0;
    std::uint64_t streams_of_unknown_namespaces = 0;
    std::size_t entries = 0;
  };
  /// Before any shard runs. Errors: a snapshot that is damaged or of another version, streams that exist already; nothing is
  /// changed.
  [[nodiscard]] Result<Restored> restore(std::string_view snapshot, Now now);

 private:
  [[nodiscard]] std::vector<std::string> namespace_names() const;
  [[nodiscard]] std::uint16_t home_of(NamespaceId ns, std::string_view tenant) const;

  MemoryBrokerSettings settings_;
  std::atomic<bool> sealed_{false};
  std::atomic<bool> available_{true};
  std::vector<std::unique_ptr<Door>> doors_;
};

/// A shard's way to the broker.
///
/// Listener: never nested. A call that is not made from a callback gets what is due before it returns; what a callback asks for
///           comes after that callback. `on_tick` comes before anything else: until then the time is 0.
class MemoryBroker::Door final : public Broker, private HomePart::Out {
 public:
  Door(MemoryBroker& broker, std::uint16_t shard, Post& post, std::uint64_t seed);

  /// Before anything else; `listener` outlives the door's use.
  void set_listener(Listener& listener) { listener_ = &listener; }

  void publish(Ticket ticket, Publication publication) override;
  void enter(Ticket ticket, const StreamKey& stream) override;
  void leave(const StreamKey& stream) override;
  void read(Ticket ticket, const StreamKey& stream, std::optional<Position> since, ReadLimits limits) override;
  void latest(Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) override;
  void attached(IdKind kind, std::string_view id, std::string_view tenant) override;
  void detached(IdKind kind, std::string_view id, std::string_view tenant) override;
  void tenants_of(Ticket ticket, IdKind kind, std::string_view id) override;
  void keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) override;
  void take_record(Ticket ticket, std::string_view key) override;
  void take_points(Ticket ticket, std::string_view name, Rate rate, std::uint32_t points) override;
  /// May come each turn of the loop: expiry runs once a second. Retries what waits for full mailboxes.
  void on_tick(Now now) override;

  /// What another shard posted to this one, in the order of its mailbox.
  void on_message(Message message);
  /// Retries what waits for full mailboxes. True: nothing waits; else call again soon (each turn).
  bool flush();

  struct Counters {
    StreamCounters streams;
    Directory::Counters directory;
    RecordStore::Counters records;
    std::uint64_t publications_lost = 0;     // on the way to other shards; but for volatile ones, an on_missed there covers each
    std::uint64_t publications_refused = 0;  // too many waited for their home
    std::uint64_t points_unbounded = 0;      // granted because there were too many buckets
    std::size_t waiting = 0;                 // messages for full mailboxes
  };
  /// Of this shard and its home part; a node's are the sum.
  [[nodiscard]] Counters counters() const;

 private:
  friend class MemoryBroker;
  void publication(std::uint16_t to, const StreamKey& stream, const PublicationPtr& publication) override;
  void answer(std::uint16_t to, const StreamKey* stream, Answer answer) override;

  [[nodiscard]] bool away() const { return !broker_.available_.load(std::memory_order_relaxed); }
  template <class What>
  void request(std::uint16_t home, What what);
  void answer_here(Answer answer);
  void deliver();
  void tell(Message& message);

  MemoryBroker& broker_;
  std::uint16_t shard_;
  Listener* listener_ = nullptr;
  HomePart part_;
  std::deque<Outbox> outboxes_;  // by shard; the own one is never used
  std::deque<Message> inbox_;    // for this shard's listener
  bool delivering_ = false;
  std::uint64_t refused_ = 0;
};

}  // namespace sparc::broker
