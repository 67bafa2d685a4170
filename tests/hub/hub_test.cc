#include "hub/hub.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/entropy.h"

namespace sparc::hub {
namespace {

std::set<std::uint32_t> members(Hub& hub, const Room* room) {
  std::set<std::uint32_t> out;
  if (room != nullptr) hub.for_each_member(*room, [&](std::uint32_t slot) { out.insert(slot); });
  return out;
}

TEST(Hub, TwoTenantsWithARoomOfTheSameNameDoNotMeet) {
  Hub hub;
  Stream& one = hub.stream({0, "t1"});
  Stream& two = hub.stream({0, "t2"});
  MembershipList a = 0, b = 0;
  hub.join(a, one, "camera:7", 1, {}, 0);
  hub.join(b, two, "camera:7", 2, {}, 0);
  EXPECT_EQ(members(hub, hub.find_room(one, "camera:7")), std::set<std::uint32_t>{1});
  EXPECT_EQ(members(hub, hub.find_room(two, "camera:7")), std::set<std::uint32_t>{2});
}

TEST(Hub, ARoomGoesWithItsLastMember) {
  Hub hub;
  Stream& stream = hub.stream({0, "t"});
  MembershipList list = 0;
  hub.join(list, stream, "a", 1, {}, 0);
  EXPECT_TRUE(hub.leave(list, stream, "a"));
  EXPECT_FALSE(hub.leave(list, stream, "a"));
  EXPECT_EQ(hub.rooms(), 0U);
  EXPECT_EQ(list, 0U);
  EXPECT_TRUE(hub.release_if_idle(stream));
}

TEST(Hub, WhileACursorIsOpenMembersKeepTheirPlacesAndJoinersComeLast) {
  Hub hub;
  Stream& stream = hub.stream({0, "t"});
  std::map<std::uint32_t, MembershipList> lists;
  for (std::uint32_t slot = 0; slot < 4; ++slot) hub.join(lists[slot], stream, "r", slot, {}, 0);
  Room& room = *hub.find_room(stream, "r");
  hub.open_cursor(room);
  hub.leave(lists[1], stream, "r");
  hub.join(lists[9], stream, "r", 9, {}, 5);
  const Group& group = *room.groups[0];
  ASSERT_EQ(group.members.size(), 5U);
  EXPECT_EQ(group.members[1].slot, Member::tombstone);
  EXPECT_EQ(group.members[4].slot, 9U);
  hub.close_cursor(room);
  EXPECT_EQ(members(hub, &room), (std::set<std::uint32_t>{0, 2, 3, 9}));
  EXPECT_EQ(room.groups[0]->members.size(), 4U);
}

TEST(Hub, ARoomEmptiedUnderACursorGoesWhenTheCursorCloses) {
  Hub hub;
  Stream& stream = hub.stream({0, "t"});
  MembershipList list = 0;
  hub.join(list, stream, "r", 1, {}, 0);
  Room& room = *hub.find_room(stream, "r");
  hub.open_cursor(room);
  hub.leave_all(list);
  EXPECT_EQ(hub.rooms(), 1U);
  hub.close_cursor(room);
  EXPECT_EQ(hub.rooms(), 0U);
}

TEST(Hub, AChangeOfClassKeepsTheRoomsAndWhatTheMembershipKnows) {
  Hub hub;
  Stream& stream = hub.stream({0, "t"});
  MembershipList list = 0, other = 0;
  hub.join(list, stream, "a", 1, {0, 0}, 7);
  hub.join(other, stream, "a", 2, {0, 0}, 0);
  hub.change_class(list, 1, {3, 0});
  Room& room = *hub.find_room(stream, "a");
  ASSERT_EQ(room.groups.size(), 2U);
  EXPECT_EQ(room.size, 2U);
  Membership* m = hub.find(list, stream, "a");
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->group->key.wish, 3U);
  EXPECT_EQ(m->since, 7U);
}

TEST(Hub, RandomJoinsLeavesAndCursorsAgreeWithAPlainModel) {
  SeededEntropy random(42);
  Hub hub;
  std::vector<Stream*> streams;
  for (int t = 0; t < 3; ++t) streams.push_back(&hub.stream({0, "t" + std::to_string(t)}));
  for (Stream* s : streams) ++s->holders;
  struct Peer {
    MembershipList list = 0;
  };
  std::vector<Peer> peers(20);
  std::map<std::pair<std::uint32_t, std::string>, std::set<std::uint32_t>> model;
  std::vector<Room*> cursors;
  for (int step = 0; step < 20'000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random.below(peers.size()));
    Stream& stream = *streams[slot % streams.size()];
    const std::string name = "r" + std::to_string(random.below(5));
    auto& expected = model[{stream.index, name}];
    switch (random.below(6)) {
      case 0:
      case 1:
        if (expected.insert(slot).second) {
          hub.join(peers[slot].list, stream, name, slot, {static_cast<std::uint32_t>(random.below(3)), 0}, 0);
        }
        break;
      case 2: EXPECT_EQ(hub.leave(peers[slot].list, stream, name), expected.erase(slot) == 1); break;
      case 3: hub.change_class(peers[slot].list, slot, {static_cast<std::uint32_t>(random.below(3)), 0}); break;
      case 4:
        if (Room* room = hub.find_room(stream, name); room != nullptr && cursors.size() < 3) {
          hub.open_cursor(*room);
          cursors.push_back(room);
        }
        break;
      case 5:
        if (!cursors.empty()) {
          hub.close_cursor(*cursors.back());
          cursors.pop_back();
        }
        break;
    }
    ASSERT_EQ(members(hub, hub.find_room(stream, name)), expected);
  }
}

}  // namespace
}  // namespace sparc::hub
