#include "shard/node.h"

namespace sparc::shard {
namespace {

std::string position_in(const std::string& reply) {
  const std::size_t at = reply.find("\"position\":") + 11;
  return reply.substr(at, reply.find('}', at) + 1 - at);
}

std::string alert(Node& node, int n) {
  const PublishAnswer answer = node.publish("alerts", {"tenant:t"}, "alert", "{\"n\":" + std::to_string(n) + "}");
  node.turn();
  return answer.position.epoch;
}

TEST(Recovery, AClientThatComesBackGetsWhatItMissedInOrderThenLiveTraffic) {
  Node node;
  const ConnectionId first = node.connect("u", "t");
  node.say(first, R"({"type":"join","id":1,"namespace":"alerts"})");
  const std::string position = position_in(node.messages(first).back());
  node.shard->on_closed(first, "gone");
  for (int i = 0; i < 700; ++i) (void)alert(node, i);
  const ConnectionId second = node.connect("u", "t");
  (void)node.messages(second);
  node.say(second, R"({"type":"join","id":1,"namespace":"alerts","recover":)" + position + "}");
  (void)alert(node, 700);
  const auto got = node.messages(second);
  ASSERT_EQ(got.size(), 703U);
  EXPECT_TRUE(has(got[0], "\"recovered\":true"));
  EXPECT_TRUE(has(got[0], "\"until\":700"));
  for (int i = 0; i < 700; ++i) EXPECT_TRUE(has(got[static_cast<std::size_t>(i) + 1], "{\"n\":" + std::to_string(i) + "}"));
  EXPECT_TRUE(has(got[701], "\"type\":\"position\"") && has(got[701], "\"offset\":700"));
  EXPECT_TRUE(has(got[702], "{\"n\":700}"));
}

TEST(Recovery, APositionOfAnEpochThatIsOverIsNotRecovered) {
  Node node;
  const ConnectionId id = node.connect("u", "t");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts","recover":{"epoch":"other","offset":3}})");
  EXPECT_TRUE(has(node.messages(id).back(), "\"recovered\":false"));
}

TEST(Recovery, WhileTheBrokerIsAwayEventsAreProvisionalAndTheirNumbersFollow) {
  Node node;
  const ConnectionId id = node.connect("u", "t");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)alert(node, 0);
  (void)node.messages(id);
  node.memory().set_available(false);
  EXPECT_TRUE(node.publish("alerts", {"tenant:t"}, "alert", "{\"n\":1}").queued);
  node.turn();
  auto got = node.messages(id);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_TRUE(has(got[0], "\"type\":\"gap\"") && has(got[0], "broker"));
  EXPECT_TRUE(has(got[1], "\"provisional\":true"));
  node.memory().set_available(true);
  node.turn();
  got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"type\":\"position\"") && has(got[0], "\"offset\":2"));
  EXPECT_EQ(node.shard->counters().outage_queue.get(), 0U);
}

TEST(Recovery, AnEpochThatBeginsIsSaidBeforeItsFirstEventAlsoToWhomThatEventWasNot) {
  Node node;
  const ConnectionId id = node.connect("u", "t");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)alert(node, 0);
  (void)node.messages(id);
  node.memory().forget();
  const std::string epoch = node.publish("alerts", {"tenant:t/camera:9"}, "alert", "1").position.epoch;
  node.turn();
  auto got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"type\":\"position\"") && has(got[0], epoch));
  EXPECT_EQ(alert(node, 1), epoch);
  got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"offset\":2"));
}

TEST(Recovery, HistoryBringsAttachmentsInABinaryReply) {
  Node node;
  const ConnectionId id = node.connect("u", "t");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)alert(node, 0);
  node.say(id, R"({"type":"history","id":2,"namespace":"alerts"})");
  const std::string text = node.messages(id).back();
  EXPECT_TRUE(text.starts_with(R"({"type":"reply","id":2)")) << text;
  node.shard->publish(
      {"alerts", {"tenant:t"}, "image", R"({"_placeholder":true,"num":0})", {}, {std::string("\x00\xff", 2), "x"}, {}, {}},
      nullptr, [](PublishAnswer) {});
  node.turn();
  (void)node.messages(id);
  node.say(id, R"({"type":"history","id":3,"namespace":"alerts"})");
  const std::string binary = node.messages(id).back();
  EXPECT_TRUE(has(binary, R"({"type":"reply","id":3)"));
  EXPECT_TRUE(has(binary, R"(,"attachments":[2,1]})"));
  EXPECT_TRUE(binary.ends_with(std::string("}\x00\xffx", 4)));
}

TEST(Pings, ASilentClientIsClosedATimeoutAfterThePingAlsoWhereMorePingsFollowMeanwhile) {
  Settings settings = test_settings();
  settings.ping_interval_ms = 100;
  settings.ping_timeout_ms = 250;
  Node node(settings);
  const ConnectionId silent = node.connect("u", "t"), alive = node.connect("v", "t");
  const auto pass = [&](int hundreds) {
    for (int i = 0; i < hundreds; ++i) {
      node.advance(100);
      if (node.closed.empty()) {
        EXPECT_TRUE(has(node.messages(silent).back(), "ping"));
      }
      node.say(alive, R"({"type":"pong"})");
    }
  };
  pass(3);  // the first ping is unanswered for 200 ms
  EXPECT_TRUE(node.closed.empty());
  pass(1);
  EXPECT_EQ(node.closed, std::vector<ConnectionId>{silent});
  pass(20);
  EXPECT_EQ(node.closed.size(), 1U);
  EXPECT_EQ(node.shard->counters().timeouts.get(), 1U);
}

TEST(Recovery, AQuietClientIsToldItsPositionWithAPing) {
  Node node;
  const ConnectionId id = node.connect("u", "t");
  node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)node.messages(id);
  (void)node.publish("alerts", {"tenant:t/camera:9"}, "alert", "1");
  node.turn();
  EXPECT_TRUE(node.messages(id).empty());
  node.advance(30'000);
  const auto got = node.messages(id);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_TRUE(has(got[0], "\"type\":\"ping\""));
  EXPECT_TRUE(has(got[1], "\"type\":\"position\"") && has(got[1], "\"offset\":1"));
}

}  // namespace
}  // namespace sparc::shard
