#pragma once
// Where publications go to reach every shard and every node, and where streams live.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/codes.h"
#include "base/publication.h"
#include "base/token_bucket.h"

namespace sparc::broker {

/// Names an answer that a caller waits for. 0: nobody waits, no answer is given.
using Ticket = std::uint64_t;

/// What became of a publication.
struct Published {
  enum class Outcome : std::uint8_t {
    numbered,     // appended: `position` is where
    accepted,     // delivered without a number
    refused,      // `fault` says why; nothing was delivered
    unavailable,  // the broker is away; the caller decides (provisional delivery, hold, refuse)
  };
  Outcome outcome = Outcome::accepted;
  Position position;
  Fault fault;
};

/// Where a stream stands at one moment.
struct StreamState {
  Position position;         // epoch and offset of the newest entry (0: none yet)
  std::uint64_t oldest = 0;  // offset of the oldest kept entry; 0: nothing is kept
  bool available = true;     // false: the broker is away, position.epoch is ""
};

/// A part of a stream's history, in order.
struct HistoryPart {
  enum class Reach : std::uint8_t {
    reached,  // `entries` continue right after the position asked for
    trimmed,  // entries after that position are gone; `entries` begin at the oldest kept
    unknown,  // another epoch, or an offset beyond the stream's end; `entries` begin at the oldest kept
    unavailable,
  };
  Reach reach = Reach::reached;
  std::vector<PublicationPtr> entries;
  Position next;              // of the last entry, or what was asked where there is none: read on from here
  bool complete = true;       // nothing was left after `next` when this was read
  std::uint64_t skipped = 0;  // where trimmed: how many offsets are gone
};

struct ReadLimits {
  std::size_t entries_max = 256;
  std::size_t bytes_max = 262'144;  // at least one entry comes, whatever its size
};

/// Publications of one stream that were lost on the way to a shard: where they can still be had, and how many cannot.
struct Missed {
  StreamKey stream;
  bool numbered = false;   // some are in the stream's history
  bool latest = false;     // some were `latest` events: the newest values are kept
  std::uint64_t gone = 0;  // the others, but for volatile ones
};

/// What the broker tells a shard. Every call happens on that shard's thread, in the order the broker decided.
class Listener {
 public:
  virtual ~Listener() = default;
  /// A publication of a stream that this shard entered. Those of one stream come in their order, numbered ones without holes
  /// (except behind `on_missed`).
  virtual void on_publication(PublicationPtr publication) = 0;
  virtual void on_published(Ticket ticket, Published result) = 0;
  /// Everything up to `state.position` has been told before this call, everything after it comes after.
  virtual void on_entered(Ticket ticket, StreamState state) = 0;
  /// As on_entered: when `part.complete`, everything up to `part.next` has been told before.
  virtual void on_history(Ticket ticket, HistoryPart part) = 0;
  virtual void on_latest(Ticket ticket, std::vector<PublicationPtr> values) = 0;
  virtual void on_tenants(Ticket ticket, std::vector<std::string> tenants) = 0;
  virtual void on_record(Ticket ticket, std::optional<std::string> value) = 0;
  virtual void on_points(Ticket ticket, std::uint32_t granted, std::int64_t retry_after_ms) = 0;
  /// A full mailbox. Members recover from history and from the newest values, and are told of a gap for the rest.
  virtual void on_missed(const Missed& missed) = 0;
  /// The broker went away, or came back. Never called by the in-memory broker outside the simulator.
  virtual void on_availability(bool available) = 0;
};

/// What the directory knows.
enum class IdKind : std::uint8_t { user, organization };

/// One shard's door to the broker. Calls never block; answers come through the Listener, possibly before the call returns.
///
/// Order:     per stream, every shard of every node is told the same publications in the same order; publish, number and append
///            are one atomic step.
/// Loss:      a mailbox that is full loses publications and says so (`on_missed`), but for volatile ones; answers are never lost.
/// Thread:    all calls on the shard's thread.
class Broker {
 public:
  virtual ~Broker() = default;

  /// Numbers (where `publication.policy.history` and the namespace keeps history), appends and delivers. A publication whose id the
  /// stream remembers is answered as the first one was and not delivered again.
  virtual void publish(Ticket ticket, Publication publication) = 0;

  /// The shard has members of the stream from now on: on_publication begins. May be called again; `leave` counts against `enter`
  /// not at all: one leave ends it. Creates the stream's metadata, so that its position has an epoch.
  virtual void enter(Ticket ticket, const StreamKey& stream) = 0;
  virtual void leave(const StreamKey& stream) = 0;

  /// Entries after `since`; from the oldest where absent.
  virtual void read(Ticket ticket, const StreamKey& stream, std::optional<Position> since, ReadLimits limits) = 0;

  /// The newest value per (room, event, key) of the rooms named, in the order they were published.
  virtual void latest(Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) = 0;

  /// The directory of ids: who is in which tenant. `attached` when a connection with that id opens, `detached` when it closes;
  /// remembered 24 h after the last. `tenants_of` answers every tenant known for the id: none, one, or (ambiguous) two.
  virtual void attached(IdKind kind, std::string_view id, std::string_view tenant) = 0;
  virtual void detached(IdKind kind, std::string_view id, std::string_view tenant) = 0;
  virtual void tenants_of(Ticket ticket, IdKind kind, std::string_view id) = 0;

  /// A small text under a key that nobody guesses, for `ttl_ms` from now; replaces what was there, or, where `value` is empty, lets it
  /// stay that long. `take_record` gives it once.
  virtual void keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) = 0;
  virtual void take_record(Ticket ticket, std::string_view key) = 0;

  /// Takes up to `points` from the cluster's bucket `name` (a user's or a tenant's), in advance: the shard spends them locally.
  virtual void take_points(Ticket ticket, std::string_view name, Rate rate, std::uint32_t points) = 0;

  /// Timers: expiry of entries, ids and values. Called about once a second.
  virtual void on_tick(Now now) = 0;
};

}  // namespace sparc::broker
