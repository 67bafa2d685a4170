// What was lost on the way to a shard, and what the broker's absence delays: every client ends where the stream stands.

#include "shard/node.h"

namespace sparc::shard {
namespace {

/// video has values that are `latest` by metric.
Settings with_values() {
  Settings settings = test_settings();
  settings.namespaces[1].events = {{"metrics:update", {}, false, true, {"metric"}, 0}};
  return settings;
}

ConnectionId joined(Node& node, const std::string& user, const std::string& ns, const std::string& rooms = "[]") {
  const ConnectionId id = node.connect(user, "t");
  node.say(id, R"({"type":"join","id":1,"namespace":")" + ns + R"(","rooms":)" + rooms + "}");
  return id;
}

void set_value(Node& node, int n, const std::string& room = "tenant:t") {
  (void)node.publish("video", {room}, "metrics:update", R"({"metric":"cpu","n":)" + std::to_string(n) + "}");
  node.turn();
}

TEST(Loss, TheNewestValuesComeAgainToEveryMember) {
  Node node(with_values());
  const ConnectionId id = joined(node, "u", "video");
  set_value(node, 1);
  set_value(node, 2);
  (void)node.messages(id);
  node.shard->on_missed({.stream = {1, "t"}, .latest = true});
  node.turn();
  const auto got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"n\":2"));
}

TEST(Loss, OfWhatIsGoneAGapSaysHowManyAlsoInANamespaceWithHistory) {
  Node node;
  const ConnectionId id = joined(node, "u", "alerts");
  (void)node.messages(id);
  node.shard->on_missed({.stream = {0, "t"}, .gone = 3});
  node.turn();
  const auto got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"type\":\"gap\"") && has(got[0], "\"count\":3") && has(got[0], "dropped"));
}

TEST(Loss, WhoJoinsBehindALossWhileTheBrokerIsAwayGetsItWhenItIsBack) {
  Node node;
  const StreamKey stream{0, "t"};
  (void)joined(node, "u", "alerts");
  node.memory().door(0).leave(stream);
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");  // the shard is not told
  node.memory().door(0).enter(0, stream);
  node.memory().set_available(false);
  node.shard->on_missed({.stream = stream, .numbered = true});
  const ConnectionId id = joined(node, "v", "alerts");
  EXPECT_TRUE(has(node.messages(id).back(), "\"offset\":0"));
  node.memory().set_available(true);
  node.turn();
  (void)node.publish("alerts", {"tenant:t"}, "alert", "2");
  node.turn();
  const auto got = node.messages(id);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_TRUE(has(got[0], "\"offset\":1") && has(got[0], "\"data\":1"));
  EXPECT_TRUE(has(got[1], "\"type\":\"position\"") && has(got[1], "\"offset\":1"));
  EXPECT_TRUE(has(got[2], "\"offset\":2") && has(got[2], "\"data\":2"));
}

TEST(Outage, WhoJoinsMeanwhileGetsTheNewestValuesWhenTheBrokerIsBack) {
  Node node(with_values());
  (void)joined(node, "u", "video");
  set_value(node, 1);
  node.memory().set_available(false);
  const ConnectionId id = joined(node, "v", "video");
  (void)node.messages(id);
  node.memory().set_available(true);
  node.turn();
  const auto got = node.messages(id);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_TRUE(has(got[0], "\"n\":1"));
}

TEST(Outage, ValuesOfOthersThatTheBrokerNumbersBeforeOneDeliveredHereDoNotReplaceIt) {
  Node node(with_values());
  const ConnectionId id = joined(node, "u", "video");
  (void)node.messages(id);
  node.memory().set_available(false);
  set_value(node, 2);
  EXPECT_EQ(node.messages(id).size(), 1U);
  auto other = std::make_shared<Publication>();
  other->ns = 1;
  other->tenant = "t";
  other->rooms = {"tenant:t"};
  other->event = "metrics:update";
  other->data = R"({"metric":"cpu","n":1})";
  other->latest_key = "\"cpu\"";
  other->policy.history = false;
  other->policy.latest = true;
  other->id = "of another node";
  node.shard->on_publication(other);
  node.memory().set_available(true);
  node.turn();
  EXPECT_TRUE(node.messages(id).empty());
  node.shard->on_publication(other);  // from now on it is the newer one
  node.turn();
  EXPECT_EQ(node.messages(id).size(), 1U);
}

TEST(Latest, NewestValuesOfPublicRoomsFollowAJoinToo) {
  Node node(with_values());
  (void)joined(node, "u", "video", R"(["system"])");
  set_value(node, 1, "system");
  const ConnectionId id = joined(node, "v", "video", R"(["system"])");
  const auto got = node.messages(id);
  ASSERT_GE(got.size(), 2U);
  EXPECT_TRUE(has(got.back(), "\"room\":\"system\"") && has(got.back(), "\"n\":1"));
}

TEST(PublicRoom, IsNotLeftWhileAJoinWaitsForItsOwnStream) {
  Node node;
  node.gate.holds_enters = true;
  const ConnectionId id = joined(node, "u", "video", R"(["system"])");
  node.turn();
  ASSERT_EQ(node.gate.held.size(), 1U);
  EXPECT_TRUE(node.gate.left.empty());
  node.gate.holds_enters = false;
  node.gate.enter(node.gate.held[0].first, node.gate.held[0].second);
  node.turn();
  (void)node.publish("video", {"system"}, "news", "1");
  node.turn();
  EXPECT_TRUE(has(node.messages(id).back(), "\"news\""));
}

TEST(History, APageIsOfOneEpochAlsoWhenAnotherBeginsBetweenItsParts) {
  Node node;
  const ConnectionId id = joined(node, "u", "alerts");
  const std::string first = node.publish("alerts", {"tenant:t"}, "alert", "1").position.epoch;
  const std::string large = "\"" + std::string(200'000, 'x') + "\"";  // unseen, and more than a part holds
  for (int i = 0; i < 3; ++i) (void)node.publish("alerts", {"tenant:t/camera:9"}, "alert", large);
  node.turn();
  (void)node.messages(id);
  int reads = 0;
  node.gate.before_read = [&] {
    if (++reads != 2) return;
    node.memory().forget();
    (void)node.publish("alerts", {"tenant:t"}, "alert", "2");
  };
  node.say(id, R"({"type":"history","id":2,"namespace":"alerts"})");
  EXPECT_EQ(reads, 2);
  const std::vector<std::string> got = node.messages(id);
  ASSERT_FALSE(got.empty());
  EXPECT_TRUE(has(got[0], "\"data\":1") && !has(got[0], "\"data\":2"));
  EXPECT_TRUE(has(got[0], first)) << got[0];
  EXPECT_TRUE(has(got[0], "\"complete\":false"));
}

}  // namespace
}  // namespace sparc::shard
