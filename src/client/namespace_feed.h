#pragma once
// The events of one namespace on their way to the application: position, duplicates, repair of gaps.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/publication.h"
#include "client/actions.h"
#include "client/known_ids.h"
#include "protocol/native/push.h"

namespace sparc::client {

/// Independent of transports: two of them may feed it for a while, when one is about to leave.
///
/// Only events with an offset and `position` frames move the position, and within an epoch only forward. What came once is not
/// delivered again: by offset, by the ids of provisional events, and by all ids while two transports overlap.
class NamespaceFeed {
 public:
  static constexpr std::size_t provisional_ids_max =
      16'384;  // above the publications that a node queues while its broker is away
  static constexpr std::size_t overlap_ids_max = 8'192;
  static constexpr std::size_t held_events_max = 1'000;  // behind a gap under repair
  static constexpr std::size_t held_bytes_max = 8 * 1024 * 1024;

  explicit NamespaceFeed(std::string ns) : ns_(std::move(ns)) {}

  [[nodiscard]] const Position& position() const { return position_; }
  /// The position counts from here: a first join, or one that could not recover.
  void set_position(Position position) { position_ = std::move(position); }

  /// `epoch`: of the stream as the transport that brought the event knows it. Appends what the application gets to `out`.
  void on_event(const protocol::native::EventPush& event, const std::string& epoch, std::vector<Action>& out);
  void on_position(const Position& position);

  void begin_overlap() { overlapping_ = true; }
  void end_overlap() {
    overlapping_ = false;
    overlap_ids_.clear();
  }

  /// A gap that history may repair: events are held until `end_repair`. False where one is under repair already.
  [[nodiscard]] bool begin_repair(const protocol::native::GapPush& gap);
  [[nodiscard]] bool repairing() const { return repairing_; }
  /// What history is to be asked for.
  [[nodiscard]] protocol::History repair_request() const;
  /// True: more is to be asked for.
  [[nodiscard]] bool on_history(const protocol::native::HistoryReply& reply, std::vector<Action>& out);
  enum class Repair : std::uint8_t { complete, failed };
  /// Tells of the gap and delivers what was held.
  void end_repair(Repair repair, std::vector<Action>& out);

  [[nodiscard]] websocket::Stale stale(const protocol::native::GapPush& gap) const;

 private:
  static constexpr int repair_rounds_max = 10;

  [[nodiscard]] bool is_new(const protocol::native::EventPush& event, const std::string& epoch);

  std::string ns_;
  Position position_;
  KnownIds provisional_ids_{provisional_ids_max};
  KnownIds overlap_ids_{overlap_ids_max};
  bool overlapping_ = false;
  bool repairing_ = false;
  int repair_rounds_ = 0;
  protocol::native::GapPush gap_;  // under repair
  Position repaired_to_;
  std::vector<Message> held_;
  std::size_t held_bytes_ = 0;
};

}  // namespace sparc::client
