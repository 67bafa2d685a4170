#pragma once
// What the simulator knows to be true, and what it holds against what clients were sent.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/publication.h"
#include "broker/broker.h"
#include "protocol/filter.h"
#include "protocol/native/push.h"

namespace sparc::sim {

/// An invariant does not hold. What it says is printed with the seed.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void violated(std::string text);

/// Counts what happens, so that before and after are plain comparisons.
using Tick = std::uint64_t;
constexpr Tick never = UINT64_MAX;

/// What the simulated namespaces are; by NamespaceId.
enum : NamespaceId { alerts = 0, monitoring = 1, video = 2 };
constexpr NamespaceId namespaces_count = 3;

/// One publication, as its publisher meant it, and what became of it.
struct Pub {
  std::size_t index = 0;
  NamespaceId ns = 0;
  std::string tenant;              // empty: public rooms
  std::vector<std::string> rooms;  // short
  std::string event, data, key;
  std::vector<std::string> attachments;
  Tick published = 0;  // when its publisher called
  bool is_volatile = false, latest = false, numbered = false;
  bool outage = false;  // the broker was away at some time between its call and its number
  bool repeated =
      false;  // published again in a run with outages: shards cannot know what the broker remembers, and it may forget
  std::optional<Position> position;  // where the broker put it
  std::string id() const { return "p" + std::to_string(index); }
};

/// A room of one connection in one namespace: possibly held from `asked`, certainly from `held`; certainly until `let_go`, possibly
/// until `gone`.
struct Hold {
  Tick asked = 0, held = never, let_go = never, gone = never;
  bool in_join = false;
};
struct WishSpan {
  protocol::Wish wish;
  Tick from = 0, to = never;
};
/// Offsets of one epoch that a connection is owed.
struct Era {
  std::string epoch;
  std::uint64_t from = 0;
};
struct TrimmedRange {
  std::string epoch;
  std::uint64_t from = 0, to = 0;
  Tick at = 0;
};
struct Receipt {
  std::uint32_t plain = 0, provisional = 0;
};
/// One connection's time in one namespace, from its join's reply on.
struct Seat {
  std::string name;  // of the client, for messages
  NamespaceId ns = 0;
  std::uint16_t shard = 0;
  std::string tenant;
  Tick join_asked = 0, joined = 0, ended = never;
  bool alive = false;  // at the end, with everything read
  std::map<std::string, std::vector<Hold>> rooms;
  std::vector<WishSpan> wishes;
  std::vector<Era> eras;
  Position at;
  bool after_unknown_gap = false, unknown_gap = false, broker_gap = false;
  std::vector<TrimmedRange> trimmed;
  std::uint64_t lost_counted = 0;  // of gaps without offsets: dropped, expired
  std::uint64_t loss_gaps = 0;     // such gaps
  std::map<std::size_t, Receipt> seen;
  std::vector<std::pair<std::size_t, Position>> numbered;  // as the client understood them
  std::map<std::string, std::uint64_t> told_order;         // by stream's tenant: of the last unnumbered event
  std::map<std::string, std::size_t> values;               // by tenant, room, event and key: the last `latest` event it got
  std::uint64_t until = 0;                                 // where a promised replay ends
  struct Recovery {
    Position asked;
    bool recovered = false;
    Tick at = 0;
    bool outage = false;  // the broker was away in between
  };
  std::optional<Recovery> recovery;
};

/// What one shard was told by the broker.
struct Told {
  std::uint64_t order = 0;
  Tick at = 0;
};

class Model {
 public:
  explicit Model(std::uint16_t shards) : told_(shards), missed_(shards) {}

  Tick now = 1;
  std::function<void(const std::string&)> trace;          // may be empty
  std::size_t entries_max[namespaces_count] = {0, 0, 0};  // of a stream's history
  protocol::FilterVocabulary vocabulary[namespaces_count];
  std::vector<Tick> outages_begun, outages_over, forgotten;

  Pub& add(Pub pub);
  [[nodiscard]] Pub& pub(std::size_t index) { return pubs_[index]; }
  [[nodiscard]] std::size_t pubs() const { return pubs_.size(); }
  [[nodiscard]] Pub* find(std::string_view id);
  [[nodiscard]] bool outage_between(Tick from, Tick to) const;

  // What brokers say.
  void placed(std::string_view id, const Position& position);
  void told(std::uint16_t shard, const Publication& publication);
  void missed(std::uint16_t shard, const broker::Missed& missed) { missed_[shard][missed.stream].emplace_back(now, missed.gone); }
  /// At the end: the newest values that a stream keeps.
  void keeps(const StreamKey& stream, const std::vector<PublicationPtr>& values);

  // What clients see; each throws where it must not be.
  void on_event(Seat& seat, const protocol::native::EventPush& event);
  void on_position(Seat& seat, const Position& position);
  void on_gap(Seat& seat, const protocol::native::GapPush& gap);
  void on_history_event(const Seat& seat, const protocol::native::EventPush& event, const std::string& epoch);

  /// At the end, when every answer is known.
  void check(const Seat& seat);
  /// That every shard was told the same order.
  void check_streams() const;
  std::uint64_t events_checked = 0, losses_checked = 0;

 private:
  [[nodiscard]] bool passes(const protocol::Wish& wish, const Pub& pub);
  [[nodiscard]] bool permitted(const Seat& seat, const Pub& pub, std::string_view room);
  [[nodiscard]] bool required(const Seat& seat, const Pub& pub);
  void check_identity(const Seat& seat, const Pub& pub, const protocol::native::EventPush& event);
  void check_order(Seat& seat, const Pub& pub, const protocol::native::EventPush& event, Receipt& receipt);
  void check_numbers(const Seat& seat);
  void check_recovery(const Seat& seat);
  void check_numbered_loss(const Seat& seat);
  void check_unnumbered_loss(const Seat& seat);
  /// Events that were lost between shards while it was there, of its stream and of public rooms.
  [[nodiscard]] std::uint64_t gone(const Seat& seat) const;
  [[nodiscard]] std::uint64_t missing_events(const Seat& seat, const Pub*& first);
  [[nodiscard]] std::uint64_t missing_values(const Seat& seat, const Pub*& first);
  [[nodiscard]] std::uint64_t may_be_lost(const Seat& seat);
  [[nodiscard]] std::uint64_t last_offset(const Seat& seat, const std::string& epoch, Tick until) const;
  [[nodiscard]] bool excused(const Seat& seat, const Pub& pub) const;

  std::vector<Pub> pubs_;
  std::vector<std::unordered_map<std::size_t, Told>> told_;  // by shard, then publication
  std::vector<std::unordered_map<StreamKey, std::vector<std::pair<Tick, std::uint64_t>>, StreamKeyHash>> missed_;
  std::vector<std::pair<StreamKey, std::size_t>> kept_;  // newest values
  std::uint64_t orders_ = 0;
};

}  // namespace sparc::sim
