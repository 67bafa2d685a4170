#pragma once
// Which connection is in which room, and in which class of subscribers it is there.

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/publication.h"

namespace sparc::hub {

/// What decides how a publication looks to a subscriber and whether it passes: members of one class get the same bytes.
struct ClassKey {
  std::uint32_t wish = 0;  // interned filter; 0 lets everything through
  std::uint16_t form = 0;  // wire form: dialect and compression
  friend bool operator==(ClassKey, ClassKey) = default;
};

/// A member is its connection's slot and the record behind it; what a fan-out reads per member is these 8 bytes.
struct Member {
  static constexpr std::uint32_t tombstone = UINT32_MAX;
  std::uint32_t slot = tombstone;
  std::uint32_t membership = 0;
};

struct Group {
  ClassKey key;
  std::uint32_t tombstones = 0;
  absl::InlinedVector<Member, 2> members;  // a user's room has one
};

struct Room;

/// The shard's view of one (namespace, tenant).
struct Stream {
  StreamKey key;
  std::uint32_t index = 0;    // dense; reused after the stream was dropped
  std::uint32_t members = 0;  // memberships in its rooms
  std::uint32_t holders = 0;  // others that keep it: joins under way, fan-outs
  Room* rooms = nullptr;      // the newest first; Room::older goes on
};

struct Room {
  Stream* stream = nullptr;
  std::string name;            // short
  std::uint32_t size = 0;      // live members of all classes
  std::uint32_t cursors = 0;   // open fan-outs: while there are any, removals leave tombstones and groups stay
  std::uint32_t presence = 0;  // index into presence bookkeeping; 0: none kept
  absl::InlinedVector<std::unique_ptr<Group>, 2> groups;
  Room* older = nullptr;  // of the same stream
  Room* newer = nullptr;
};

/// The record of one connection in one room. Indexes are stable while the membership lives.
struct Membership {
  Room* room = nullptr;
  Group* group = nullptr;
  std::uint32_t index = 0;        // in group->members
  std::uint32_t next = 0;         // next membership of the same (connection, namespace); 0 ends
  std::uint64_t since = 0;        // publications numbered up to this are not for it
  std::uint64_t handled_job = 0;  // the fan-out that has served it already
};

/// Head of a connection's memberships in one namespace; 0 is none.
using MembershipList = std::uint32_t;

/// The room index of one shard.
///
/// Memory: a room with one member costs its Room, one Group and one Member (about 170 B with the index entry).
/// Thread: confined to the shard.
class Hub {
 public:
  Hub();

  /// Finds or makes the stream. It lives while it has members or holders; `release_if_idle` drops it.
  Stream& stream(const StreamKey& key);
  [[nodiscard]] Stream* find_stream(const StreamKey& key);
  [[nodiscard]] Stream& stream_at(std::uint32_t index) { return *streams_[index]; }
  [[nodiscard]] Stream* find_stream_at(std::uint32_t index) { return index < streams_.size() ? streams_[index].get() : nullptr; }
  [[nodiscard]] std::size_t stream_slots() const { return streams_.size(); }
  /// Whether it was dropped: no members, no holders.
  bool release_if_idle(Stream& stream);

  /// Puts the connection in the room and returns the record's index. The caller has checked that it is not there yet.
  std::uint32_t join(MembershipList& list, Stream& stream, std::string_view room, std::uint32_t slot, ClassKey key,
                     std::uint64_t since);
  /// Null when the connection is not in the room.
  [[nodiscard]] Membership* find(MembershipList list, const Stream& stream, std::string_view room);
  /// False when it was not there.
  bool leave(MembershipList& list, const Stream& stream, std::string_view room);
  void leave_all(MembershipList& list);
  /// Moves every membership of the list to another class; `since` and `handled_job` go with it.
  void change_class(MembershipList list, std::uint32_t slot, ClassKey key);

  [[nodiscard]] Room* find_room(const Stream& stream, std::string_view name);
  [[nodiscard]] Membership& membership(std::uint32_t index) { return memberships_[index]; }
  /// Calls visit(index, membership) for each of the list.
  template <class F>
  void for_each_indexed(MembershipList list, F&& visit) {
    while (list != 0) {
      const std::uint32_t index = list;
      list = memberships_[index].next;
      visit(index, memberships_[index]);
    }
  }

  template <class F>
  void for_each(MembershipList list, F&& visit) {
    while (list != 0) {
      Membership& m = memberships_[list];
      list = m.next;
      visit(m);
    }
  }
  /// Rooms of one stream, the newest first.
  template <class F>
  void for_each_room(const Stream& stream, F&& visit) {
    for (Room* room = stream.rooms; room != nullptr; room = room->older) visit(*room);
  }
  template <class F>
  void for_each_room(F&& visit) {
    for (const auto& room : rooms_) visit(*room);
  }
  template <class F>
  void for_each_member(const Room& room, F&& visit) {
    for (const auto& group : room.groups) {
      for (const Member& member : group->members) {
        if (member.slot != Member::tombstone) visit(member.slot);
      }
    }
  }

  /// A fan-out reads the room's groups over several turns: until `close_cursor` nothing in them moves.
  void open_cursor(Room& room) { ++room.cursors; }
  void close_cursor(Room& room);

  [[nodiscard]] std::size_t rooms() const { return rooms_.size(); }
  [[nodiscard]] std::size_t memberships() const { return memberships_live_; }

 private:
  struct RoomRef {
    const Stream* stream;
    std::string_view name;
  };
  struct RoomHash {
    using is_transparent = void;
    std::size_t operator()(const RoomRef& r) const { return mix(std::hash<std::string_view>{}(r.name), r.stream->index); }
    std::size_t operator()(const std::unique_ptr<Room>& r) const { return (*this)(RoomRef{r->stream, r->name}); }
  };
  struct RoomEqual {
    using is_transparent = void;
    static RoomRef ref(const std::unique_ptr<Room>& r) { return {r->stream, r->name}; }
    static RoomRef ref(const RoomRef& r) { return r; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      RoomRef x = ref(a), y = ref(b);
      return x.stream == y.stream && x.name == y.name;
    }
  };

  Group& group_of(Room& room, ClassKey key);
  void place(std::uint32_t membership_index, Room& room, ClassKey key, std::uint32_t slot);
  void displace(Membership& membership);
  void forget_if_empty(Room& room);
  static void link(Room& room);
  static void unlink(Room& room);
  void compact(Room& room);

  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::uint32_t> free_streams_;
  absl::flat_hash_map<StreamKey, std::uint32_t, StreamKeyHash> stream_index_;
  absl::flat_hash_set<std::unique_ptr<Room>, RoomHash, RoomEqual> rooms_;
  std::vector<Membership> memberships_;  // index 0 is never used
  std::vector<std::uint32_t> free_memberships_;
  std::size_t memberships_live_ = 0;
};

}  // namespace sparc::hub
