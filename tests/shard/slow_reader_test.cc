#include "shard/node.h"

namespace sparc::shard {
namespace {

std::size_t offset_of(const std::string& message) {
  const std::size_t at = message.find("\"offset\":");
  return at == std::string::npos ? 0 : std::stoul(message.substr(at + 9));
}

TEST(SlowReader, BehindASaturatedVideoLaneItsAlertsStillComeFirstAndComplete) {
  Settings settings = test_settings();
  settings.namespaces[0].lane_bytes_max = 4'096;  // alerts overflow too, and come from history
  settings.namespaces[1].lane_bytes_max = 16'384;
  settings.limits.fanout_slice_sends = 2;
  Node node(settings);
  const ConnectionId slow = node.connect("slow", "t");
  const ConnectionId quick = node.connect("quick", "t");
  for (const ConnectionId id : {slow, quick}) {
    node.say(id, R"({"type":"join","id":1,"namespace":"alerts"})");
    node.say(id, R"({"type":"join","id":2,"namespace":"video"})");
    (void)node.messages(id);
  }
  node.drain(slow, 100);  // its socket is nearly full, and nobody reads
  const std::string fill(900, 'x');
  for (int i = 0; i < 200; ++i) {
    (void)node.publish("video", {"tenant:t"}, "frame", "\"" + fill + "\"");
    if (i % 4 == 0) (void)node.publish("alerts", {"tenant:t"}, "alert", "{\"n\":" + std::to_string(i / 4) + "}");
    node.turn();
  }
  EXPECT_EQ(node.messages(quick).size(), 250U) << "a slow reader costs others nothing";
  EXPECT_LT(node.sent[slow.slot].size(), 200U);

  std::vector<std::string> got;
  std::size_t video_lost = 0, video_got = 0, alerts_behind_video = 0;
  for (int i = 0; i < 2'000 && got.size() < 10'000; ++i) {
    node.drain(slow, 701);
    for (std::string& message : node.messages(slow)) got.push_back(std::move(message));
  }
  std::vector<std::size_t> offsets;
  for (const std::string& message : got) {
    if (has(message, "\"namespace\":\"alerts\"") && has(message, "\"type\":\"event\"")) {
      offsets.push_back(offset_of(message));
      // What had left before the alerts came may stand first: one event that the socket had begun.
      if (video_got > 1) ++alerts_behind_video;
    }
    if (has(message, "\"namespace\":\"video\"")) {
      if (has(message, "\"type\":\"gap\"")) {
        video_lost += std::stoul(message.substr(message.find("\"count\":") + 8));
        EXPECT_TRUE(has(message, "dropped"));
      } else {
        ++video_got;
      }
    }
  }
  ASSERT_EQ(offsets.size(), 50U) << "alerts are complete";
  for (std::size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], i + 1) << "and in order, once";
  EXPECT_EQ(alerts_behind_video, 0U);
  EXPECT_EQ(video_got + video_lost, 200U) << "what of video was dropped is said";
  EXPECT_GT(video_lost, 100U);
  EXPECT_GT(node.shard->counters().namespaces[0].catch_ups.get(), 0U);
}

TEST(SlowReader, OfANamespaceThatDisconnectsItIsClosedWithSlowConsumerAndTheOthersGoOn) {
  Settings settings = test_settings();
  settings.namespaces[1].lane = session::LanePolicy::disconnect;
  settings.namespaces[1].lane_bytes_max = 2'000;
  Node node(settings);
  const ConnectionId slow = node.connect("slow", "t");
  const ConnectionId quick = node.connect("quick", "t");
  for (const ConnectionId id : {slow, quick}) {
    node.say(id, R"({"type":"join","id":2,"namespace":"video"})");
    (void)node.messages(id);
  }
  node.drain(slow, 0);
  for (int i = 0; i < 20; ++i) {
    (void)node.publish("video", {"tenant:t"}, "frame", "\"" + std::string(400, 'x') + "\"");
    node.turn();
  }
  EXPECT_EQ(node.messages(quick).size(), 20U);
  EXPECT_EQ(node.shard->counters().slow_consumers.get(), 1U);
  node.drain(slow, SIZE_MAX);
  const auto got = node.messages(slow);
  ASSERT_FALSE(got.empty());
  EXPECT_TRUE(got.back().starts_with("close 4008")) << got.back();
}

TEST(SlowReader, WhoseAnswersFillTheControlLaneIsClosedInTheMiddleOfARequestWithoutHarm) {
  Settings settings = test_settings();
  settings.limits.control_lane_bytes_max = 2'000;
  Node node(settings);
  const ConnectionId slow = node.connect("slow", "t");
  node.say(slow, R"({"type":"join","id":1,"namespace":"alerts"})");
  (void)node.messages(slow);
  node.drain(slow, 0);
  for (int i = 2; i < 60; ++i) {
    node.say(slow, "{\"type\":\"subscribe\",\"id\":" + std::to_string(i) +
                       ",\"namespace\":\"alerts\",\"rooms\":[\"camera:" + std::to_string(i) + "\"]}");
  }
  EXPECT_EQ(node.shard->counters().slow_consumers.get(), 1U);
  node.drain(slow, SIZE_MAX);
  EXPECT_TRUE(node.messages(slow).back().starts_with("close 4008"));
}

}  // namespace
}  // namespace sparc::shard
