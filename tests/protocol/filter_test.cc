#include "protocol/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/scalar.h"

namespace sparc::protocol {
namespace {

using ::testing::HasSubstr;
using Topics = Choice<std::string>;
using Filters = Choice<Filter>;

const FilterVocabulary vocabulary{
    {{"security:events", {"security:*"}}, {"incidents", {"incident:*", "case:*"}}, {"alerts", {"alert:*"}}},
    {{"type", {"type", "alertType"}}, {"priority", {"priority", "severity"}}, {"risk", {"/analysis/riskScore"}}}};

Topics topics(std::vector<std::string> names) { return {Topics::Kind::list, std::move(names)}; }
Filters filters(std::vector<Filter> items) { return {Filters::Kind::list, std::move(items)}; }
Filter filter(std::vector<std::pair<std::string, std::vector<Scalar>>> fields, std::uint32_t every_ms = 0) {
  return {std::move(fields), every_ms};
}

Wish wish_of(const Topics& t, const Filters& f) {
  auto wish = apply(Wish{}, t, f, vocabulary, Limits{});
  EXPECT_TRUE(wish) << wish.error().message;
  return wish.value_or(Wish{});
}

bool gets(const Wish& wish, std::string_view event, std::string_view data) {
  return passes(wish, event, FieldValues::read(data, vocabulary), vocabulary);
}

TEST(Filter, WithoutAChoiceEverythingPasses) {
  EXPECT_TRUE(Wish{}.everything());
  EXPECT_TRUE(gets(Wish{}, "any:thing", "{}"));
}

TEST(Filter, ATopicIsANameOrAnExactEvent) {
  const Wish wish = wish_of(topics({"incidents", "alert:created"}), {});
  EXPECT_TRUE(gets(wish, "incident:created", "{}"));
  EXPECT_TRUE(gets(wish, "case:closed", "{}"));
  EXPECT_TRUE(gets(wish, "alert:created", "{}"));
  EXPECT_FALSE(gets(wish, "alert:updated", "{}"));
  EXPECT_FALSE(gets(wish, "incidents:x", "{}"));
}

TEST(Filter, AbsentLeavesNullLiftsAndAnEmptyListIsNothing) {
  const Wish some = wish_of(topics({"alerts"}), filters({filter({{"type", {"sa"}}})}));
  EXPECT_EQ(apply(some, {}, {}, vocabulary, Limits{}), some);
  EXPECT_TRUE(apply(some, {Topics::Kind::everything, {}}, {Filters::Kind::everything, {}}, vocabulary, Limits{})->everything());
  EXPECT_FALSE(gets(wish_of(topics({}), {}), "alert:created", "{}"));
  EXPECT_FALSE(gets(wish_of({}, filters({})), "alert:created", "{}"));
  const Wish replaced = *apply(some, topics({"incidents"}), {}, vocabulary, Limits{});
  EXPECT_FALSE(gets(replaced, "alert:created", R"({"type":"a"})"));
  EXPECT_FALSE(gets(replaced, "incident:created", R"({"type":"b"})"));
  EXPECT_TRUE(gets(replaced, "incident:created", R"({"type":"a"})"));
}

TEST(Filter, AFilterIsAnAndOfFieldsAndTheListAnOr) {
  const Wish wish = wish_of({}, filters({filter({{"type", {"ssecurity", "ssystem"}}, {"priority", {"scritical", "shigh"}}}),
                                         filter({{"risk", {"n90"}}})}));
  EXPECT_TRUE(gets(wish, "e", R"({"type":"security","priority":"high","analysis":{"riskScore":1}})"));
  EXPECT_FALSE(gets(wish, "e", R"({"type":"security","priority":"low","analysis":{"riskScore":1}})"));
  EXPECT_FALSE(gets(wish, "e", R"({"type":"video","priority":"high","analysis":{"riskScore":1}})"));
  EXPECT_TRUE(gets(wish, "e", R"({"type":"video","priority":"low","analysis":{"riskScore":9e1}})"));
}

TEST(Filter, AFieldThatThePayloadLacksLetsItThrough) {
  const Wish wish = wish_of({}, filters({filter({{"type", {"ssecurity"}}, {"priority", {"shigh"}}})}));
  EXPECT_TRUE(gets(wish, "alert:deleted", R"({"alertId":"a1"})"));
  EXPECT_TRUE(gets(wish, "alert:deleted", R"({"type":"security"})"));
  EXPECT_FALSE(gets(wish, "alert:deleted", R"({"type":"video"})"));
  EXPECT_TRUE(gets(wish, "e", R"({"type":{"x":1}})")) << "an object is no value";
  EXPECT_TRUE(gets(wish, "e", R"({"type":null,"priority":true})"));
  EXPECT_TRUE(gets(wish, "e", "[1]"));
  EXPECT_TRUE(gets(wish, "e", "null"));
}

TEST(Filter, AnEmptyListOfValuesIsNoValue) {
  const Wish wish = wish_of({}, filters({filter({{"type", {}}})}));
  EXPECT_FALSE(gets(wish, "e", R"({"type":"a"})"));
  EXPECT_TRUE(gets(wish, "e", "{}"));
}

TEST(Filter, TheFirstPathThatIsThereGivesTheValue) {
  const Wish wish = wish_of({}, filters({filter({{"type", {"sa"}}})}));
  EXPECT_TRUE(gets(wish, "e", R"({"alertType":"b","type":"a"})"));
  EXPECT_FALSE(gets(wish, "e", R"({"alertType":"a","type":"b"})"));
  EXPECT_TRUE(gets(wish, "e", R"({"alertType":"a"})"));
  EXPECT_FALSE(gets(wish, "e", R"({"x":{"type":"a"},"alertType":"b"})"));
  EXPECT_FALSE(gets(wish, "e", R"({"type":"a","type":"b"})")) << "the last of equal keys counts";
  EXPECT_TRUE(gets(wish, "e", R"({"\u0074ype":"\u0061"})"));
}

TEST(Filter, StringsAndNumbersAreNotMixed) {
  const Wish wish = wish_of({}, filters({filter({{"priority", {"n1", "shigh"}}})}));
  EXPECT_TRUE(gets(wish, "e", R"({"priority":1.0})"));
  EXPECT_FALSE(gets(wish, "e", R"({"priority":"1"})"));
}

TEST(Filter, AValueLongerThanAnyFilterCanNameMatchesNone) {
  const std::string longest(filter_value_bytes_max, 'x');
  const Wish wish = wish_of({}, filters({filter({{"type", {string_scalar(longest)}}})}));
  EXPECT_TRUE(gets(wish, "e", R"({"type":")" + longest + "\"}"));
  EXPECT_FALSE(gets(wish, "e", R"({"type":")" + longest + "x\"}"));
  EXPECT_FALSE(gets(wish, "e", R"({"type":")" + longest + std::string(1'000, 'x') + "\"}"));
  EXPECT_FALSE(apply({}, {}, filters({filter({{"type", {string_scalar(longest + "x")}}})}), vocabulary, Limits{}));
}

TEST(Filter, AnUnknownFieldIsRefusedAndTheKnownOnesAreNamed) {
  const auto wish = apply({}, {}, filters({filter({{"colour", {"sred"}}})}), vocabulary, Limits{});
  ASSERT_FALSE(wish);
  EXPECT_EQ(wish.error().code, Code::BAD_REQUEST);
  EXPECT_THAT(wish.error().message, HasSubstr("\"colour\"; known are: type, priority, risk"));
}

TEST(Filter, BoundsAreRefusedWithTheirNames) {
  Limits limits;
  limits.connection_filters_max = 2;
  limits.filter_values_max = 2;
  limits.connection_topics_max = 2;
  const auto message = [&](const Topics& t, const Filters& f) {
    const auto wish = apply({}, t, f, vocabulary, limits);
    return wish ? std::string("accepted") : wish.error().message;
  };
  EXPECT_EQ(message(topics({"a", "b"}), filters({filter({{"type", {"sa", "sb"}}}), filter({})})), "accepted");
  EXPECT_EQ(message({}, filters({filter({{"type", {"sa", "sb", "sa"}}})})), "accepted") << "equal values count once";
  EXPECT_THAT(message(topics({"a", "b", "c"}), {}), HasSubstr("limits.connection_topics_max"));
  EXPECT_THAT(message({}, filters({filter({}), filter({}), filter({})})), HasSubstr("limits.connection_filters_max"));
  EXPECT_THAT(message({}, filters({filter({{"type", {"sa", "sb", "sc"}}})})), HasSubstr("limits.filter_values_max"));
  EXPECT_THAT(message({}, filters({filter({{"type", {"sa"}}, {"type", {"sb"}}})})), HasSubstr("twice"));
  EXPECT_THAT(message({}, filters({filter({}, 99)})), HasSubstr("everyMs"));
  EXPECT_EQ(message({}, filters({filter({}, 100)})), "accepted");
  EXPECT_THAT(message({}, filters({filter({}, every_ms_max + 1)})), HasSubstr("everyMs"));
  EXPECT_THAT(message(topics({"a\nb"}), {}), HasSubstr("control characters"));
}

TEST(Filter, EqualWishesAreEqualHoweverTheyWereSaid) {
  const Wish a = wish_of(topics({"x", "alerts", "x"}),
                         filters({filter({{"type", {"sb", "sa"}}}), filter({{"priority", {"n1"}}, {"type", {}}})}));
  const Wish b =
      wish_of(topics({"alerts", "x"}), filters({filter({{"type", {}}, {"priority", {"n1"}}}), filter({{"type", {"sa", "sb"}}}),
                                                filter({{"type", {"sb", "sa", "sa"}}})}));
  EXPECT_EQ(a, b);
}

TEST(Filter, TheLongestIntervalOfAWishCounts) {
  EXPECT_EQ(wish_of({}, filters({filter({{"type", {"sa"}}}, 500), filter({{"type", {"sb"}}}, 2000)})).every_ms(), 2000U);
  EXPECT_EQ(Wish{}.every_ms(), 0U);
}

TEST(WishTable, EqualWishesOfATenantShareASlotAndOtherTenantsHaveTheirOwn) {
  WishTable table;
  const Wish wish = wish_of(topics({"alerts"}), {});
  const auto first = *table.acquire(wish, "t1", Limits{});
  EXPECT_EQ(*table.acquire(wish, "t1", Limits{}), first);
  EXPECT_NE(*table.acquire(wish, "t2", Limits{}), first);
  EXPECT_EQ(table.at(first), wish);
  EXPECT_EQ(table.size(), 2U);
}

TEST(WishTable, TheWishForEverythingIsZeroAndNeedsNoReference) {
  WishTable table;
  EXPECT_TRUE(table.at(0).everything());
  EXPECT_EQ(*table.acquire(Wish{}, "t1", Limits{}), 0U);
  table.release(0);
  EXPECT_TRUE(table.at(0).everything());
  EXPECT_EQ(table.size(), 0U);
}

TEST(WishTable, ASlotIsReusedOnlyAfterItsLastReference) {
  WishTable table;
  const auto id = *table.acquire(wish_of(topics({"a"}), {}), "t1", Limits{});
  (void)*table.acquire(wish_of(topics({"a"}), {}), "t1", Limits{});
  table.release(id);
  EXPECT_NE(*table.acquire(wish_of(topics({"b"}), {}), "t1", Limits{}), id);
  table.release(id);
  EXPECT_EQ(*table.acquire(wish_of(topics({"c"}), {}), "t1", Limits{}), id);
  EXPECT_EQ(table.at(id).topics, std::vector<std::string>{"c"});
}

TEST(WishTable, DistinctWishesOfATenantAreBounded) {
  WishTable table;
  Limits limits;
  limits.tenant_filters_max = 2;
  const auto wish = [](const char* topic) { return wish_of(topics({topic}), {}); };
  const auto a = *table.acquire(wish("a"), "t1", limits);
  (void)*table.acquire(wish("b"), "t1", limits);
  const auto refused = table.acquire(wish("c"), "t1", limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::BAD_REQUEST);
  EXPECT_THAT(refused.error().message, HasSubstr("limits.tenant_filters_max"));
  EXPECT_TRUE(table.acquire(wish("a"), "t1", limits)) << "a wish that is there costs nothing";
  EXPECT_TRUE(table.acquire(wish("c"), "t2", limits)) << "another tenant has its own bound";
  EXPECT_TRUE(table.acquire(Wish{}, "t1", limits));
  table.release(a);
  table.release(a);
  EXPECT_TRUE(table.acquire(wish("c"), "t1", limits));
}

TEST(WishTable, NoTwoWishesShareAKeyByTheirText) {
  WishTable table;
  std::vector<WishId> ids;
  for (const auto& wish :
       {wish_of(topics({"a", "b"}), {}), wish_of(topics({"a1:b"}), {}), wish_of(topics({}), {}), wish_of({}, filters({})),
        wish_of({}, filters({filter({})})), wish_of({}, filters({filter({{"type", {"sa"}}, {"priority", {"sa"}}})})),
        wish_of({}, filters({filter({{"type", {"sa"}}}), filter({{"priority", {"sa"}}})})),
        wish_of({}, filters({filter({{"type", {"sa"}}}, 100)})), wish_of({}, filters({filter({{"type", {"sa"}}})}))}) {
    ids.push_back(*table.acquire(wish, "t1", Limits{}));
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
  EXPECT_EQ(table.size(), ids.size());
}

}  // namespace
}  // namespace sparc::protocol
