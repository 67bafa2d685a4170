#pragma once
// What waits for one connection. It exists only while something does.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/frame.h"
#include "base/publication.h"
#include "base/ring.h"

namespace sparc::session {

/// What a lane does when it is over its bytes.
enum class LanePolicy : std::uint8_t {
  catch_up,  // with history: frames go, the position stays, and the lane refills from history as the socket drains
  drop_oldest,
  conflate,    // the newest per (room, event) stays, then the oldest goes
  disconnect,  // SLOW_CONSUMER
};

struct LaneSettings {
  NamespaceId ns = 0;
  std::uint8_t priority = 0;  // lower leaves first
  LanePolicy policy = LanePolicy::drop_oldest;
  std::size_t bytes_max = 1'048'576;
};

enum class GapReason : std::uint8_t { dropped, expired, trimmed, broker };
[[nodiscard]] std::string_view name_of(GapReason reason);

/// A loss that its lane announces: one per run of lost publications.
struct GapRun {
  std::uint64_t count = 0;
  std::uint64_t from = 0, to = 0;  // offsets; 0: not numbered
  std::string room;                // empty: several
  GapReason reason = GapReason::dropped;
};

/// An indivisible group of frames that waits: a publication's rendering, a position, a gap, or a notice (rooms taken away), which is
/// never dropped.
struct Entry {
  enum class Kind : std::uint8_t { publication, position, gap, notice, removed };
  Kind kind = Kind::publication;
  bool refill = false;                // came from history
  std::uint8_t room_rank = 0;         // which of the publication's rooms it was rendered for
  std::uint32_t begin = 0, size = 0;  // within `block`
  Frame block;
  std::uint64_t number = 0;     // the shard's publication number
  std::int64_t expires_ms = 0;  // monotonic; 0: never
  PublicationPtr publication;   // null for positions and gaps
  std::unique_ptr<GapRun> gap;  // kind gap: rendered when it leaves
};

enum class PushResult : std::uint8_t {
  queued,
  conflated,  // took the place of an older one
  dropped,    // it, or others, were dropped; a gap stands in the lane where one is due
  catch_up,   // the lane gave up its frames: the caller refills it from history
  overflow,   // the connection is to be closed with SLOW_CONSUMER
};

/// One namespace's queue of one connection.
class Lane {
 public:
  explicit Lane(LaneSettings settings) : settings_(settings) {}

  [[nodiscard]] PushResult push(Entry entry);
  /// From history, while catching up: never over the bounds by more than one part of a read.
  void push_refill(Entry entry);
  /// `position` is where the connection stands: everything up to it was sent or queued.
  void begin_catch_up(Position position);
  /// The lane is level with the stream: what waited behind the refill follows.
  void end_catch_up();
  void push_gap(GapRun gap) { add_gap(entries_, std::move(gap)); }
  /// Gives up what waits as an overflow would, to make room for other lanes; of a refill what history can give again.
  [[nodiscard]] PushResult shed();
  /// Whether `shed` would make room.
  [[nodiscard]] bool sheddable() const;

  [[nodiscard]] bool catching_up() const { return catching_up_; }
  [[nodiscard]] bool reading() const { return reading_; }
  void set_reading(bool reading) { reading_ = reading; }
  [[nodiscard]] const Position& position() const { return position_; }
  void set_position(Position position) { position_ = std::move(position); }
  /// The offset at which a replay is over for the client; 0: no replay was promised.
  std::uint64_t until = 0;

  [[nodiscard]] bool has_frames() const { return live_ != 0; }
  [[nodiscard]] bool idle() const { return live_ == 0 && !catching_up_ && behind_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Of what waits behind a refill.
  [[nodiscard]] std::size_t behind_bytes() const;
  [[nodiscard]] const LaneSettings& settings() const { return settings_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  static constexpr std::size_t npos = SIZE_MAX;
  /// Index of the first entry at or behind `from` that is to leave, npos when there is none. A run of expired ones becomes a gap first.
  [[nodiscard]] std::size_t next(std::size_t from, std::int64_t now_ms);
  [[nodiscard]] Entry& at(std::size_t index) { return entries_[index]; }
  /// Removes the entry that is to leave first.
  void pop();

 private:
  using Queue = Ring<Entry>;
  void append(Entry entry);
  PushResult append_live(Entry entry);
  void add_gap(Queue& queue, GapRun gap);
  void remove_at(std::size_t index);
  void push_behind(Entry entry);
  [[nodiscard]] PushResult overflow();
  [[nodiscard]] PushResult give_up_frames();
  [[nodiscard]] PushResult give_up_refill();
  [[nodiscard]] std::size_t first_refill() const;
  void drop_front();
  void put_first(Entry entry);
  void put_first(GapRun gap);
  void conflate();
  void trim_removed();

  LaneSettings settings_;
  Queue entries_;
  Queue behind_;                                            // unnumbered frames that wait until the lane is level again
  absl::flat_hash_map<std::string, std::uint64_t> latest_;  // of `latest` entries: key to ticket
  std::uint64_t front_ticket_ = 1ULL << 32;  // room in front for gaps; ticket of entries_.front(); the others follow by one
  std::size_t bytes_ = 0;
  std::size_t live_ = 0;  // entries that are not removed
  std::uint64_t dropped_ = 0;
  bool catching_up_ = false;
  bool reading_ = false;
  Position position_;
};

/// Renders a gap for the peer's wire, frame header included.
class GapRenderer {
 public:
  virtual ~GapRenderer() = default;
  virtual Frame render_gap(NamespaceId ns, const GapRun& gap) = 0;
};

/// Control lane first, then the namespaces' lanes by priority; what the socket has begun goes before everything.
class Outbox {
 public:
  /// False when what waited before was over `bytes_max` already: the connection is to be closed. One message, however large, is none
  /// that the peer does not read.
  [[nodiscard]] bool push_control(Frame frame, std::size_t bytes_max);
  /// Invokes of a service: behind control, before every namespace. False: over `bytes_max`, the connection is to be closed.
  [[nodiscard]] bool push_invoke(Frame frame, std::size_t bytes_max);
  /// The namespace's lane; made when it is not there.
  Lane& lane(const LaneSettings& settings);
  [[nodiscard]] Lane* find_lane(NamespaceId ns);
  /// Drops the lane with what waits in it, except what the socket has begun.
  void drop_lane(NamespaceId ns);
  /// Bytes of a block that the socket has begun, of which `sent` are gone.
  void commit(Frame block, std::uint32_t begin, std::uint32_t end);

  enum class Flush : std::uint8_t { empty, blocked, broken };
  /// Sends until the socket is full or nothing waits. `send(string_view)` returns the bytes taken, or a negative number when the
  /// connection is broken. `scratch` is the thread's gather buffer.
  template <class Send>
  Flush flush(Send&& send, GapRenderer& gaps, std::int64_t now_ms, std::string& scratch) {
    for (;;) {
      gather(gaps, now_ms, scratch);
      if (scratch.empty()) return Flush::empty;
      const std::ptrdiff_t taken = send(std::string_view(scratch));
      if (taken < 0) return Flush::broken;
      consume(static_cast<std::size_t>(taken));
      if (static_cast<std::size_t>(taken) < scratch.size()) return Flush::blocked;
    }
  }

  /// Nothing waits and no lane is catching up: the outbox can go.
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool has_frames() const;
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t control_bytes() const { return control_bytes_; }
  [[nodiscard]] std::vector<Lane>& lanes() { return lanes_; }
  /// The socket took less than it was given: flush again when it says that it is writable.
  bool blocked = false;

  static constexpr std::size_t gather_bytes = 65'536;

 private:
  void gather(GapRenderer& gaps, std::int64_t now_ms, std::string& scratch);
  void consume(std::size_t bytes);

  struct Pick {
    std::uint32_t size;
    std::int32_t lane;  // -3 committed, -2 control, -1 invokes, else index
    Frame gap;          // of a gap: what was rendered
  };
  Frame committed_;
  std::uint32_t committed_begin_ = 0, committed_end_ = 0;
  Ring<Frame> control_;
  std::size_t control_bytes_ = 0;
  Ring<Frame> invokes_;
  std::size_t invoke_bytes_ = 0;
  std::vector<Lane> lanes_;  // by priority
  std::vector<Pick> picks_;  // of the last gather
};

}  // namespace sparc::session
