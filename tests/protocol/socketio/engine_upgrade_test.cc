#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/socketio/engine_transcript.h"

namespace sparc::protocol::socketio {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Upgrade : ::testing::Test {
  const EngineSettings settings;
  Engine engine{Engine::Transport::polling, settings, 0};
};

TEST_F(Upgrade, AProbeIsConfirmedAndThenTakesOver) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  EXPECT_TRUE(engine.upgrading());
  engine.on_probe_text("2probe");
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe"));
  EXPECT_EQ(engine.transport(), Engine::Transport::polling);
  engine.on_probe_text("5");
  EXPECT_THAT(actions(engine), ElementsAre("upgraded"));
  EXPECT_EQ(engine.transport(), Engine::Transport::websocket);
  EXPECT_FALSE(engine.upgrading());
  engine.on_text("4over the websocket");
  EXPECT_THAT(actions(engine), ElementsAre("message over the websocket"));
}

TEST_F(Upgrade, PollsThatWaitMeanwhileAreSentHome) {
  engine.on_get(1);
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_time(10);
  EXPECT_THAT(actions(engine), IsEmpty());
  engine.on_probe_text("2probe");
  EXPECT_LE(engine.deadline(), 10);
  engine.on_time(15);
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe", polled(1, "6")));
  // Not more often than each 100 ms, so that a client which does not pause gets its messages too.
  engine.on_get(2);
  EXPECT_EQ(engine.deadline(), 115);
  engine.on_time(114);
  EXPECT_TRUE(engine.writable());
  engine.on_time(115);
  EXPECT_THAT(actions(engine), ElementsAre(polled(2, "6")));
}

TEST_F(Upgrade, MessagesOfPostsAreStillTaken) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("2probe");
  engine.on_post(1, "", "4a");
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe", "message a", posted(1)));
}

TEST_F(Upgrade, APollThatWaitsAtTheUpgradeIsSentHome) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("2probe");
  engine.on_get(1);
  engine.on_probe_text("5");
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe", polled(1, "6"), "upgraded"));
}

TEST_F(Upgrade, LateRequestsDoNotHarmTheUpgradedSession) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("5");
  engine.on_get(1);
  engine.on_post(2, "", "garbage");
  engine.on_post_overlap(3);
  engine.on_poll_aborted(1);
  EXPECT_THAT(actions(engine), ElementsAre("upgraded", bad_request(1), bad_request(2), bad_request(3)));
  EXPECT_FALSE(engine.closed());
}

TEST_F(Upgrade, ASecondProbeIsRefused) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  EXPECT_FALSE(engine.on_probe_opened(11));
  engine.on_probe_text("2probe");
  EXPECT_FALSE(engine.on_probe_opened(12));
  engine.on_probe_text("5");
  EXPECT_FALSE(engine.on_probe_opened(13));
}

TEST_F(Upgrade, AnyOtherPacketClosesTheProbeAlone) {
  for (const char* packet : {"4a", "2", "2other", "3probe", "1", "6", "0", "9", "", "bAQID"}) {
    ASSERT_TRUE(engine.on_probe_opened(10)) << packet;
    engine.on_probe_text(packet);
    EXPECT_THAT(actions(engine), ElementsAre("close probe")) << packet;
    // What still comes on it is ignored.
    engine.on_probe_text("2probe");
    engine.on_probe_text("5");
    EXPECT_THAT(actions(engine), IsEmpty());
  }
  engine.on_post(1, "", "4a");
  EXPECT_THAT(actions(engine), ElementsAre("message a", posted(1)));
}

TEST_F(Upgrade, AProbeThatStopsIsGivenUp) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("2probe");
  (void)engine.take_actions();
  EXPECT_EQ(engine.deadline(), 10'010);
  engine.on_time(10'009);
  EXPECT_THAT(actions(engine), IsEmpty());
  engine.on_time(10'010);
  EXPECT_THAT(actions(engine), ElementsAre("close probe"));
  EXPECT_EQ(engine.deadline(), 25'000);
  EXPECT_TRUE(engine.on_probe_opened(10'020));
}

TEST_F(Upgrade, AProbeThatGoesLeavesTheSessionAlone) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("2probe");
  engine.on_probe_closed();
  EXPECT_FALSE(engine.upgrading());
  engine.on_get(1);
  EXPECT_EQ(engine.take_poll(), 1);
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe"));
}

TEST_F(Upgrade, TheEndOfTheSessionIsTheEndOfItsProbe) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_get(1);
  engine.on_get(2);
  EXPECT_THAT(actions(engine), ElementsAre(refused(2), polled(1, "1"), "close probe", "closed: transport error"));
}

TEST_F(Upgrade, ASessionThatClosesGivesItsProbeUp) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.close("forced close", 20);
  EXPECT_THAT(actions(engine), ElementsAre("close probe"));
}

TEST_F(Upgrade, WhatCameBehindTheUpgradeInTheSameReadIsOfTheSession) {
  ASSERT_TRUE(engine.on_probe_opened(10));
  engine.on_probe_text("2probe");
  engine.on_probe_text("5");
  engine.on_probe_text("4a");
  engine.on_probe_closed();
  EXPECT_THAT(actions(engine), ElementsAre("probe 3probe", "upgraded", "message a", "closed: transport close"));
}

TEST_F(Upgrade, APingThatWasSentBeforeIsAnsweredBehind) {
  engine.on_time(25'000);
  ASSERT_TRUE(engine.on_probe_opened(25'010));
  engine.on_probe_text("5");
  engine.on_text("3");
  engine.on_time(45'000);
  EXPECT_THAT(actions(engine), ElementsAre("ping", "upgraded"));
  engine.on_time(50'000);
  engine.on_time(70'000);
  EXPECT_THAT(actions(engine), ElementsAre("ping", "closed: ping timeout"));
}

}  // namespace
}  // namespace sparc::protocol::socketio
