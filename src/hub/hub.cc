#include "hub/hub.h"

#include <algorithm>
#include <cassert>

namespace sparc::hub {

Hub::Hub() { memberships_.emplace_back(); }

Stream& Hub::stream(const StreamKey& key) {
  if (auto found = stream_index_.find(key); found != stream_index_.end()) return *streams_[found->second];
  std::uint32_t index;
  if (free_streams_.empty()) {
    index = static_cast<std::uint32_t>(streams_.size());
    streams_.emplace_back();
  } else {
    index = free_streams_.back();
    free_streams_.pop_back();
  }
  streams_[index] = std::make_unique<Stream>(Stream{key, index, 0, 0, nullptr});
  stream_index_.emplace(key, index);
  return *streams_[index];
}

Stream* Hub::find_stream(const StreamKey& key) {
  auto found = stream_index_.find(key);
  return found == stream_index_.end() ? nullptr : streams_[found->second].get();
}

bool Hub::release_if_idle(Stream& stream) {
  if (stream.members != 0 || stream.holders != 0) return false;
  const std::uint32_t index = stream.index;
  stream_index_.erase(stream.key);
  streams_[index].reset();
  free_streams_.push_back(index);
  return true;
}

Room* Hub::find_room(const Stream& stream, std::string_view name) {
  auto found = rooms_.find(RoomRef{&stream, name});
  return found == rooms_.end() ? nullptr : found->get();
}

Group& Hub::group_of(Room& room, ClassKey key) {
  for (const auto& group : room.groups) {
    if (group->key == key) return *group;
  }
  room.groups.push_back(std::make_unique<Group>(Group{key, 0, {}}));
  return *room.groups.back();
}

void Hub::place(std::uint32_t membership_index, Room& room, ClassKey key, std::uint32_t slot) {
  Group& group = group_of(room, key);
  Membership& m = memberships_[membership_index];
  m.room = &room;
  m.group = &group;
  m.index = static_cast<std::uint32_t>(group.members.size());
  group.members.push_back({slot, membership_index});
  ++room.size;
}

void Hub::displace(Membership& m) {
  Room& room = *m.room;
  Group& group = *m.group;
  --room.size;
  if (room.cursors != 0) {
    group.members[m.index].slot = Member::tombstone;
    ++group.tombstones;
    return;
  }
  group.members[m.index] = group.members.back();
  group.members.pop_back();
  if (m.index < group.members.size()) memberships_[group.members[m.index].membership].index = m.index;
  if (group.members.empty()) {
    room.groups.erase(std::ranges::find(room.groups, &group, [](const std::unique_ptr<Group>& g) { return g.get(); }));
  } else if (group.members.capacity() > 4 * group.members.size() + 16) {
    group.members.shrink_to_fit();
  }
}

void Hub::forget_if_empty(Room& room) {
  if (room.size != 0 || room.cursors != 0) return;
  unlink(room);
  rooms_.erase(rooms_.find(RoomRef{room.stream, room.name}));
}

void Hub::link(Room& room) {
  room.older = room.stream->rooms;
  if (room.older != nullptr) room.older->newer = &room;
  room.stream->rooms = &room;
}

void Hub::unlink(Room& room) {
  (room.newer != nullptr ? room.newer->older : room.stream->rooms) = room.older;
  if (room.older != nullptr) room.older->newer = room.newer;
}

std::uint32_t Hub::join(MembershipList& list, Stream& stream, std::string_view name, std::uint32_t slot, ClassKey key,
                        std::uint64_t since) {
  Room* room = find_room(stream, name);
  if (room == nullptr) {
    auto made = std::make_unique<Room>();
    made->stream = &stream;
    made->name = name;
    room = made.get();
    link(*room);
    rooms_.insert(std::move(made));
  }
  std::uint32_t index;
  if (free_memberships_.empty()) {
    index = static_cast<std::uint32_t>(memberships_.size());
    memberships_.emplace_back();
  } else {
    index = free_memberships_.back();
    free_memberships_.pop_back();
    memberships_[index] = Membership{};
  }
  place(index, *room, key, slot);
  Membership& m = memberships_[index];
  m.since = since;
  m.next = list;
  list = index;
  ++stream.members;
  ++memberships_live_;
  return index;
}

Membership* Hub::find(MembershipList list, const Stream& stream, std::string_view room) {
  while (list != 0) {
    Membership& m = memberships_[list];
    if (m.room->stream == &stream && m.room->name == room) return &m;
    list = m.next;
  }
  return nullptr;
}

bool Hub::leave(MembershipList& list, const Stream& stream, std::string_view name) {
  std::uint32_t* link = &list;
  while (*link != 0) {
    const std::uint32_t index = *link;
    Membership& m = memberships_[index];
    if (m.room->stream == &stream && m.room->name == name) {
      *link = m.next;
      Room& room = *m.room;
      --room.stream->members;
      displace(m);
      forget_if_empty(room);
      free_memberships_.push_back(index);
      --memberships_live_;
      return true;
    }
    link = &m.next;
  }
  return false;
}

void Hub::leave_all(MembershipList& list) {
  while (list != 0) {
    const std::uint32_t index = list;
    Membership& m = memberships_[index];
    list = m.next;
    Room& room = *m.room;
    --room.stream->members;
    displace(m);
    forget_if_empty(room);
    free_memberships_.push_back(index);
    --memberships_live_;
  }
}

void Hub::change_class(MembershipList list, std::uint32_t slot, ClassKey key) {
  for (std::uint32_t index = list; index != 0; index = memberships_[index].next) {
    if (memberships_[index].group->key == key) continue;
    Room& room = *memberships_[index].room;
    displace(memberships_[index]);
    place(index, room, key, slot);
  }
}

void Hub::close_cursor(Room& room) {
  assert(room.cursors > 0);
  if (--room.cursors != 0) return;
  compact(room);
  forget_if_empty(room);
}

void Hub::compact(Room& room) {
  for (const auto& group : room.groups) {
    if (group->tombstones == 0) continue;
    group->members.erase(
        std::remove_if(group->members.begin(), group->members.end(), [](const Member& m) { return m.slot == Member::tombstone; }),
        group->members.end());
    group->tombstones = 0;
    for (std::uint32_t i = 0; i < group->members.size(); ++i) memberships_[group->members[i].membership].index = i;
  }
  room.groups.erase(
      std::remove_if(room.groups.begin(), room.groups.end(), [](const std::unique_ptr<Group>& g) { return g->members.empty(); }),
      room.groups.end());
}

}  // namespace sparc::hub
