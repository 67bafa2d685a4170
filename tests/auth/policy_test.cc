#include "auth/policy.h"

#include <gmock/gmock.h>

namespace sparc::auth {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const Policy> made(PolicyConfig config) {
  auto policy = Policy::make(std::move(config));
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().message);
  return policy ? *policy : nullptr;
}

TEST(Policy, TheShippedRoomRulesAskForTheOwnerOfCamerasAndStreamsOnly) {
  const auto policy = made({});
  for (const char* room : {"camera:7", "stream:7"}) {
    ASSERT_NE(policy->room_rule("anything", room), nullptr) << room;
    EXPECT_TRUE(policy->room_rule("anything", room)->ownership) << room;
  }
  for (const char* room : {"building:1", "floor:1", "zone:a", "door:1", "sensor:1", "device:1"}) {
    ASSERT_NE(policy->room_rule("alerts", room), nullptr) << room;
    EXPECT_FALSE(policy->room_rule("alerts", room)->ownership) << room;
    EXPECT_TRUE(policy->room_rule("alerts", room)->roles.empty()) << room;
    EXPECT_TRUE(policy->room_rule("alerts", room)->history) << room;
    EXPECT_FALSE(policy->room_rule("alerts", room)->presence) << room;
  }
  EXPECT_EQ(policy->room_rule("alerts", "lobby"), nullptr);
  EXPECT_EQ(policy->room_rule("alerts", "cameras:7"), nullptr);
}

TEST(Policy, AConfiguredRuleStandsBeforeTheShippedOnes) {
  PolicyConfig config;
  config.rooms = {{"video", "camera:lobby", {}, false, true, false}, {"video", "camera:*", {"guard"}, true}};
  config.events = {{"video", "recording:start", {}, false, ""}};
  const auto policy = made(config);
  EXPECT_FALSE(policy->room_rule("video", "camera:lobby")->ownership);
  EXPECT_TRUE(policy->room_rule("video", "camera:lobby")->presence);
  EXPECT_FALSE(policy->room_rule("video", "camera:lobby")->history);
  EXPECT_EQ(policy->room_rule("video", "camera:7")->roles, std::vector<std::string>{"guard"});
  EXPECT_TRUE(policy->room_rule("alerts", "camera:7")->roles.empty());
  EXPECT_TRUE(policy->event_rule("video", "recording:start")->roles.empty());
  EXPECT_FALSE(policy->event_rule("video", "recording:stop")->roles.empty());
}

TEST(Policy, TheShippedRulesCanBeLeftOut) {
  PolicyConfig config;
  config.shipped_rules = false;
  const auto policy = made(config);
  EXPECT_EQ(policy->room_rule("video", "camera:7"), nullptr);
  EXPECT_EQ(policy->event_rule("video", "recording:start"), nullptr);
}

TEST(Policy, PublicRoomsAreExactNames) {
  const auto policy = made({});
  EXPECT_TRUE(policy->is_public("system"));
  EXPECT_TRUE(policy->is_public("announcements"));
  EXPECT_FALSE(policy->is_public("system:x"));
  EXPECT_FALSE(policy->is_public(""));
}

TEST(Policy, ARuleForIdentityRoomsSaysPresenceAndHistory) {
  PolicyConfig config;
  config.rooms = {{"*", "tenant:*", {}, false, true, false}};
  const auto policy = made(config);
  ASSERT_NE(policy->room_rule("alerts", "tenant:t1"), nullptr);
  EXPECT_TRUE(policy->room_rule("alerts", "tenant:t1")->presence);
}

TEST(Policy, RulesThatCannotBeMeantAreErrorsThatNameThem) {
  auto error = [](PolicyConfig config) {
    const auto policy = Policy::make(std::move(config));
    EXPECT_FALSE(policy);
    return policy ? std::string() : policy.error().message;
  };
  EXPECT_THAT(error({.rooms = {{"video", "camera-7", {}, true}}}), HasSubstr("camera-7"));
  EXPECT_THAT(error({.rooms = {{"video", "camera:*:*", {}, true}}}), HasSubstr("exactly one *"));
  EXPECT_FALSE(error({.rooms = {{"video", ""}}}).empty());
  EXPECT_FALSE(error({.rooms = {{"", "x"}}}).empty());
  EXPECT_FALSE(error({.events = {{"video", ""}}}).empty());
  EXPECT_FALSE(error({.namespaces = {{""}}}).empty());
  EXPECT_THAT(error({.public_rooms = {"tenant:all"}}), HasSubstr("tenant:all"));
  EXPECT_FALSE(error({.public_rooms = {""}}).empty());
}

TEST(Policy, OwnershipModesHaveTheNamesOfTheEnvironmentVariable) {
  EXPECT_EQ(ownership_mode_named("off"), OwnershipMode::off);
  EXPECT_EQ(ownership_mode_named("if-known"), OwnershipMode::if_known);
  EXPECT_EQ(ownership_mode_named("required"), OwnershipMode::required);
  EXPECT_FALSE(ownership_mode_named("true"));
}

}  // namespace
}  // namespace sparc::auth
