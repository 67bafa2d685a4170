#include "fanout/fanout.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sparc::fanout {
namespace {

/// Connections that take what they are given, into one text each: `id@room `, `=epoch/offset `, `gap `.
struct Peers final : Renderer, Wishes, Sink {
  std::map<std::uint32_t, std::string> got;
  std::map<std::uint32_t, std::size_t> takes;  // what a socket takes of the next block; absent: all
  std::map<std::uint32_t, std::string> rest;   // of an entry that was begun
  std::vector<std::string> served_ids;
  std::set<const char*> blocks;  // what lanes were given parts of
  protocol::FilterVocabulary words;
  protocol::Wish everything, incidents, every_second;
  Fanout* fanout = nullptr;

  Peers() {
    incidents.all_topics = false;
    incidents.topics = {"incident"};
    every_second.all_values = false;
    protocol::Filter filter;
    filter.every_ms = 1'000;
    every_second.filters = {filter};
  }
  bool excepted(std::uint32_t slot, const Publication& p) override {
    return std::ranges::find(p.except, std::to_string(slot)) != p.except.end();
  }
  void append_publication(std::string& out, std::uint16_t form, const Publication& p, std::string_view room) override {
    out += p.id + (form == 0 ? "@" : "#") + std::string(room) + ' ';
  }
  void append_position(std::string& out, std::uint16_t, NamespaceId, const Position& p) override {
    out += '=' + p.epoch + '/' + std::to_string(p.offset) + ' ';
  }
  const protocol::Wish& wish(NamespaceId, std::uint32_t id) const override {
    return id == 0 ? everything : id == 1 ? incidents : every_second;
  }
  const protocol::FilterVocabulary& vocabulary(NamespaceId) const override { return words; }
  std::ptrdiff_t send(std::uint32_t slot, std::string_view block) override {
    std::size_t taken = block.size();
    if (auto found = takes.find(slot); found != takes.end()) {
      taken = std::min(taken, found->second);
      takes.erase(found);
    }
    got[slot] += block.substr(0, taken);
    return static_cast<std::ptrdiff_t>(taken);
  }
  void begun(std::uint32_t slot, Frame block, std::uint32_t begin, std::uint32_t end) override {
    got[slot] += block.bytes().substr(begin, end - begin);
  }
  void push(std::uint32_t slot, NamespaceId, session::Entry entry) override {
    blocks.insert(entry.block.bytes().data());
    got[slot] += entry.kind == session::Entry::Kind::gap ? std::string("gap ")
                                                         : std::string(entry.block.bytes().substr(entry.begin, entry.size));
  }
  void served(const Publication& publication) override { served_ids.push_back(publication.id); }
};

struct World {
  hub::Hub hub;
  Peers peers;
  FrameAccount account;
  Fanout fanout{hub, peers, peers, peers, account, {{0, 0}, {1, 0}, {2, 50}}};
  Now now{1'000, 1'000'000};
  std::map<std::uint32_t, hub::MembershipList> lists;
  hub::Stream* stream = &hub.stream({0, "t"});

  std::uint32_t join(std::uint32_t slot, std::string_view room, hub::ClassKey key = {}, hub::Stream* of = nullptr) {
    const std::uint32_t membership = hub.join(lists[slot], of == nullptr ? *stream : *of, room, slot, key, fanout.number());
    fanout.set_direct_after(slot, fanout.number());
    return membership;
  }
  void leave(std::uint32_t slot, std::string_view room) { (void)hub.leave(lists[slot], *stream, room); }
  PublicationPtr event(std::string id, std::vector<std::string> rooms, std::uint64_t offset = 0, std::string epoch = "e") {
    auto p = std::make_shared<Publication>();
    p->tenant = stream->key.tenant;
    p->id = std::move(id);
    p->rooms = std::move(rooms);
    p->event = "incident";
    p->offset = offset;
    if (offset != 0) p->epoch = std::move(epoch);
    return p;
  }
  void publish(std::string id, std::vector<std::string> rooms, std::uint64_t offset = 0) {
    fanout.publish(*stream, event(std::move(id), std::move(rooms), offset), now);
  }
  void run(std::size_t slice = 1'000) {
    while (fanout.run(now, slice) == Fanout::Run::more) {
    }
  }
};

TEST(Fanout, ClassesThatLetTheSameThroughShareOneBlock) {
  World w;
  w.join(1, "r");
  w.join(2, "r", {1, 0});
  w.join(3, "r", {0, 1});
  w.peers.takes = {{1, 0}, {2, 0}, {3, 0}};
  w.publish("a", {"r"});
  w.publish("b", {"r"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "a@r b@r ");
  EXPECT_EQ(w.peers.got[2], "a@r b@r ");
  EXPECT_EQ(w.peers.got[3], "a#r b#r ");
  EXPECT_EQ(w.peers.blocks.size(), 2U) << "one for each form";
}

TEST(Fanout, ClassesThatPartGoOnByThemselves) {
  World w;
  w.join(1, "r");
  w.join(2, "r", {1, 0});
  w.join(3, "r", {1, 1});
  w.join(4, "r", {0, 1});
  auto other = [&](const char* id) {
    auto publication = std::make_shared<Publication>(*w.event(id, {"r"}));
    publication->event = "status";
    w.fanout.publish(*w.stream, publication, w.now);
  };
  other("a");
  w.publish("b", {"r"});
  other("c");
  w.publish("d", {"r"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "a@r b@r c@r d@r ");
  EXPECT_EQ(w.peers.got[2], "b@r d@r ");
  EXPECT_EQ(w.peers.got[3], "b#r d#r ");
  EXPECT_EQ(w.peers.got[4], "a#r b#r c#r d#r ");
  w.peers.got.clear();
  w.publish("e", {"r"});
  other("f");
  w.publish("g", {"r"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "e@r f@r g@r ");
  EXPECT_EQ(w.peers.got[2], "e@r g@r ");
  EXPECT_EQ(w.peers.got[3], "e#r g#r ");
}

TEST(Fanout, OneRenderingServesEveryMemberOfAClass) {
  World w;
  for (std::uint32_t slot = 1; slot <= 5; ++slot) w.join(slot, "r");
  w.join(6, "r", {0, 1});
  w.publish("a", {"r"});
  w.publish("b", {"r"});
  w.run();
  for (std::uint32_t slot = 1; slot <= 5; ++slot) EXPECT_EQ(w.peers.got[slot], "a@r b@r ");
  EXPECT_EQ(w.peers.got[6], "a#r b#r ");
  EXPECT_EQ(w.fanout.renderings(), 4U);
  EXPECT_EQ(w.fanout.direct_sends(), 6U);
  EXPECT_EQ(w.peers.served_ids, (std::vector<std::string>{"a", "b"}));
}

TEST(Fanout, WhomAPublicationExceptsGetsTheOthersInTheirOrder) {
  World w;
  for (std::uint32_t slot = 1; slot <= 3; ++slot) w.join(slot, "r");
  w.join(3, "s");
  w.publish("a", {"r"});
  auto b = w.event("b", {"r", "s"});
  std::const_pointer_cast<Publication>(b)->except = {"2", "3", "9"};
  w.fanout.publish(*w.stream, b, w.now);
  w.publish("c", {"r"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "a@r b@r c@r ");
  EXPECT_EQ(w.peers.got[2], "a@r c@r ");
  EXPECT_EQ(w.peers.got[3], "a@r c@r ");
}

TEST(Fanout, APublicationToSeveralRoomsReachesEachMemberOnceInTheFirstOfThem) {
  World w;
  w.join(1, "a");
  w.join(1, "b");
  w.join(2, "b");
  w.publish("x", {"a", "b"});
  w.publish("y", {"b", "a"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "x@a y@b ");
  EXPECT_EQ(w.peers.got[2], "x@b y@b ");
}

TEST(Fanout, TwoRoomsOfOneConnectionKeepTheStreamsOrder) {
  World w;
  w.join(1, "a");
  w.join(1, "b");
  for (int i = 0; i < 6; ++i) w.publish(std::to_string(i), {i % 2 == 0 ? "a" : "b"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "0@a 1@b 2@a 3@b 4@a 5@b ");
}

TEST(Fanout, AFilterIsAskedAndAnotherTenantsRoomOfThatNameGetsNothing) {
  World w;
  hub::Stream& other = w.hub.stream({0, "other"});
  w.join(1, "r", {1, 0});
  w.join(2, "r");
  w.join(3, "r", {}, &other);
  auto talk = std::make_shared<Publication>(*w.event("talk", {"r"}));
  talk->event = "chat";
  w.fanout.publish(*w.stream, talk, w.now);
  w.publish("incident", {"r"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "incident@r ");
  EXPECT_EQ(w.peers.got[2], "talk@r incident@r ");
  EXPECT_EQ(w.peers.got[3], "");
}

TEST(Fanout, MembersWhoJoinOrLeaveAtAnyBoundaryOfSlicesGetWhatIsTheirs) {
  constexpr std::uint32_t members = 6;
  for (std::size_t slice = 1; slice <= 4; ++slice) {
    for (std::size_t boundary = 0; boundary <= members; ++boundary) {
      for (std::uint32_t leaver = 1; leaver <= members; ++leaver) {
        World w;
        for (std::uint32_t slot = 1; slot <= members; ++slot) w.join(slot, "r");
        w.publish("a", {"r"});
        bool more = true;
        for (std::size_t i = 0; i < boundary && more; ++i) more = w.fanout.run(w.now, slice) == Fanout::Run::more;
        const std::string before = w.peers.got[leaver];
        w.leave(leaver, "r");
        w.join(100, "r");
        w.publish("b", {"r"});
        w.run(slice);
        for (std::uint32_t slot = 1; slot <= members; ++slot) {
          if (slot == leaver) continue;
          EXPECT_EQ(w.peers.got[slot], "a@r b@r ") << "slice " << slice << " boundary " << boundary << " leaver " << leaver;
        }
        EXPECT_EQ(w.peers.got[leaver], before);
        EXPECT_EQ(w.peers.got[100], "b@r ") << "what was published before it joined is not for it";
        EXPECT_EQ(w.stream->holders, 0U);
      }
    }
  }
}

TEST(Fanout, AMemberThatChangesItsFilterAtAnyBoundaryLosesNothingAndGetsNothingTwice) {
  constexpr std::uint32_t members = 5;
  for (const hub::ClassKey to : {hub::ClassKey{1, 0}, hub::ClassKey{0, 1}}) {
    for (std::size_t boundary = 0; boundary <= 2 * members; ++boundary) {
      for (std::uint32_t changer = 1; changer <= members; ++changer) {
        World w;
        for (std::uint32_t slot = 1; slot <= members; ++slot) w.join(slot, "r");
        for (std::uint32_t slot = 11; slot <= 10 + members; ++slot) w.join(slot, "r", to);
        w.publish("a", {"r"});
        bool more = true;
        for (std::size_t i = 0; i < boundary && more; ++i) more = w.fanout.run(w.now, 1) == Fanout::Run::more;
        w.fanout.settle(w.lists[changer], *w.stream);
        w.hub.change_class(w.lists[changer], changer, to);
        w.publish("b", {"r"});
        w.run(1);
        std::string text = w.peers.got[changer];
        for (char& c : text) c = c == '#' ? '@' : c;
        EXPECT_EQ(text, "a@r b@r ") << "boundary " << boundary << " changer " << changer;
      }
    }
  }
}

TEST(Fanout, AShortSendLeavesTheRestToTheLaneAtEveryByte) {
  const std::string all = "first@r second@r third@r ";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    World w;
    w.join(1, "r");
    w.peers.takes[1] = cut;
    w.publish("first", {"r"});
    w.publish("second", {"r"});
    w.publish("third", {"r"});
    w.run();
    EXPECT_EQ(w.peers.got[1], all) << "cut at " << cut;
  }
}

TEST(Fanout, LaterPublicationsOfAStreamWaitAndMoreUrgentOnesOfOthersDoNot) {
  World w;
  hub::Stream& slow = w.hub.stream({1, "t"});
  for (std::uint32_t slot = 1; slot <= 6; ++slot) w.join(slot, "r", {}, &slow);
  w.join(50, "r");
  auto low = std::make_shared<Publication>(*w.event("low", {"r"}));
  low->ns = 1;
  w.fanout.publish(slow, low, w.now);
  EXPECT_EQ(w.fanout.run(w.now, 2), Fanout::Run::more);
  w.publish("urgent", {"r"});
  EXPECT_EQ(w.fanout.run(w.now, 2), Fanout::Run::more);
  EXPECT_EQ(w.peers.got[50], "urgent@r ") << "it does not wait for the open fan-out of the other namespace";
  EXPECT_EQ(w.peers.got[4], "");
  w.run(2);
  EXPECT_EQ(w.peers.got[6], "low@r ");
}

TEST(Fanout, ABatchIsKeptUntilItIsDue) {
  World w;
  hub::Stream& batched = w.hub.stream({2, "t"});
  w.join(1, "r", {}, &batched);
  auto p = std::make_shared<Publication>(*w.event("a", {"r"}));
  p->ns = 2;
  w.fanout.publish(batched, p, w.now);
  EXPECT_EQ(w.fanout.run(w.now, 100), Fanout::Run::done);
  EXPECT_EQ(w.peers.got[1], "");
  ASSERT_TRUE(w.fanout.next_due().has_value());
  EXPECT_EQ(*w.fanout.next_due(), w.now.monotonic_ms + 50);
  w.now.monotonic_ms += 50;
  w.run();
  EXPECT_EQ(w.peers.got[1], "a@r ");
}

TEST(Fanout, AnEpochIsSaidToEveryMemberBeforeItsFirstEvent) {
  World w;
  w.join(1, "a");
  w.join(2, "b");
  w.fanout.publish(*w.stream, w.event("x", {"a"}, 1), w.now);
  w.fanout.publish(*w.stream, w.event("y", {"b"}, 2), w.now);
  w.run();
  EXPECT_EQ(w.peers.got[1], "=e/0 x@a ");
  EXPECT_EQ(w.peers.got[2], "=e/0 y@b ") << "also where the epoch's first event was not for it";
  w.fanout.publish(*w.stream, w.event("z", {"b"}, 1, "f"), w.now);
  w.run();
  EXPECT_EQ(w.peers.got[1], "=e/0 x@a =f/0 ");
  EXPECT_EQ(w.peers.got[2], "=e/0 y@b =f/0 z@b ");
  EXPECT_EQ(w.fanout.served(*w.stream), (Position{"f", 1}));
}

TEST(Fanout, WhoHadAnEventProvisionallyGetsItsPositionAndOthersTheEvent) {
  World w;
  w.join(1, "r");
  w.fanout.set_received(*w.stream, {"e", 4});
  w.publish("p", {"r"});
  const std::uint64_t had = w.fanout.number();
  w.run();
  w.join(2, "r");
  w.fanout.publish(*w.stream, w.event("p", {"r"}, 5), w.now, had);
  w.run();
  EXPECT_EQ(w.peers.got[1], "p@r =e/5 ");
  EXPECT_EQ(w.peers.got[2], "p@r ");
}

TEST(Fanout, AGapReachesEveryMemberOfTheStreamOnceInItsPlace) {
  World w;
  w.join(1, "a");
  w.join(1, "b");
  w.join(2, "c");
  w.publish("x", {"a", "c"});
  session::GapRun gap;
  gap.count = 1;
  w.fanout.announce_gap(*w.stream, gap, w.now);
  w.publish("y", {"a", "c"});
  w.run();
  EXPECT_EQ(w.peers.got[1], "x@a gap y@a ");
  EXPECT_EQ(w.peers.got[2], "x@c gap y@c ");
}

TEST(Fanout, LatestEventsOfAnIntervalLeaveNewestPerKeyWhenItIsOver) {
  World w;
  w.join(1, "r", {2, 0});
  w.join(2, "r");
  auto metric = [&](std::string id, std::string key) {
    auto p = std::make_shared<Publication>(*w.event(std::move(id), {"r"}));
    p->policy.latest = true;
    p->latest_key = std::move(key);
    w.fanout.publish(*w.stream, p, w.now);
    w.run();
  };
  metric("cpu1", "cpu");
  metric("cpu2", "cpu");
  metric("mem1", "mem");
  metric("cpu3", "cpu");
  EXPECT_EQ(w.peers.got[1], "cpu1@r ") << "the first leaves at once";
  EXPECT_EQ(w.peers.got[2], "cpu1@r cpu2@r mem1@r cpu3@r ");
  ASSERT_TRUE(w.fanout.next_due().has_value());
  w.now.monotonic_ms = *w.fanout.next_due();
  w.run();
  EXPECT_EQ(w.peers.got[1], "cpu1@r mem1@r cpu3@r ");
  w.now.monotonic_ms += 5'000;
  w.run();
  EXPECT_FALSE(w.fanout.next_due().has_value());
}

TEST(Fanout, AValueThatWaitsForItsIntervalIsForgottenWhenANewerOneComesThoughNobodyIsInItsClass) {
  World w;
  w.join(1, "r", {2, 0});
  w.join(2, "r");
  auto metric = [&](std::string id) {
    auto p = std::make_shared<Publication>(*w.event(std::move(id), {"r"}));
    p->policy.latest = true;
    p->latest_key = "cpu";
    w.fanout.publish(*w.stream, p, w.now);
    w.run();
  };
  metric("cpu1");
  metric("cpu2");
  w.leave(1, "r");
  metric("cpu3");
  w.join(3, "r", {2, 0});  // and is given cpu3 by its join
  w.now.monotonic_ms += 5'000;
  w.run();
  EXPECT_EQ(w.peers.got[1], "cpu1@r ");
  EXPECT_EQ(w.peers.got[2], "cpu1@r cpu2@r cpu3@r ");
  EXPECT_EQ(w.peers.got[3], "") << "cpu2 is older than what it has";
}

TEST(Fanout, ARoomThatEmptiesWhileItsFanOutIsOpenGoesWhenItCloses) {
  World w;
  for (std::uint32_t slot = 1; slot <= 3; ++slot) w.join(slot, "r");
  w.publish("a", {"r"});
  EXPECT_EQ(w.fanout.run(w.now, 1), Fanout::Run::more);
  for (std::uint32_t slot = 1; slot <= 3; ++slot) w.leave(slot, "r");
  EXPECT_EQ(w.hub.rooms(), 1U);
  w.run(1);
  EXPECT_EQ(w.hub.rooms(), 0U);
  w.fanout.forget(*w.stream);
  EXPECT_TRUE(w.hub.release_if_idle(*w.stream));
  EXPECT_EQ(w.account.bytes, 0U);
}

}  // namespace
}  // namespace sparc::fanout
