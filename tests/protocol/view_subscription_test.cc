#include "protocol/view_subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparc::protocol {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

const FilterVocabulary vocabulary{
    {{"alerts", {"alert:*"}}, {"metrics", {"metrics:*"}}},
    {{"type", {"type", "alertType"}}, {"priority", {"priority", "severity"}}, {"metric", {"metric"}}}};

ViewSubscription subscription(std::string_view request, SubscriptionChange change = SubscriptionChange::add,
                              const Wish& current = {}) {
  auto out = subscription_of(request, "alerts", vocabulary, current, change);
  EXPECT_TRUE(out) << request << ": " << out.error().message;
  return out ? std::move(*out) : ViewSubscription{};
}

Choice<Filter> one_filter(std::vector<std::pair<std::string, std::vector<Scalar>>> fields) {
  Choice<Filter> out;
  out.kind = Choice<Filter>::Kind::list;
  out.items.push_back({std::move(fields), 0});
  return out;
}

TEST(ViewSubscription, ChannelsAreTopicsOrRooms) {
  const auto added = subscription(R"({"channels":["alerts","camera:7"]})");
  EXPECT_EQ(added.subscribe.ns, "alerts");
  EXPECT_THAT(added.subscribe.topics.items, ElementsAre("alerts"));
  EXPECT_THAT(added.subscribe.rooms, ElementsAre("camera:7"));
  EXPECT_FALSE(added.subscribe.filters.present());
  const auto removed = subscription(R"({"channels":["camera:7"]})", SubscriptionChange::remove);
  EXPECT_THAT(removed.unsubscribe.rooms, ElementsAre("camera:7"));
  EXPECT_FALSE(removed.subscribe.topics.present());
}

TEST(ViewSubscription, TopicsAreAddedToThoseChosenBefore) {
  Wish current;
  current.all_topics = false;
  current.topics = {"alerts"};
  EXPECT_THAT(subscription(R"({"channels":["metrics","alerts"]})", SubscriptionChange::add, current).subscribe.topics.items,
              ElementsAre("metrics", "alerts"));
  EXPECT_THAT(subscription(R"({"channels":["alerts"]})", SubscriptionChange::remove, current).subscribe.topics.items, IsEmpty());
}

TEST(ViewSubscription, KindsOfAlertsAreOneFilterAndEmptyListsDoNotConstrain) {
  const auto both = subscription(R"({"alertTypes":["security"],"priorities":["high","critical"]})").subscribe.filters;
  ASSERT_EQ(both.items.size(), 1u);
  EXPECT_THAT(both.items[0].fields,
              ElementsAre(Pair("priority", ElementsAre("shigh", "scritical")), Pair("type", ElementsAre("ssecurity"))));
  EXPECT_EQ(subscription(R"({"alertTypes":[],"priorities":null})").subscribe.filters.kind, Choice<Filter>::Kind::everything);
}

TEST(ViewSubscription, MetricsAreATopicAndAFilterWithAnInterval) {
  const auto wanted = subscription(R"({"metrics":["cpu"],"interval":5})").subscribe;
  EXPECT_THAT(wanted.topics.items, ElementsAre("metrics"));
  ASSERT_EQ(wanted.filters.items.size(), 1u);
  EXPECT_EQ(wanted.filters.items[0].every_ms, every_ms_min);
  EXPECT_THAT(wanted.filters.items[0].fields, ElementsAre(Pair("metric", ElementsAre("scpu"))));
}

TEST(ViewSubscription, WhatNamesNothingOrHasTheWrongShapeIsRefused) {
  for (const char* wrong : {"{}", R"({"channels":"alerts"})", R"({"channels":[1]})", R"({"priorities":{}})", R"({"other":[]})"}) {
    const auto out = subscription_of(wrong, "alerts", vocabulary, {}, SubscriptionChange::add);
    ASSERT_FALSE(out) << wrong;
    EXPECT_THAT(out.error().message, StartsWith("Invalid subscription data")) << wrong;
  }
}

TEST(NameFields, AFieldMayBeCalledAsOneOfItsPaths) {
  auto filters = one_filter({{"alertType", {"sa"}}, {"severity", {"shigh"}}});
  name_fields(filters, vocabulary);
  EXPECT_THAT(filters.items.at(0).fields, ElementsAre(Pair("priority", ElementsAre("shigh")), Pair("type", ElementsAre("sa"))));
}

TEST(NameFields, AFieldInBothWordsMustBeInBothLists) {
  auto filters = one_filter({{"priority", {"shigh", "slow"}}, {"severity", {"scritical", "shigh"}}});
  name_fields(filters, vocabulary);
  EXPECT_THAT(filters.items.at(0).fields, ElementsAre(Pair("priority", ElementsAre("shigh"))));
}

TEST(NameFields, WhatANamespaceDoesNotKnowDoesNotNarrowIt) {
  auto filters = one_filter({{"source", {"sx"}}});
  name_fields(filters, vocabulary);
  EXPECT_EQ(filters.kind, Choice<Filter>::Kind::everything);
  EXPECT_THAT(filters.items, IsEmpty());
}

}  // namespace
}  // namespace sparc::protocol
