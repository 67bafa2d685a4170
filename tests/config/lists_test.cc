#include "config/config_support.h"

namespace sparc::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Shipped, NamespacesAreVideoAlertsAndMonitoringWithAlertsFirst) {
  const Config config = load_good(Sources{}).config;
  ASSERT_EQ(config.namespaces.size(), 3u);
  const auto& video = namespace_of(config, "video");
  const auto& alerts = namespace_of(config, "alerts");
  const auto& monitoring = namespace_of(config, "monitoring");
  EXPECT_GT(alerts.priority, monitoring.priority);
  EXPECT_GT(monitoring.priority, video.priority);
  EXPECT_TRUE(alerts.history && monitoring.history && !video.history);
  EXPECT_EQ(alerts.lane_policy, LanePolicy::catch_up);
  EXPECT_EQ(video.lane_policy, LanePolicy::drop_oldest);
  EXPECT_EQ(alerts.outage, Outage::deliver);
  EXPECT_EQ(monitoring.outage, Outage::deliver);
  EXPECT_FALSE(alerts.rate_limit.limited());
  ASSERT_EQ(monitoring.topics.size(), 5u);
  EXPECT_EQ(monitoring.topics[0].name, "security:events");
  EXPECT_THAT(monitoring.topics[0].patterns, ElementsAre("security:*"));
  ASSERT_EQ(monitoring.fields.size(), 3u);
  EXPECT_THAT(monitoring.fields[1].paths, ElementsAre("priority", "severity", "/event/severity"));
  EXPECT_EQ(monitoring.fields[2].name, "metric");
  EXPECT_THAT(monitoring.events.at(0).latest, ElementsAre("metric"));
  EXPECT_EQ(video.events.at(0).pattern, "video:analytics");
  EXPECT_THAT(video.events.at(1).send_roles, ElementsAre("admin", "operator"));
}

TEST(Shipped, RoomsOfCamerasAndStreamsAskForOwnership) {
  const Config config = load_good(Sources{}).config;
  ASSERT_EQ(config.rooms.size(), 8u);
  for (const auto& rule : config.rooms) EXPECT_EQ(rule.ownership, rule.pattern == "camera:*" || rule.pattern == "stream:*");
  EXPECT_THAT(config.public_rooms, ElementsAre("system", "announcements"));
}

TEST(Lists, AnEntryNamedLikeAShippedOneIsMergedOverItAndOthersAreAppended) {
  const Config config = load_good(sources(R"(
[[namespaces]]
name = "alerts"
rateLimitOptions = { points = 50, duration = 60 }
lane = { policy = "disconnect", bytes = 1000 }
topics = [{ name = "incidents", patterns = [] }, { name = "doors", patterns = ["door:*"] }]
[[namespaces]]
name = "doors"
history = true
roomStrategy = "custom"
roles = ["admin"]
batch.maxDelayMs = 20
)"))
                            .config;
  ASSERT_EQ(config.namespaces.size(), 4u);
  const auto& alerts = namespace_of(config, "alerts");
  EXPECT_TRUE(alerts.history);
  EXPECT_EQ(alerts.priority, 30);
  EXPECT_EQ(alerts.rate_limit, (Rate{50, 60'000}));
  EXPECT_EQ(alerts.lane_policy, LanePolicy::disconnect);
  EXPECT_EQ(alerts.lane_bytes, 1'000u);
  ASSERT_EQ(alerts.topics.size(), 5u);
  EXPECT_EQ(alerts.topics.back().name, "doors");
  const auto& doors = config.namespaces.back();
  EXPECT_EQ(doors.name, "doors");
  EXPECT_EQ(doors.lane_policy, LanePolicy::catch_up);
  EXPECT_EQ(doors.room_strategy, RoomStrategy::custom);
  EXPECT_EQ(doors.batch_max_delay_ms, 20u);
  EXPECT_EQ(doors.topics.size(), 5u);
}

TEST(Lists, EachSourceIsMergedOverTheOneBefore) {
  const Config config = load_good(sources("[[namespaces]]\nname = 'doors'\npriority = 3\nhistory = true\n",
                                          {{"WEBSOCKET_NAMESPACES", R"([{"name":"doors","priority":4}])"}},
                                          {{"namespaces", R"({"name":"doors","outage":"deliver"})"}}))
                            .config;
  const auto& doors = namespace_of(config, "doors");
  EXPECT_TRUE(doors.history);
  EXPECT_EQ(doors.priority, 4);
  EXPECT_EQ(doors.outage, Outage::deliver);
}

TEST(Lists, RulesThatAreLookedAtInOrderStandBeforeTheShippedOnes) {
  const Config config = load_good(sources(R"(
rooms = [{ namespace = "alerts", pattern = "camera:*", presence = true }, { pattern = "*", roles = ["admin"] }, { pattern = "zone:*", enabled = false }]
[[namespaces]]
name = "video"
events = [{ pattern = "video:*", volatile = true }, { pattern = "recording:start", sendRoles = [] }]
)"))
                            .config;
  ASSERT_EQ(config.rooms.size(), 9u);
  EXPECT_EQ(config.rooms[0].ns, "alerts");
  EXPECT_EQ(config.rooms[1].pattern, "*");
  EXPECT_EQ(config.rooms[2].pattern, "camera:*");
  const auto& events = namespace_of(config, "video").events;
  ASSERT_EQ(events.size(), 10u);
  EXPECT_EQ(events[0].pattern, "video:*");
  EXPECT_TRUE(events[0].is_volatile);
  EXPECT_TRUE(events[2].send_roles.empty());
}

TEST(Lists, AShippedNamespaceCanBeLeftOut) {
  const Config config = load_good(sources("namespaces = [{ name = 'video', enabled = false }]")).config;
  ASSERT_EQ(config.namespaces.size(), 2u);
  EXPECT_EQ(config.namespaces[0].name, "alerts");
}

TEST(Lists, MistakesInEntriesNameTheEntryAndTheKey) {
  EXPECT_THAT(mistakes_of("[[namespaces]]\nname = 'x'\nhistry = true"),
              HasSubstr("test.toml:3:1: namespaces[0].histry: unknown key; did you mean \"history\"?"));
  EXPECT_THAT(mistakes_of("[[namespaces]]\nhistory = true"), HasSubstr("namespaces[0]: \"name\" is missing"));
  EXPECT_THAT(mistakes_of("[[namespaces]]\nname = 'Upper'"), HasSubstr("must be at most 64 of a-z"));
  EXPECT_THAT(mistakes_of("namespaces = [{ name = 'a' }, { name = 'a' }]"),
              HasSubstr("namespaces[1]: the second entry for \"a\""));
  EXPECT_THAT(mistakes_of("namespaces = [{ name = 'a', lane.polcy = 'x' }]"),
              HasSubstr("lane.polcy: unknown key; did you mean \"policy\"?"));
  EXPECT_THAT(mistakes_of("namespaces = [{ name = 'a', topics = [{ name = 't' }] }]"),
              HasSubstr("namespaces[0].topics[0]: \"patterns\" is missing"));
  EXPECT_THAT(mistakes_of("api_keys = [{ name = 'n', key = 'with space', scopes = [] }]"),
              HasSubstr("must be at most 512 ASCII"));
  EXPECT_THAT(mistakes_of("api_keys = [{ name = 'n', key = '0123456789abcdef', scopes = ['everything'] }]"),
              HasSubstr("must be of publish, read"));
}

TEST(Lists, ContradictionsBetweenKeysAreFound) {
  EXPECT_THAT(mistakes_of("namespaces = [{ name = 'video', lane.policy = 'catch-up' }]"), HasSubstr("needs history = true"));
  EXPECT_THAT(mistakes_of("rooms = [{ pattern = 'x', namespace = 'nowhere' }]"), HasSubstr("there is no namespace \"nowhere\""));
  EXPECT_THAT(mistakes_of("anonymous = [{ path = '/s', tenant = 't', namespaces = ['nowhere'] }]"),
              HasSubstr("no namespace \"nowhere\""));
  EXPECT_THAT(mistakes_of("anonymous = [{ path = '/s', tenant = 't', namespaces = [] }]"), HasSubstr("at least one"));
  EXPECT_THAT(mistakes_of("public_rooms = ['tenant:x']"), HasSubstr("kept for identities"));
  EXPECT_THAT(mistakes_of("tls.key_file = 'k.pem'"), HasSubstr("tls.certificate_file: is missing"));
  EXPECT_THAT(mistakes_of("admin.port = 3100"), HasSubstr("must differ from port"));
  EXPECT_THAT(mistakes_of("cors_origins = '*'\njwt.cookie = 'session'"), HasSubstr("list the origins"));
  EXPECT_THAT(mistakes_of("namespaces = [{ name = 'video', enabled = false }, { name = 'alerts', enabled = false }, "
                          "{ name = 'monitoring', enabled = false }]"),
              HasSubstr("at least one must be enabled"));
}

TEST(Lists, RatesCanBeWrittenInEachForm) {
  const std::vector<std::pair<std::string, Rate>> forms{{"'100/60s'", {100, 60'000}},
                                                        {"'100/500'", {100, 500}},
                                                        {"'100/500ms'", {100, 500}},
                                                        {"'3/2m'", {3, 120'000}},
                                                        {"'1/1h'", {1, 3'600'000}},
                                                        {"{ points = 5, duration = 2 }", {5, 2'000}},
                                                        {"{ points = 5, durationMs = 2 }", {5, 2}},
                                                        {"'off'", {0, 0}},
                                                        {"'0/5'", {0, 0}}};
  for (const auto& [text, rate] : forms) {
    EXPECT_EQ(load_good(sources("limits.connection_messages = " + text)).config.limits.connection_messages, rate) << text;
  }
}

}  // namespace
}  // namespace sparc::config
