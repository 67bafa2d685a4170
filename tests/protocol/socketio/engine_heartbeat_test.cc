#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/socketio/engine_transcript.h"

namespace sparc::protocol::socketio {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr EngineSettings settings{.ping_interval_ms = 300, .ping_timeout_ms = 200};

TEST(Heartbeat, TheServerPingsAtEachInterval) {
  Engine engine(Engine::Transport::websocket, settings, 1000);
  EXPECT_EQ(engine.deadline(), 1300);
  engine.on_time(1299);
  EXPECT_THAT(actions(engine), IsEmpty());
  for (int i = 1; i <= 3; ++i) {
    engine.on_time(1000 + i * 300);
    EXPECT_THAT(actions(engine), ElementsAre("ping"));
    EXPECT_EQ(engine.deadline(), 1000 + i * 300 + 200);
    engine.on_text("3");
    EXPECT_THAT(actions(engine), IsEmpty());
    EXPECT_EQ(engine.deadline(), 1000 + i * 300 + 300);
  }
}

TEST(Heartbeat, APongThatDoesNotComeEndsTheSession) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_time(300);
  engine.on_text("4a message is no sign of life");
  (void)engine.take_actions();
  engine.on_time(499);
  EXPECT_THAT(actions(engine), IsEmpty());
  engine.on_time(500);
  EXPECT_THAT(actions(engine), ElementsAre("closed: ping timeout"));
}

TEST(Heartbeat, OverPollingTheWaitingPollHearsOfTheEnd) {
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_time(300);
  engine.on_get(1);
  engine.on_time(500);
  EXPECT_THAT(actions(engine), ElementsAre("ping", polled(1, "1"), "closed: ping timeout"));
}

TEST(Heartbeat, APongInAPostCounts) {
  Engine engine(Engine::Transport::polling, settings, 0);
  engine.on_time(300);
  engine.on_post(1, "", "3");
  engine.on_time(500);
  EXPECT_THAT(actions(engine), ElementsAre("ping", posted(1)));
  engine.on_time(600);
  EXPECT_THAT(actions(engine), ElementsAre("ping"));
}

TEST(Heartbeat, APongNobodyAskedForChangesNothing) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_text("3");
  engine.on_text("3probe");
  EXPECT_EQ(engine.deadline(), 300);
  EXPECT_THAT(actions(engine), IsEmpty());
}

TEST(Heartbeat, WhileAPongIsAwaitedNoFurtherPingIsSent) {
  constexpr EngineSettings slow{.ping_interval_ms = 100, .ping_timeout_ms = 1000};
  Engine engine(Engine::Transport::websocket, slow, 0);
  engine.on_time(100);
  engine.on_time(250);
  EXPECT_THAT(actions(engine), ElementsAre("ping"));
  engine.on_text("3");
  engine.on_time(260);
  EXPECT_THAT(actions(engine), ElementsAre("ping"));
}

TEST(Heartbeat, APingThatIsSentLateLeavesThePeerMostOfItsTime) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_time(330);
  EXPECT_THAT(actions(engine), ElementsAre("ping"));
  EXPECT_EQ(engine.deadline(), 500);
  engine.on_text("3");
  EXPECT_EQ(engine.deadline(), 600);
  // The machine slept.
  engine.on_time(100'000);
  EXPECT_EQ(engine.deadline(), 100'150);
}

TEST(WebSocketTransport, TextAndBinaryMessagesAreDelivered) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_text("4hello");
  engine.on_binary("\x01\x02");
  engine.on_text("bAQID");
  EXPECT_THAT(actions(engine), ElementsAre("message hello", "binary \x01\x02", "binary \x01\x02\x03"));
}

TEST(WebSocketTransport, ABadTypeIsAParseError) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_text("9");
  engine.on_text("4never");
  EXPECT_THAT(actions(engine), ElementsAre("closed: parse error"));
}

TEST(WebSocketTransport, APingOfAClientIsATransportError) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_text("2");
  EXPECT_THAT(actions(engine), ElementsAre("closed: transport error"));
}

TEST(WebSocketTransport, ClosePacketsOverAWebSocketAreIgnored) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  for (const char* packet : {"1", "6", "5", "0"}) engine.on_text(packet);
  EXPECT_THAT(actions(engine), IsEmpty());
  EXPECT_FALSE(engine.closed());
}

TEST(WebSocketTransport, ItsEndIsTheSessionsEnd) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_websocket_closed();
  engine.on_websocket_closed();
  EXPECT_THAT(actions(engine), ElementsAre("closed: transport close"));
}

TEST(WebSocketTransport, TheServersCloseWaitsForNothing) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.close("forced close", 5);
  EXPECT_THAT(actions(engine), ElementsAre("closed: forced close"));
}

TEST(WebSocketTransport, ItHasNoPolls) {
  Engine engine(Engine::Transport::websocket, settings, 0);
  engine.on_get(1);
  engine.on_post(2, "", "4a");
  EXPECT_THAT(actions(engine), ElementsAre(bad_request(1), bad_request(2)));
  EXPECT_FALSE(engine.on_probe_opened(0));
  EXPECT_FALSE(engine.closed());
}

}  // namespace
}  // namespace sparc::protocol::socketio
