#include "session/outbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sparc::session {
namespace {

/// Gaps as `[gap 3 dropped 4-6 room]`, so that what left the socket can be compared as one text.
struct TextGaps final : GapRenderer {
  Frame render_gap(NamespaceId, const GapRun& gap) override {
    std::string text = "[gap " + std::to_string(gap.count) + ' ' + std::string(name_of(gap.reason));
    if (gap.from != 0) text += ' ' + std::to_string(gap.from) + '-' + std::to_string(gap.to);
    if (!gap.room.empty()) text += ' ' + gap.room;
    return Frame(text + ']');
  }
};

struct Event {
  std::string text;
  std::uint64_t offset = 0;
  std::string room = "r";
  std::string key;
  bool latest = false;
  bool is_volatile = false;
  std::int64_t expires_ms = 0;
};

Entry entry(const Event& event) {
  auto publication = std::make_shared<Publication>();
  publication->rooms = {event.room};
  publication->event = "e";
  publication->offset = event.offset;
  publication->epoch = event.offset == 0 ? "" : "x";
  publication->policy.latest = event.latest;
  publication->policy.is_volatile = event.is_volatile;
  publication->latest_key = event.key;
  Entry out;
  out.block = Frame(event.text);
  out.size = static_cast<std::uint32_t>(event.text.size());
  out.expires_ms = event.expires_ms;
  out.publication = std::move(publication);
  return out;
}

Entry position(std::string text) {
  Entry out;
  out.kind = Entry::Kind::position;
  out.block = Frame(text);
  out.size = static_cast<std::uint32_t>(text.size());
  return out;
}

Entry notice(std::string text) {
  Entry out = position(std::move(text));
  out.kind = Entry::Kind::notice;
  return out;
}

std::string drain(Outbox& box, std::int64_t now_ms = 0) {
  TextGaps gaps;
  std::string out, scratch;
  const auto result = box.flush(
      [&](std::string_view bytes) {
        out += bytes;
        return static_cast<std::ptrdiff_t>(bytes.size());
      },
      gaps, now_ms, scratch);
  EXPECT_EQ(result, Outbox::Flush::empty);
  return out;
}

LaneSettings lane_of(NamespaceId ns, std::uint8_t priority, LanePolicy policy, std::size_t bytes = 1'000'000) {
  return {ns, priority, policy, bytes};
}

std::size_t room_for(std::size_t entries, std::size_t text_bytes) { return entries * (sizeof(Entry) + text_bytes); }

TEST(Outbox, ControlLeavesFirstThenTheLanesByPriorityAndEachInItsOrder) {
  Outbox box;
  Lane& video = box.lane(lane_of(2, 30, LanePolicy::drop_oldest));
  (void)video.push(entry({"v1 "}));
  (void)video.push(entry({"v2 "}));
  (void)box.lane(lane_of(0, 10, LanePolicy::catch_up)).push(entry({"a1 ", 1}));
  (void)box.lane(lane_of(1, 20, LanePolicy::catch_up)).push(entry({"m1 ", 1}));
  (void)box.find_lane(0)->push(entry({"a2 ", 2}));
  EXPECT_TRUE(box.push_control(Frame("c1 "), 100));
  EXPECT_TRUE(box.push_control(Frame("c2 "), 100));
  EXPECT_EQ(drain(box), "c1 c2 a1 a2 m1 v1 v2 ");
  EXPECT_TRUE(box.idle());
  EXPECT_EQ(box.bytes(), 0U);
}

TEST(Outbox, AControlLaneOverItsBoundSaysSo) {
  Outbox box;
  EXPECT_TRUE(box.push_control(Frame("0123456789"), 8));  // one message may be larger
  EXPECT_FALSE(box.push_control(Frame("1"), 8));
}

TEST(Outbox, WhatTheSocketHasBegunGoesFirstUnchangedWhateverTheSplit) {
  const std::string all = "control alert-1 [gap 1 dropped 9-9 r]alert-2 video ";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    Outbox box;
    Lane& alerts = box.lane(lane_of(0, 1, LanePolicy::catch_up));
    (void)alerts.push(entry({"alert-1 ", 8}));
    GapRun lost{1, 9, 9, "r", GapReason::dropped};
    alerts.push_gap(lost);
    (void)alerts.push(entry({"alert-2 ", 10}));
    (void)box.lane(lane_of(2, 3, LanePolicy::drop_oldest)).push(entry({"video "}));
    (void)box.push_control(Frame("control "), 100);
    TextGaps gaps;
    std::string out, scratch;
    const auto first = box.flush(
        [&](std::string_view bytes) {
          out += bytes.substr(0, cut);
          return static_cast<std::ptrdiff_t>(std::min(cut, bytes.size()));
        },
        gaps, 0, scratch);
    EXPECT_EQ(first, cut == all.size() ? Outbox::Flush::empty : Outbox::Flush::blocked);
    EXPECT_EQ(out, all.substr(0, cut));
    // What comes now may not stand before the rest of what was begun.
    (void)box.push_control(Frame("late "), 100);
    out += drain(box);
    std::size_t end = 0;  // of the entry that was begun
    for (const std::string_view part : {"control ", "alert-1 ", "[gap 1 dropped 9-9 r]", "alert-2 ", "video "}) {
      if (end >= cut && end != 0) break;  // where nothing was begun, it stands behind the control lane's first frame
      end += part.size();
    }
    EXPECT_EQ(out, all.substr(0, end) + "late " + all.substr(end)) << "cut at " << cut;
    EXPECT_TRUE(box.idle());
    EXPECT_EQ(box.bytes(), 0U);
  }
}

TEST(Outbox, OneByteAtATimeGivesTheSameBytes) {
  Outbox box;
  for (int i = 0; i < 5; ++i)
    (void)box.lane(lane_of(0, 1, LanePolicy::catch_up)).push(entry({"event" + std::to_string(i) + ' ', 1ULL + i}));
  TextGaps gaps;
  std::string out, scratch;
  for (int i = 0; i < 200 && box.has_frames(); ++i) {
    (void)box.flush(
        [&, taken = false](std::string_view bytes) mutable -> std::ptrdiff_t {
          if (std::exchange(taken, true)) return 0;
          out += bytes.front();
          return 1;
        },
        gaps, 0, scratch);
  }
  EXPECT_EQ(out, "event0 event1 event2 event3 event4 ");
}

TEST(Outbox, ABrokenSocketEndsTheFlush) {
  Outbox box;
  (void)box.push_control(Frame("x"), 10);
  TextGaps gaps;
  std::string scratch;
  EXPECT_EQ(box.flush([](std::string_view) -> std::ptrdiff_t { return -1; }, gaps, 0, scratch), Outbox::Flush::broken);
}

TEST(Outbox, ADroppedLaneLeavesNothingButWhatWasBegun) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up));
  (void)lane.push(entry({"begun ", 1}));
  (void)lane.push(entry({"never ", 2}));
  TextGaps gaps;
  std::string scratch;
  (void)box.flush([](std::string_view) -> std::ptrdiff_t { return 2; }, gaps, 0, scratch);
  box.drop_lane(0);
  EXPECT_EQ(drain(box), "gun ");
}

TEST(Lane, OfLatestEventsTheNewestPerRoomAndKeyLeavesAtTheTail) {
  Outbox box;
  Lane& lane = box.lane(lane_of(1, 1, LanePolicy::catch_up));
  EXPECT_EQ(lane.push(entry({"cpu1 ", 0, "a", "cpu", true})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"mem1 ", 0, "a", "mem", true})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"other ", 0, "b", "cpu", true})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"cpu2 ", 0, "a", "cpu", true})), PushResult::conflated);
  EXPECT_EQ(drain(box), "mem1 other cpu2 ");
  Lane& again = box.lane(lane_of(1, 1, LanePolicy::catch_up));
  EXPECT_EQ(again.push(entry({"cpu3 ", 0, "a", "cpu", true})), PushResult::queued);
  EXPECT_EQ(drain(box), "cpu3 ");
}

TEST(Lane, ExpiredEventsLeaveAsOneGapInTheirPlace) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest));
  (void)lane.push(entry({"first ", 1}));
  (void)lane.push(entry({"old1 ", 2, "r", "", false, false, 100}));
  (void)lane.push(entry({"old2 ", 3, "r", "", false, false, 90}));
  (void)lane.push(entry({"fresh ", 4, "r", "", false, false, 101}));
  EXPECT_EQ(drain(box, 100), "first [gap 2 expired 2-3 r]fresh ");
}

TEST(Lane, AGapInThePlaceOfAnExpiredLatestValueStaysWhenTheNextValueComes) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest));
  (void)lane.push(entry({"o ", 0, "r", "k", true, false, 10}));
  (void)lane.next(0, 10);  // a flush that the socket did not take
  EXPECT_EQ(lane.push(entry({"new ", 0, "r", "k", true})), PushResult::queued);
  EXPECT_EQ(drain(box, 10), "[gap 1 expired r]new ");
}

TEST(Lane, OverItsBytesTheOldestGoAndOneGapSaysHowMany) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest, room_for(8, 3)));
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(lane.push(entry({"v" + std::to_string(i) + ' ', 0, i < 4 ? "a" : "b"})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"v8 ", 0, "b"})), PushResult::dropped);
  EXPECT_LE(lane.bytes(), room_for(8, 3));
  const std::uint64_t first = lane.dropped();
  EXPECT_EQ(first, 3U);
  for (int i = 0; i < 4; ++i) (void)lane.push(entry({"w" + std::to_string(i) + ' ', 0, "b"}));
  EXPECT_LE(lane.bytes(), room_for(8, 3));
  const std::string out = drain(box);
  EXPECT_EQ(out.find("[gap"), 0U) << out;
  EXPECT_EQ(out.find("[gap", 1), std::string::npos) << "one run is one gap: " << out;
  EXPECT_TRUE(out.starts_with("[gap " + std::to_string(lane.dropped()) + " dropped]") || !lane.idle()) << out;
}

TEST(Lane, AGapNamesItsRoomOnlyWhereAllWereOfOne) {
  for (const bool one_room : {true, false}) {
    Outbox box;
    Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest, room_for(4, 3)));
    for (int i = 0; i < 5; ++i) (void)lane.push(entry({"v" + std::to_string(i) + ' ', 0, one_room || i % 2 == 0 ? "a" : "b"}));
    EXPECT_EQ(drain(box), one_room ? "[gap 2 dropped a]v2 v3 v4 " : "[gap 2 dropped]v2 v3 v4 ");
  }
}

TEST(Lane, APositionThatIsDroppedWithItsEventsIsSaidBeforeThoseThatStay) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest, room_for(4, 3)));
  (void)lane.push(position("(new epoch)"));
  for (int i = 0; i < 5; ++i) (void)lane.push(entry({"v" + std::to_string(i) + ' ', 1ULL + i}));
  const std::string out = drain(box);
  EXPECT_NE(out.find("(new epoch)"), std::string::npos) << out;
  EXPECT_LT(out.find("(new epoch)"), out.find("v4 ")) << out;
}

TEST(Lane, ConflationKeepsTheNewestPerRoomAndEvent) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::conflate, room_for(4, 3)));
  for (int i = 0; i < 5; ++i) (void)lane.push(entry({"v" + std::to_string(i) + ' ', 0, i % 2 == 0 ? "a" : "b"}));
  EXPECT_EQ(drain(box), "[gap 3 dropped]v3 v4 ");
}

TEST(Lane, ADisconnectingLaneAsksForTheEnd) {
  Lane lane(lane_of(2, 1, LanePolicy::disconnect, room_for(1, 3)));
  EXPECT_EQ(lane.push(entry({"v1 "})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"v2 "})), PushResult::overflow);
}

TEST(Lane, CatchUpGivesUpItsFramesAndKeepsThePositionBeforeTheFirst) {
  Lane lane(lane_of(0, 1, LanePolicy::catch_up, room_for(4, 3)));
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(lane.push(entry({"a" + std::to_string(i) + ' ', 41 + i})), PushResult::queued);
  EXPECT_EQ(lane.push(entry({"a4 ", 45})), PushResult::catch_up);
  EXPECT_TRUE(lane.catching_up());
  EXPECT_FALSE(lane.has_frames());
  EXPECT_EQ(lane.bytes(), 0U);
  EXPECT_EQ(lane.position(), (Position{"x", 40}));
  EXPECT_EQ(lane.push(entry({"a5 ", 46})), PushResult::queued);
  EXPECT_FALSE(lane.has_frames()) << "history has it";
}

TEST(Lane, TheEpochOfWhatIsReadAgainIsStillSaidFirst) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up, room_for(3, 3)));
  (void)lane.push(position("(x/0)"));
  PushResult last = PushResult::queued;
  for (std::uint64_t i = 1; last != PushResult::catch_up; ++i) last = lane.push(entry({"a" + std::to_string(i) + ' ', i}));
  EXPECT_EQ(drain(box), "(x/0)");
  EXPECT_EQ(lane.position(), (Position{"x", 0}));
}

TEST(Lane, WhatHasNoNumberWaitsBehindTheRefillAndOnlyLatestAndNoticesStay) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up));
  lane.begin_catch_up({"x", 7});
  (void)lane.push(entry({"volatile ", 0, "r", "", false, true}));
  (void)lane.push(entry({"lost ", 0, "r"}));
  (void)lane.push(entry({"cpu1 ", 0, "r", "cpu", true}));
  (void)lane.push(entry({"cpu2 ", 0, "r", "cpu", true}));
  (void)lane.push(notice("evicted "));
  (void)lane.push(position("(never)"));
  EXPECT_FALSE(lane.has_frames());
  EXPECT_FALSE(lane.idle());
  lane.push_refill(entry({"a8 ", 8}));
  lane.push_refill(position("(x/8)"));
  lane.end_catch_up();
  EXPECT_EQ(drain(box), "a8 (x/8)[gap 1 dropped r]cpu2 evicted ");
}

TEST(Lane, ALossOfTheBrokerStaysWhenTheFramesAreGivenUp) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up, room_for(4, 3)));
  GapRun away;
  away.reason = GapReason::broker;
  lane.push_gap(away);
  PushResult last = PushResult::queued;
  for (std::uint64_t i = 1; last != PushResult::catch_up; ++i) last = lane.push(entry({"a" + std::to_string(i) + ' ', i}));
  EXPECT_EQ(drain(box), "[gap 0 broker]");
}

TEST(Lane, SheddingARefillReadsItAgainFromWhereItBegan) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up));
  lane.begin_catch_up({"x", 6});
  (void)lane.push(entry({"cpu1 ", 0, "r", "cpu", true}));
  EXPECT_FALSE(lane.sheddable());
  EXPECT_EQ(lane.shed(), PushResult::queued);
  lane.push_refill(entry({"a8 ", 8}));
  lane.push_refill(entry({"a9 ", 9}));
  lane.set_position({"x", 9});
  EXPECT_TRUE(lane.sheddable());
  EXPECT_EQ(lane.shed(), PushResult::catch_up);
  EXPECT_EQ(lane.bytes(), 0U);
  EXPECT_EQ(lane.position(), (Position{"x", 7}));
  lane.push_refill(entry({"a8 ", 8}));
  lane.push_refill(entry({"a9 ", 9}));
  lane.end_catch_up();
  EXPECT_EQ(drain(box), "a8 a9 cpu1 ");
}

TEST(Lane, WhatIsLostBeforeAPositionIsSaidBeforeItWhateverStandsInFront) {
  Outbox box;
  Lane& lane = box.lane(lane_of(0, 1, LanePolicy::catch_up, room_for(4, 3)));
  GapRun away;
  away.reason = GapReason::broker;
  lane.push_gap(away);
  (void)lane.push(entry({"p1 "}));  // provisional: no number yet
  (void)lane.push(position("(x/1)"));
  (void)lane.push(entry({"p2 "}));
  EXPECT_EQ(lane.push(entry({"p3 "})), PushResult::dropped);
  EXPECT_EQ(drain(box), "[gap 0 broker][gap 1 dropped r](x/1)[gap 2 dropped r]");
}

TEST(Lane, OfVolatileEventsThatAreDroppedOrExpireNobodyIsTold) {
  Outbox box;
  Lane& lane = box.lane(lane_of(2, 1, LanePolicy::drop_oldest, room_for(4, 3)));
  for (int i = 0; i < 5; ++i) (void)lane.push(entry({"v" + std::to_string(i) + ' ', 0, "r", "", false, i < 2}));
  (void)lane.push(entry({"o ", 0, "r", "", false, true, 5}));
  EXPECT_EQ(drain(box, 6), "v2 v3 v4 ");
  EXPECT_EQ(lane.dropped(), 0U);
}

TEST(Lane, SheddingMakesRoomAsAnOverflowWould) {
  Lane history(lane_of(0, 1, LanePolicy::catch_up));
  (void)history.push(entry({"a1 ", 5}));
  EXPECT_EQ(history.shed(), PushResult::catch_up);
  EXPECT_EQ(history.position(), (Position{"x", 4}));
  Lane plain(lane_of(2, 1, LanePolicy::drop_oldest));
  for (int i = 0; i < 10; ++i) (void)plain.push(entry({"v "}));
  const std::size_t before = plain.bytes();
  EXPECT_EQ(plain.shed(), PushResult::dropped);
  EXPECT_LT(plain.bytes(), before);
}

}  // namespace
}  // namespace sparc::session
