#pragma once
// From publications to bytes on connections: work per publication, not per connection.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/frame.h"
#include "base/publication.h"
#include "hub/hub.h"
#include "protocol/filter.h"
#include "session/outbox.h"

namespace sparc::fanout {

/// Renders publications and positions for one wire form, frame headers included. Nothing appended: members of that form are not told.
class Renderer {
 public:
  virtual ~Renderer() = default;
  virtual void append_publication(std::string& out, std::uint16_t form, const Publication& publication,
                                  std::string_view room) = 0;
  virtual void append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) = 0;
};

/// What a fan-out needs to know of filters; the shard holds the tables.
class Wishes {
 public:
  virtual ~Wishes() = default;
  [[nodiscard]] virtual const protocol::Wish& wish(NamespaceId ns, std::uint32_t wish) const = 0;
  [[nodiscard]] virtual const protocol::FilterVocabulary& vocabulary(NamespaceId ns) const = 0;
};

/// Where a fan-out leaves its bytes. Nothing here may join, leave or publish: close later.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Bytes the socket took; negative: the connection is broken (the sink remembers to close it).
  virtual std::ptrdiff_t send(std::uint32_t slot, std::string_view block) = 0;
  /// The socket took `begin` bytes of an entry that ends at `end`: the rest goes before anything else.
  virtual void begun(std::uint32_t slot, Frame block, std::uint32_t begin, std::uint32_t end) = 0;
  /// The publication names it among those that do not get it.
  [[nodiscard]] virtual bool excepted(std::uint32_t slot, const Publication& publication) = 0;
  /// For the connection's lane; it is flushed at the end of the turn.
  virtual void push(std::uint32_t slot, NamespaceId ns, session::Entry entry) = 0;
  /// Every member of the shard was served, or has it in its lane.
  virtual void served(const Publication& publication) = 0;
};

/// How a namespace's streams are served.
struct StreamSettings {
  std::uint8_t priority = 0;   // lower goes first
  std::uint32_t batch_ms = 0;  // a publication may wait so long for others
};

/// Numbers the publications of one shard, groups those of a turn into one block per class of subscribers and sends it.
///
/// Order:   per stream, every member sees publications by number; a publication to several rooms reaches it once.
/// Slices:  one call of `run` makes at most `slice_sends` sends; while a stream's fan-out is open, its later publications wait, those
///          of other streams go on by priority.
/// Thread:  confined to the shard.
class Fanout {
 public:
  Fanout(hub::Hub& hub, Renderer& renderer, const Wishes& wishes, Sink& sink, FrameAccount& account,
         std::vector<StreamSettings> settings);
  ~Fanout();

  /// Queues for the end of the turn. `had`: it was delivered before, without offset, under that number; those who were members then
  /// get its position only.
  void publish(hub::Stream& stream, PublicationPtr publication, Now now, std::uint64_t had = 0);
  /// Tells the members of the stream of a loss.
  void announce_gap(hub::Stream& stream, session::GapRun gap, Now now);
  /// Tells the members of the stream where it stands: in an epoch that they do not know.
  void announce_position(hub::Stream& stream, Position position, Now now);

  enum class Run : std::uint8_t { done, more };
  /// `more`: call again in the next turn without sleeping.
  Run run(Now now, std::size_t slice_sends);
  /// When a batch or an interval is due (monotonic ms); nothing to wait for: empty.
  [[nodiscard]] std::optional<std::int64_t> next_due() const;

  /// What the connection's memberships in this stream are still owed by an open fan-out goes to its lane now.
  void settle(hub::MembershipList list, const hub::Stream& stream);

  /// Number of the newest publication taken in.
  [[nodiscard]] std::uint64_t number() const { return number_; }

  /// A connection gets blocks straight from the run only for publications numbered above this; UINT64_MAX: never, it has a backlog.
  void set_direct_after(std::uint32_t slot, std::uint64_t number);
  /// Everything received so far; joins at this position get what follows.
  [[nodiscard]] const Position& received(const hub::Stream& stream);
  void set_received(const hub::Stream& stream, Position position);
  /// History said that the stream stands there already.
  void advance_received(hub::Stream& stream, const Position& position, Now now);
  /// Position of the last publication that every member has been served.
  [[nodiscard]] Position served(const hub::Stream& stream);
  /// Position of the last publication that a settled member has been given: of the open fan-out, else as `served`.
  [[nodiscard]] Position settled(const hub::Stream& stream);
  /// When the stream last grew (monotonic ms).
  [[nodiscard]] std::int64_t grown_ms(const hub::Stream& stream);
  /// Forgets a stream that the hub drops.
  void forget(const hub::Stream& stream);
  [[nodiscard]] std::uint64_t renderings() const { return renderings_; }
  [[nodiscard]] std::uint64_t direct_sends() const { return direct_sends_; }
  /// Events in them.
  [[nodiscard]] std::uint64_t direct_events() const { return direct_events_; }

 private:
  struct Pending {
    std::uint64_t number = 0;
    PublicationPtr publication;         // null: a gap, or a position
    std::optional<hub::ClassKey> only;  // an interval's turn: this class alone
    std::optional<Position> position;   // for every member: an epoch begins
    std::uint64_t had = 0;
    session::GapRun gap;
  };
  struct RunEntry {
    session::Entry::Kind kind = session::Entry::Kind::publication;
    std::uint8_t rank = 0;
    std::uint64_t number = 0;
    std::uint64_t since_min = 0, since_max = UINT64_MAX;  // for members who joined within
    std::uint32_t begin = 0, size = 0;
    std::int64_t expires_ms = 0;
    PublicationPtr publication;
    session::GapRun gap;

    [[nodiscard]] bool is_for(const hub::Membership& member) const {
      return number > member.since && member.since >= since_min && member.since < since_max;
    }
  };
  /// What classes of one room and form get that let the same through: rendered and kept once.
  struct Block {
    std::uint16_t form = 0;
    std::uint32_t users = 0;       // classes
    std::size_t split = SIZE_MAX;  // of splits_, while a publication is rendered
    std::string bytes;
    Frame frame;  // of `bytes`, made when a lane needs it
    std::vector<RunEntry> entries;
    bool direct = true;  // false: has exceptions or gaps, every member by its lane
  };
  struct ClassRun {
    hub::Room* room = nullptr;
    hub::Group* group = nullptr;
    Block* block = nullptr;  // owned by the job
  };
  /// Classes that had the same block and get the same next.
  struct Split {
    Block* from = nullptr;  // null: they had nothing yet
    std::uint16_t form = 0;
    std::vector<std::size_t> runs;
  };
  struct Job {
    std::uint64_t id = 0;
    hub::Stream* stream = nullptr;
    std::uint8_t priority = 0;
    Position last;  // of the last numbered publication in it
    std::vector<ClassRun> runs;
    std::vector<std::unique_ptr<Block>> blocks;
    std::vector<PublicationPtr> publications;
    std::vector<hub::Room*> rooms;  // whose cursors it holds
    std::size_t run_at = 0, member_at = 0;
  };
  struct State {
    std::vector<Pending> pending;
    std::unique_ptr<Job> job;
    Position received, served;
    std::int64_t grown_ms = 0;
    std::int64_t due_ms = 0;  // of a batch
    bool queued = false;      // in waiting_
  };
  struct Hot {
    std::uint64_t direct_after = 0;
    std::uint32_t touched_turn = 0;  // its low half
    std::uint32_t touches = 0;
  };
  struct Held {  // values of a room that wait for the intervals of its classes
    struct Class {
      hub::ClassKey key;
      std::uint32_t every_ms = 0;
      std::int64_t due_ms = 0;
      std::vector<PublicationPtr> newest;  // one per latest key
    };
    hub::Stream* stream = nullptr;
    std::string room;
    std::vector<Class> classes;
  };

  State& state(const hub::Stream& stream);
  Hot& hot(std::uint32_t slot);
  void queue(hub::Stream& stream, State& s, Now now);
  void release_held(Now now);
  /// What waits for classes that are to see `value` is older, also where nobody is in them now: who comes has the newer one already.
  void supersede(const hub::Stream& stream, const hub::Room& room, const Publication& value);
  bool hold(hub::Stream& stream, const hub::Room& room, hub::ClassKey key, const Pending& pending, std::uint32_t every_ms,
            Now now);
  void open(hub::Stream& stream, State& s, Now now);
  void render_pending(Job& job, const Pending& pending, Now now);
  void render_room(Job& job, hub::Room& room, std::uint8_t rank, const Pending& pending, Now now);
  [[nodiscard]] bool passes(NamespaceId ns, std::uint32_t wish, const Publication& publication);
  std::size_t run_of(Job& job, hub::Room& room, hub::Group& group);
  /// The class gets what is being rendered.
  void take(Job& job, hub::Room& room, hub::Group& group);
  Block& block_of(Job& job, const Split& split);
  [[nodiscard]] const std::string& rendering_of(std::uint16_t form, const Publication& publication, const hub::Room& room);
  void append(Block& block, const hub::Room& room, const Pending& pending, std::uint8_t rank, Now now);
  /// Into position_; false: on that wire positions are not told.
  [[nodiscard]] bool render_position(std::uint16_t form, NamespaceId ns, const Position& position);
  void append_position_entry(Block& block, const Pending& pending, std::uint8_t rank);
  [[nodiscard]] bool excepted(const RunEntry& entry, std::uint32_t slot);
  void append_entry(Block& block, const Pending& pending, std::uint8_t rank, std::string_view rendering, Now now);
  void mark_and_share(const std::vector<Job*>& opened);
  void step(Job& job, std::size_t& budget);
  void short_send(const Job& job, ClassRun& run, std::uint32_t slot, std::size_t sent);
  [[nodiscard]] bool by_lane(const Job& job, ClassRun& run, hub::Member member);
  [[nodiscard]] session::Entry lane_entry(Block& block, const RunEntry& entry);
  void close(Job& job);

  hub::Hub& hub_;
  Renderer& renderer_;
  const Wishes& wishes_;
  Sink& sink_;
  FrameAccount& account_;
  std::vector<StreamSettings> settings_;  // by namespace

  std::uint64_t number_ = 0;
  std::uint64_t turn_ = 0;
  std::uint64_t job_ids_ = 0;
  std::uint64_t renderings_ = 0;
  std::uint64_t direct_sends_ = 0;
  std::uint64_t direct_events_ = 0;
  std::vector<std::unique_ptr<State>> states_;                     // by Stream::index
  std::vector<hub::Stream*> waiting_;                              // with pending publications and no open job
  std::vector<hub::Stream*> open_;                                 // with an open job, by priority
  std::vector<Hot> hot_;                                           // by slot
  absl::flat_hash_map<const hub::Group*, std::size_t> run_index_;  // of the job being opened
  // of the publication being rendered
  std::optional<protocol::FieldValues> values_;
  absl::flat_hash_map<std::uint32_t, bool> passed_;
  std::vector<std::pair<std::uint16_t, std::string>> rendered_;  // by form
  std::vector<Split> splits_;
  std::string position_;
  absl::flat_hash_map<std::string, Held> held_;
};

}  // namespace sparc::fanout
