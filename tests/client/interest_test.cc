#include "client/interest.h"

#include <gmock/gmock.h>

#include "client/known_ids.h"

namespace sparc::client {
namespace {

using testing::ElementsAre;
using Kind = protocol::Choice<std::string>::Kind;
using FilterKind = protocol::Choice<protocol::Filter>::Kind;

protocol::Filter filter_of(const std::string& field, const std::string& value, std::uint32_t every_ms = 0) {
  return {{{field, {"s" + value}}}, every_ms};
}

Interest topics_of(std::vector<std::string> topics) {
  Interest out;
  out.all_topics = false;
  out.topics = std::move(topics);
  return out;
}

Interest filters_of(std::vector<protocol::Filter> filters) {
  Interest out;
  out.all_values = false;
  out.filters = std::move(filters);
  return out;
}

protocol::Subscribe merged(const std::vector<Interest>& interests) {
  std::vector<const Interest*> views;
  for (const auto& interest : interests) views.push_back(&interest);
  return merge("alerts", views);
}

TEST(Interest, merges_to_what_all_of_them_want) {
  Interest one = topics_of({"incidents"});
  one.rooms = {"camera:7"};
  Interest other = topics_of({"alerts", "incidents"});
  other.rooms = {"camera:7", "camera:8"};
  const auto frame = merged({one, other});
  EXPECT_THAT(frame.rooms, ElementsAre("camera:7", "camera:8"));
  EXPECT_THAT(frame.topics.items, ElementsAre("alerts", "incidents"));
  EXPECT_EQ(frame.filters.kind, FilterKind::everything);
}

TEST(Interest, asks_for_everything_where_one_of_them_wants_it_or_the_union_is_too_large) {
  EXPECT_EQ(merged({topics_of({"incidents"}), Interest{}}).topics.kind, Kind::everything);
  std::vector<std::string> many;
  for (int i = 0; i < 65; ++i) many.push_back("e" + std::to_string(i));
  EXPECT_EQ(merged({topics_of(many)}).topics.kind, Kind::everything);
  std::vector<protocol::Filter> filters;
  for (int i = 0; i < 17; ++i) filters.push_back(filter_of("type", std::to_string(i)));
  EXPECT_EQ(merged({filters_of(filters)}).filters.kind, FilterKind::everything);
}

TEST(Interest, takes_the_shortest_of_different_intervals) {
  const auto both = merged({filters_of({filter_of("metric", "cpu", 5'000)}), filters_of({filter_of("metric", "disk", 1'000)})});
  ASSERT_EQ(both.filters.items.size(), 2U);
  EXPECT_EQ(both.filters.items[0].every_ms, 1'000U);
  EXPECT_EQ(both.filters.items[1].every_ms, 1'000U);
  const auto at_once = merged({filters_of({filter_of("metric", "cpu", 5'000)}), filters_of({filter_of("type", "x")})});
  for (const auto& filter : at_once.filters.items) EXPECT_EQ(filter.every_ms, 0U);
}

TEST(Interest, changes_only_what_a_choice_names) {
  Interest before = topics_of({"incidents"});
  protocol::Subscribe choice;
  choice.rooms = {"camera:7"};
  const Interest after = changed(before, choice);
  EXPECT_THAT(after.topics, ElementsAre("incidents"));
  EXPECT_TRUE(after.rooms.contains("camera:7"));
  choice.topics.kind = Kind::everything;
  EXPECT_TRUE(changed(after, choice).all_topics);
}

TEST(Interest, narrows_by_room_topic_and_field) {
  protocol::FilterVocabulary vocabulary;
  vocabulary.topics = {{"incidents", {"incident:*"}}};
  vocabulary.fields = {{"priority", {"priority", "severity"}}};
  const Narrowing narrowing(vocabulary);
  Message message;
  message.event = "incident:created";
  message.room = "camera:8";
  message.data = R"({"severity":"low"})";
  const auto values = protocol::FieldValues::read(message.data, vocabulary);
  const auto wants = [&](const Interest& interest, bool others_room) {
    return narrowing.wants(interest, narrowing.wish_of(interest), message, values, others_room);
  };
  EXPECT_TRUE(wants(Interest{}, false));
  EXPECT_FALSE(wants(Interest{}, true)) << "another client's room";
  EXPECT_TRUE(wants(topics_of({"incidents"}), false));
  EXPECT_FALSE(wants(topics_of({"alert:created"}), false));
  EXPECT_TRUE(wants(filters_of({filter_of("priority", "low")}), false));
  EXPECT_FALSE(wants(filters_of({filter_of("priority", "high")}), false));
  message.room = "user:u1";
  EXPECT_TRUE(wants(Interest{}, true)) << "an identity's room is everybody's on its connection";
}

TEST(Interest, names_rooms_of_the_own_tenant_shortly) {
  EXPECT_EQ(short_room("tenant:t1/camera:7", "t1"), "camera:7");
  EXPECT_EQ(short_room("tenant:t1", "t1"), "tenant:t1");
  EXPECT_EQ(short_room("tenant:t2/camera:7", "t1"), "tenant:t2/camera:7");
  EXPECT_TRUE(identity_room("tenant:t1"));
  EXPECT_FALSE(identity_room("tenant:t1/camera:7"));
}

TEST(KnownIds, forget_the_oldest_beyond_their_capacity) {
  KnownIds ids(2);
  EXPECT_TRUE(ids.insert("a"));
  EXPECT_TRUE(ids.insert("b"));
  EXPECT_FALSE(ids.insert("a"));
  EXPECT_TRUE(ids.insert("c"));
  EXPECT_FALSE(ids.contains("a"));
  EXPECT_TRUE(ids.contains("b"));
  EXPECT_EQ(ids.size(), 2U);
}

}  // namespace
}  // namespace sparc::client
