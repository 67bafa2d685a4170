#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "protocol/socketio/engine_transcript.h"

namespace sparc::protocol::socketio {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Polling : ::testing::Test {
  const EngineSettings settings;
  Engine engine{Engine::Transport::polling, settings, 0};
};

TEST_F(Polling, APollWaitsUntilThereIsSomethingToSay) {
  EXPECT_FALSE(engine.writable());
  engine.on_get(1);
  EXPECT_TRUE(engine.writable());
  EXPECT_THAT(actions(engine), IsEmpty());
  EXPECT_EQ(engine.take_poll(), 1);
  EXPECT_FALSE(engine.writable());
  EXPECT_THAT(actions(engine), IsEmpty());
}

TEST_F(Polling, APostDeliversItsMessagesInOrder) {
  engine.on_post(7, "text/plain;charset=UTF-8",
                 "4hello\x1e"
                 "bAQID\x1e"
                 "4");
  EXPECT_THAT(actions(engine), ElementsAre("message hello", "binary \x01\x02\x03", "message ", posted(7)));
}

TEST_F(Polling, ASecondPollEndsTheSession) {
  engine.on_get(1);
  engine.on_get(2);
  EXPECT_THAT(actions(engine), ElementsAre(refused(2), polled(1, "1"), "closed: transport error"));
  EXPECT_TRUE(engine.closed());
}

TEST_F(Polling, ASecondPostEndsTheSession) {
  engine.on_get(1);
  engine.on_post_overlap(2);
  EXPECT_THAT(actions(engine), ElementsAre(refused(2), polled(1, "1"), "closed: transport error"));
}

TEST_F(Polling, APollThatIsAbandonedEndsTheSession) {
  engine.on_get(1);
  engine.on_poll_aborted(1);
  EXPECT_THAT(actions(engine), ElementsAre("closed: transport error"));
}

TEST_F(Polling, ARequestThatWasAnsweredCanGo) {
  engine.on_get(1);
  EXPECT_EQ(engine.take_poll(), 1);
  engine.on_poll_aborted(1);
  engine.on_get(2);
  engine.on_poll_aborted(1);
  EXPECT_FALSE(engine.closed());
  EXPECT_TRUE(engine.writable());
}

TEST_F(Polling, AnOctetStreamIsNoPayload) {
  engine.on_post(1, "application/octet-stream", "4a");
  EXPECT_THAT(actions(engine), ElementsAre(refused(1), "closed: transport error"));
  engine.on_get(2);
  EXPECT_THAT(actions(engine), ElementsAre(unknown_session(2)));
}

TEST_F(Polling, AnOctetStreamIsRecognisedByItsTypeAlone) {
  engine.on_post(1, " Application/Octet-Stream ; x=y", "4a");
  EXPECT_TRUE(engine.closed());
}

TEST(PollingPayload, WhatIsTooLargeIsRefusedAndTheSessionStays) {
  constexpr EngineSettings small{.max_payload_bytes = 5};
  Engine engine(Engine::Transport::polling, small, 0);
  engine.on_post(1, "", "4abcde");
  EXPECT_THAT(actions(engine), ElementsAre("answer 1: 413"));
  engine.on_post(2, "", "4abcd");
  EXPECT_THAT(actions(engine), ElementsAre("message abcd", posted(2)));
}

TEST_F(Polling, AClosePacketEndsTheSessionAndSendsThePollHome) {
  engine.on_get(1);
  engine.on_post(2, "",
                 "4last\x1e"
                 "1\x1e"
                 "4never");
  EXPECT_THAT(actions(engine), ElementsAre("message last", posted(2), polled(1, "6"), "closed: transport close"));
}

TEST_F(Polling, APingOfAClientIsAnError) {
  engine.on_get(1);
  engine.on_post(2, "",
                 "4a\x1e"
                 "2\x1e"
                 "4never");
  EXPECT_THAT(actions(engine), ElementsAre("message a", refused(2), polled(1, "1"), "closed: transport error"));
}

TEST_F(Polling, ABadPacketEndsTheSession) {
  engine.on_get(1);
  engine.on_post(2, "", "abc");
  EXPECT_THAT(actions(engine), ElementsAre(refused(2), polled(1, "1"), "closed: parse error"));
}

TEST_F(Polling, PacketsThatMeanNothingHereAreIgnored) {
  engine.on_post(1, "",
                 "0{}\x1e"
                 "5\x1e"
                 "6\x1e"
                 "3\x1e"
                 "4a");
  EXPECT_THAT(actions(engine), ElementsAre("message a", posted(1)));
}

TEST_F(Polling, TheServersCloseIsSaidToTheWaitingPoll) {
  engine.on_get(1);
  engine.close("forced close", 10);
  EXPECT_THAT(actions(engine), ElementsAre(polled(1, "1"), "closed: forced close"));
}

TEST_F(Polling, TheServersCloseIsSaidToTheNextPoll) {
  engine.close("forced close", 10);
  engine.close("again", 20);
  EXPECT_THAT(actions(engine), IsEmpty());
  EXPECT_EQ(engine.deadline(), 30'010);
  // Meanwhile nothing is delivered any more, and no poll waits.
  engine.on_post(1, "",
                 "4late\x1e"
                 "3");
  engine.on_time(30'009);
  EXPECT_THAT(actions(engine), ElementsAre(posted(1)));
  EXPECT_FALSE(engine.on_probe_opened(20));
  engine.on_get(2);
  EXPECT_LE(engine.deadline(), 20);
  engine.on_time(20);
  EXPECT_THAT(actions(engine), ElementsAre(polled(2, "1"), "closed: forced close"));
  EXPECT_EQ(engine.deadline(), std::numeric_limits<std::int64_t>::max());
}

TEST_F(Polling, WhatWaitsWhenTheServerClosesGoesFirst) {
  engine.close("forced close", 10);
  engine.on_get(1);
  EXPECT_EQ(engine.take_poll(), 1U);
  engine.on_time(20);
  EXPECT_THAT(actions(engine), IsEmpty());
  EXPECT_EQ(engine.deadline(), 30'010);
  engine.on_get(2);
  engine.on_time(30);
  EXPECT_THAT(actions(engine), ElementsAre(polled(2, "1"), "closed: forced close"));
}

TEST_F(Polling, ASessionThatClosesWaitsForAPollOnlySoLong) {
  engine.close("forced close", 10);
  engine.on_time(30'010);
  EXPECT_THAT(actions(engine), ElementsAre("closed: forced close"));
}

TEST_F(Polling, AnEndThatIsNearShortensThatWait) {
  engine.close("forced close", 10);
  engine.close_by("forced close", 500);
  engine.close_by("forced close", 9'000);
  EXPECT_TRUE(engine.closing());
  EXPECT_EQ(engine.deadline(), 500);
  engine.on_time(500);
  EXPECT_THAT(actions(engine), ElementsAre("closed: forced close"));
}

TEST_F(Polling, AClosePacketOfBothSidesEndsAsTheServerSaid) {
  engine.close("forced close", 10);
  engine.on_post(1, "", "1");
  EXPECT_THAT(actions(engine), ElementsAre(posted(1), "closed: forced close"));
}

TEST_F(Polling, BehindItsEndEveryRequestIsRefusedAndEverythingElseIgnored) {
  engine.on_get(1);
  engine.close("forced close", 0);
  (void)engine.take_actions();
  engine.on_get(2);
  engine.on_post(3, "", "4a");
  engine.on_post_overlap(4);
  engine.on_poll_aborted(2);
  engine.on_probe_text("2probe");
  engine.on_probe_closed();
  engine.on_text("4a");
  engine.on_binary("a");
  engine.on_websocket_closed();
  engine.on_time(1'000'000);
  engine.close("again", 1'000'000);
  EXPECT_FALSE(engine.on_probe_opened(5));
  EXPECT_THAT(actions(engine), ElementsAre(unknown_session(2), unknown_session(3), unknown_session(4)));
}

TEST_F(Polling, FramesOfAWebSocketItHasNotAreIgnored) {
  engine.on_text("4a");
  engine.on_binary("a");
  engine.on_websocket_closed();
  engine.on_probe_text("5");
  EXPECT_THAT(actions(engine), IsEmpty());
  EXPECT_EQ(engine.transport(), Engine::Transport::polling);
}

}  // namespace
}  // namespace sparc::protocol::socketio
