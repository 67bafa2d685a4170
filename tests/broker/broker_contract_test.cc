// What every broker keeps, whatever carries its publications.

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "memory_world.h"

namespace sparc::broker {
namespace {

using testing::TestWithParam;
using Outcome = Published::Outcome;
using Reach = HistoryPart::Reach;
using Strings = std::vector<std::string>;

struct Maker {
  std::string name;
  std::function<std::unique_ptr<World>(Limits)> make;
  friend std::ostream& operator<<(std::ostream& out, const Maker& maker) { return out << maker.name; }
};

class BrokerContract : public TestWithParam<Maker> {
 protected:
  std::unique_ptr<World> world(Limits limits = {}) { return GetParam().make(limits); }
};

const StreamKey t1{alerts, "t1"};

TEST_P(BrokerContract, AStreamIsNumberedFromOneAndEveryMemberShardIsToldTheSameOrder) {
  auto w = world();
  for (std::size_t s = 0; s < w->shards(); ++s) w->enter(s, t1);
  for (int n = 0; n < 20; ++n) {
    w->broker(n % w->shards()).publish(0, event_of(alerts, "t1", std::to_string(n)));
  }
  w->settle();
  const auto first = data_of(w->told(0).publications());
  ASSERT_EQ(first.size(), 20U);
  for (std::size_t s = 0; s < w->shards(); ++s) {
    const auto told = w->told(s).publications();
    EXPECT_EQ(data_of(told), first);
    for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i]->offset, i + 1);
  }
}

TEST_P(BrokerContract, WhatOneShardPublishesToAStreamKeepsItsOrder) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  w->enter(0, t1);
  for (int n = 0; n < 30; ++n) w->broker(last).publish(0, event_of(alerts, "t1", std::to_string(n)));
  w->settle();
  const auto told = data_of(w->told(0).publications());
  ASSERT_EQ(told.size(), 30U);
  for (int n = 0; n < 30; ++n) EXPECT_EQ(told[n], std::to_string(n));
}

TEST_P(BrokerContract, APublisherIsAnsweredWithThePositionThatItsPublicationCarries) {
  auto w = world();
  const auto entered = w->enter(0, t1);
  const auto published = w->publish(w->shards() - 1, event_of(alerts, "t1", "1"));
  EXPECT_EQ(published.outcome, Outcome::numbered);
  EXPECT_EQ(published.position, (Position{entered.position.epoch, 1}));
  ASSERT_EQ(w->told(0).publications().size(), 1U);
  EXPECT_EQ(w->told(0).publications()[0]->epoch, entered.position.epoch);
  EXPECT_EQ(w->told(0).publications()[0]->offset, 1U);
}

TEST_P(BrokerContract, WithATicketOfZeroThereIsNoAnswer) {
  auto w = world();
  auto& broker = w->broker(0);
  broker.publish(0, event_of(alerts, "t1", "1"));
  broker.enter(0, t1);
  broker.read(0, t1, std::nullopt, {});
  broker.latest(0, t1, {"tenant:t1"});
  broker.tenants_of(0, IdKind::user, "u");
  broker.take_points(0, "u", {1, 1'000}, 1);
  w->settle();
  EXPECT_TRUE(w->told(0).log.empty());
}

TEST_P(BrokerContract, OnlyMembersAreToldAndOneLeaveEndsSeveralEnters) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  w->publish(0, event_of(alerts, "t1", "0"));
  EXPECT_TRUE(w->told(last).publications().empty());
  w->enter(last, t1);
  w->enter(last, t1);
  w->publish(0, event_of(alerts, "t1", "1"));
  EXPECT_EQ(data_of(w->told(last).publications()), Strings{"1"});
  w->broker(last).leave(t1);
  w->settle();
  w->publish(0, event_of(alerts, "t1", "2"));
  EXPECT_EQ(data_of(w->told(last).publications()), Strings{"1"});
}

TEST_P(BrokerContract, StreamsOfOtherTenantsAndNamespacesDoNotMix) {
  auto w = world();
  w->enter(0, t1);
  w->publish(0, event_of(alerts, "t2", "other tenant"));
  w->publish(0, event_of(monitoring, "t1", "other namespace"));
  const auto own = w->publish(0, event_of(alerts, "t1", "own"));
  EXPECT_EQ(own.position.offset, 1U);
  EXPECT_EQ(data_of(w->told(0).publications()), Strings{"own"});
  EXPECT_EQ(data_of(w->read(0, t1, std::nullopt).entries), Strings{"own"});
}

TEST_P(BrokerContract, EnteringTellsWhereTheStreamStandsAndGivesItAnEpoch) {
  auto w = world();
  const auto fresh = w->enter(0, t1);
  EXPECT_TRUE(fresh.available);
  EXPECT_FALSE(fresh.position.epoch.empty());
  EXPECT_EQ(fresh.position.offset, 0U);
  EXPECT_EQ(fresh.oldest, 0U);
  w->publish(0, event_of(alerts, "t1", "1"));
  w->publish(0, event_of(alerts, "t1", "2"));
  const auto later = w->enter(w->shards() - 1, t1);
  EXPECT_EQ(later.position, (Position{fresh.position.epoch, 2}));
  EXPECT_EQ(later.oldest, 1U);
}

TEST_P(BrokerContract, WhatIsNotToBeKeptIsDeliveredWithoutANumber) {
  auto w = world();
  std::vector<Publication> unnumbered(5, event_of(alerts, "t1", "x"));
  unnumbered[0].policy.history = false;
  unnumbered[1].policy.is_volatile = true;
  unnumbered[2].policy.latest = true;
  unnumbered[3].ns = video;
  unnumbered[4].tenant.clear();
  for (const auto& publication : unnumbered) {
    const StreamKey key{publication.ns, publication.tenant};
    w->enter(0, key);
    const auto before = w->told(0).publications().size();
    EXPECT_EQ(w->publish(w->shards() - 1, publication).outcome, Outcome::accepted);
    ASSERT_EQ(w->told(0).publications().size(), before + 1);
    EXPECT_EQ(w->told(0).publications().back()->offset, 0U);
    EXPECT_TRUE(w->told(0).publications().back()->epoch.empty());
    EXPECT_TRUE(w->read(0, key, std::nullopt).entries.empty());
  }
  EXPECT_EQ(w->publish(0, event_of(alerts, "t1", "kept")).position.offset, 1U);
}

TEST_P(BrokerContract, ARetryIsAnsweredAsTheFirstAndDeliveredOnce) {
  auto w = world();
  w->enter(0, t1);
  const auto first = w->publish(0, event_of(alerts, "t1", "1", "id-1"));
  w->publish(0, event_of(alerts, "t1", "2", "id-2"));
  const auto retry = w->publish(w->shards() - 1, event_of(alerts, "t1", "1", "id-1"));
  EXPECT_EQ(retry.outcome, Outcome::numbered);
  EXPECT_EQ(retry.position, first.position);
  EXPECT_EQ(data_of(w->told(0).publications()), (Strings{"1", "2"}));
  EXPECT_EQ(w->publish(0, event_of(alerts, "t2", "1", "id-1")).position.offset, 1U) << "ids belong to a stream";
}

TEST_P(BrokerContract, ARetryOfAnUnnumberedPublicationIsDeliveredOnceToo) {
  auto w = world();
  const StreamKey stream{video, "t1"};
  w->enter(0, stream);
  w->publish(0, event_of(video, "t1", "1", "id-1"));
  EXPECT_EQ(w->publish(0, event_of(video, "t1", "1", "id-1")).outcome, Outcome::accepted);
  EXPECT_EQ(w->told(0).publications().size(), 1U);
}

TEST_P(BrokerContract, AnIdIsRememberedForTwoMinutes) {
  auto w = world();
  w->publish(0, event_of(alerts, "t1", "1", "id-1"));
  w->advance(119'000);
  EXPECT_EQ(w->publish(0, event_of(alerts, "t1", "1", "id-1")).position.offset, 1U);
  w->advance(1'000);
  EXPECT_EQ(w->publish(0, event_of(alerts, "t1", "1", "id-1")).position.offset, 2U);
}

TEST_P(BrokerContract, HistoryIsReadInPartsEachEntryOnce) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  Strings all;
  for (int n = 1; n <= 10; ++n) {
    all.push_back(std::to_string(n));
    w->publish(0, event_of(alerts, "t1", all.back()));
  }
  Strings got;
  std::optional<Position> since;
  for (int parts = 1;; ++parts) {
    const auto part = w->read(last, t1, since, {.entries_max = 4});
    EXPECT_EQ(part.reach, Reach::reached);
    for (const auto& p : part.entries) got.push_back(p->data);
    since = part.next;
    EXPECT_EQ(part.complete, parts == 3);
    if (part.complete || parts == 3) break;
  }
  EXPECT_EQ(got, all);
  const auto rest = w->read(last, t1, since);
  EXPECT_TRUE(rest.entries.empty());
  EXPECT_TRUE(rest.complete);
  EXPECT_EQ(rest.next, *since);
}

TEST_P(BrokerContract, APartStopsAtItsBytesButHasAtLeastOneEntry) {
  auto w = world();
  for (int n = 0; n < 3; ++n) w->publish(0, event_of(alerts, "t1", '"' + std::string(5'000, 'x') + '"'));
  const auto one = w->read(0, t1, std::nullopt, {.entries_max = 10, .bytes_max = 1});
  EXPECT_EQ(one.entries.size(), 1U);
  EXPECT_FALSE(one.complete);
  const auto two = w->read(0, t1, std::nullopt, {.entries_max = 10, .bytes_max = 12'000});
  EXPECT_EQ(two.entries.size(), 2U);
  EXPECT_FALSE(two.complete);
}

TEST_P(BrokerContract, FromOffsetZeroAStreamIsReachedWhileItsHistoryBeginsAtOne) {
  auto w = world();
  const auto entered = w->enter(0, t1);
  EXPECT_EQ(w->read(0, t1, entered.position).reach, Reach::reached);
  w->publish(0, event_of(alerts, "t1", "1"));
  const auto part = w->read(0, t1, entered.position);
  EXPECT_EQ(part.reach, Reach::reached);
  EXPECT_EQ(data_of(part.entries), Strings{"1"});
}

TEST_P(BrokerContract, APositionOfAnotherEpochOrBeyondTheEndIsUnknown) {
  auto w = world();
  const auto position = w->publish(0, event_of(alerts, "t1", "1")).position;
  for (const Position& wrong : {Position{"another", 0}, Position{"", 1}, Position{position.epoch, 2}}) {
    const auto part = w->read(0, t1, wrong);
    EXPECT_EQ(part.reach, Reach::unknown);
    EXPECT_EQ(data_of(part.entries), Strings{"1"});
    EXPECT_EQ(part.next, position);
  }
}

TEST_P(BrokerContract, APositionOfAStreamThatNeverWasIsUnknownAndItsHistoryIsEmpty) {
  auto w = world();
  const auto part = w->read(0, t1, Position{"epoch", 3});
  EXPECT_EQ(part.reach, Reach::unknown);
  EXPECT_TRUE(part.entries.empty());
  EXPECT_TRUE(w->read(0, t1, std::nullopt).complete);
}

TEST_P(BrokerContract, BeyondItsEntriesAStreamLosesTheOldestAndSaysHowManyAreGone) {
  Limits limits;
  limits.stream_entries_max = 4;
  auto w = world(limits);
  Position first;
  for (int n = 1; n <= 10; ++n) {
    const auto position = w->publish(0, event_of(alerts, "t1", std::to_string(n))).position;
    if (n == 1) first = position;
  }
  const auto part = w->read(0, t1, first);
  EXPECT_EQ(part.reach, Reach::trimmed);
  EXPECT_EQ(part.skipped, 5U);
  EXPECT_EQ(data_of(part.entries), (Strings{"7", "8", "9", "10"}));
  EXPECT_EQ(w->enter(0, t1).oldest, 7U);
  EXPECT_EQ(w->read(0, t1, Position{first.epoch, 6}).reach, Reach::reached);
}

TEST_P(BrokerContract, EntriesExpireAndTheStreamKeepsItsEpochAndItsCount) {
  auto w = world();
  const auto position = w->publish(0, event_of(alerts, "t1", "1")).position;
  w->advance(86'400'000);
  const auto state = w->enter(0, t1);
  EXPECT_EQ(state.position, position);
  EXPECT_EQ(state.oldest, 0U);
  const auto part = w->read(0, t1, Position{position.epoch, 0});
  EXPECT_EQ(part.reach, Reach::trimmed);
  EXPECT_EQ(part.skipped, 1U);
  EXPECT_EQ(part.next, position);
  EXPECT_TRUE(part.complete);
  EXPECT_EQ(w->read(0, t1, position).reach, Reach::reached);
  EXPECT_EQ(w->publish(0, event_of(alerts, "t1", "2")).position, (Position{position.epoch, 2}));
}

Publication metric(std::string room, std::string key, std::string data) {
  Publication p = event_of(monitoring, "t1", std::move(data));
  p.event = "metrics:update";
  p.rooms = {std::move(room)};
  p.policy.latest = true;
  p.latest_key = std::move(key);
  return p;
}

TEST_P(BrokerContract, OfLatestEventsTheNewestPerRoomEventAndKeyIsKeptInTheOrderOfWriting) {
  auto w = world();
  const StreamKey stream{monitoring, "t1"};
  for (const auto& p : {metric("a", "cpu", "a cpu 1"), metric("a", "mem", "a mem 1"), metric("b", "cpu", "b cpu 1"),
                        metric("a", "cpu", "a cpu 2"), metric("a", "", "a none 1"), metric("a", "", "a none 2")}) {
    w->publish(w->shards() - 1, p);
  }
  auto other_event = metric("a", "cpu", "other event");
  other_event.event = "metrics:other";
  w->publish(0, other_event);
  EXPECT_EQ(data_of(w->latest(0, stream, {"a"})), (Strings{"a mem 1", "a cpu 2", "a none 2", "other event"}));
  EXPECT_EQ(data_of(w->latest(0, stream, {"a", "b"})), (Strings{"a mem 1", "b cpu 1", "a cpu 2", "a none 2", "other event"}));
  EXPECT_TRUE(w->latest(0, stream, {"c"}).empty());
  EXPECT_TRUE(w->latest(0, {monitoring, "t2"}, {"a"}).empty());
}

TEST_P(BrokerContract, ALatestEventToSeveralRoomsComesOnceForAllOfThemAndStaysWhereItIsTheNewest) {
  auto w = world();
  const StreamKey stream{monitoring, "t1"};
  auto both = metric("a", "cpu", "both");
  both.rooms = {"a", "b"};
  w->publish(0, both);
  EXPECT_EQ(data_of(w->latest(0, stream, {"a", "b"})), Strings{"both"});
  w->publish(0, metric("a", "cpu", "only a"));
  EXPECT_EQ(data_of(w->latest(0, stream, {"a"})), Strings{"only a"});
  EXPECT_EQ(data_of(w->latest(0, stream, {"b"})), Strings{"both"});
  EXPECT_EQ(data_of(w->latest(0, stream, {"b", "a"})), (Strings{"both", "only a"}));
}

TEST_P(BrokerContract, LatestValuesExpireAndBeyondTheirNumberTheLeastRecentlyWrittenGoes) {
  Limits limits;
  limits.latest_values_max = 3;
  auto w = world(limits);
  const StreamKey stream{monitoring, "t1"};
  for (const char* key : {"1", "2", "3", "1", "4"}) w->publish(0, metric("a", key, key));
  EXPECT_EQ(data_of(w->latest(0, stream, {"a"})), (Strings{"3", "1", "4"}));
  w->advance(86'400'000);
  EXPECT_TRUE(w->latest(0, stream, {"a"}).empty());
}

TEST_P(BrokerContract, TheDirectoryKnowsNoneOneOrTwoTenantsOfAnId) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  EXPECT_TRUE(w->tenants_of(0, IdKind::user, "u1").empty());
  w->broker(last).attached(IdKind::user, "u1", "t1");
  w->settle();
  EXPECT_EQ(w->tenants_of(0, IdKind::user, "u1"), Strings{"t1"});
  EXPECT_TRUE(w->tenants_of(0, IdKind::organization, "u1").empty());
  w->broker(0).attached(IdKind::user, "u1", "t2");
  w->settle();
  auto two = w->tenants_of(last, IdKind::user, "u1");
  std::sort(two.begin(), two.end());
  EXPECT_EQ(two, (Strings{"t1", "t2"}));
}

TEST_P(BrokerContract, TheDirectoryRemembersAnIdForADayAfterItsLastConnection) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  w->broker(0).attached(IdKind::user, "u1", "t1");
  w->broker(last).attached(IdKind::user, "u1", "t1");
  w->settle();
  w->broker(0).detached(IdKind::user, "u1", "t1");
  w->settle();
  w->advance(100'000'000);
  EXPECT_EQ(w->tenants_of(0, IdKind::user, "u1"), Strings{"t1"}) << "one connection is still there";
  w->broker(last).detached(IdKind::user, "u1", "t1");
  w->settle();
  w->advance(86'399'000);
  EXPECT_EQ(w->tenants_of(0, IdKind::user, "u1"), Strings{"t1"});
  w->advance(2'000);
  EXPECT_TRUE(w->tenants_of(0, IdKind::user, "u1").empty());
}

TEST_P(BrokerContract, AnEmptyRecordLetsTheOneThatIsThereStayAndMakesNone) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  w->broker(0).keep_record("key", "value", 1'000);
  w->settle();
  w->broker(last).keep_record("key", "", 60'000);
  w->broker(0).keep_record("other", "", 60'000);
  w->settle();
  w->advance(2'000);
  EXPECT_EQ(w->take_record(0, "key"), "value");
  w->broker(last).keep_record("key", "", 60'000);
  w->settle();
  EXPECT_EQ(w->take_record(0, "key"), std::nullopt);
  EXPECT_EQ(w->take_record(0, "other"), std::nullopt);
}

TEST_P(BrokerContract, ARecordIsGivenOnceOnAnyShardAndNotAfterItsTime) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  EXPECT_EQ(w->take_record(0, "key"), std::nullopt);
  w->broker(0).keep_record("key", "first", 1'000);
  w->broker(0).keep_record("key", "second", 60'000);
  w->broker(0).keep_record("other", "brief", 1'000);
  w->settle();
  w->advance(2'000);
  EXPECT_EQ(w->take_record(last, "key"), "second");
  EXPECT_EQ(w->take_record(0, "key"), std::nullopt);
  EXPECT_EQ(w->take_record(last, "other"), std::nullopt);
}

TEST_P(BrokerContract, PointsOfOneNameAreSharedByAllShardsAndComeBackWithTime) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  const Rate rate{10, 1'000};
  EXPECT_EQ(w->take_points(0, "user:u1", rate, 6), std::pair(6U, std::int64_t{0}));
  EXPECT_EQ(w->take_points(last, "user:u1", rate, 6), std::pair(4U, std::int64_t{0}));
  const auto none = w->take_points(0, "user:u1", rate, 6);
  EXPECT_EQ(none.first, 0U);
  EXPECT_EQ(none.second, 100);
  EXPECT_EQ(w->take_points(0, "user:u2", rate, 1).first, 1U) << "another name has its own";
  w->advance(1'000);
  EXPECT_EQ(w->take_points(last, "user:u1", rate, 20).first, 10U);
  EXPECT_EQ(w->take_points(0, "user:u1", {}, 20).first, 20U) << "no limit";
}

TEST_P(BrokerContract, WhileTheBrokerIsAwayEveryAnswerSaysSoAndAfterwardsStreamsGoOn) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  const auto before = w->publish(0, event_of(alerts, "t1", "1")).position;
  w->enter(0, t1);
  w->set_available(false);
  for (std::size_t s = 0; s < w->shards(); ++s) {
    ASSERT_EQ(w->told(s).count(Told::What::availability), 1U);
    EXPECT_FALSE(w->told(s).log.back().available);
  }
  EXPECT_EQ(w->publish(last, event_of(alerts, "t1", "lost")).outcome, Outcome::unavailable);
  const auto entered = w->enter(last, t1);
  EXPECT_FALSE(entered.available);
  EXPECT_TRUE(entered.position.epoch.empty());
  const auto part = w->read(0, t1, before);
  EXPECT_EQ(part.reach, Reach::unavailable);
  EXPECT_TRUE(part.entries.empty());
  w->set_available(true);
  EXPECT_TRUE(w->told(0).log.back().available);
  EXPECT_EQ(w->publish(0, event_of(alerts, "t1", "2")).position, (Position{before.epoch, 2}));
  for (std::size_t s : {std::size_t{0}, last}) EXPECT_EQ(data_of(w->told(s).publications()), Strings{"2"});
}

// What a shard does for a client that joins while others publish: enter, read up to the state, go on with what is told.
TEST_P(BrokerContract, HistoryAndLiveTogetherGiveEachEntryOnceWheneverAShardEnters) {
  auto w = world();
  const std::size_t last = w->shards() - 1;
  std::vector<std::uint64_t> got;
  bool level = false;
  w->told(last).then = [&](const Told& told) {
    if (told.what == Told::What::entered)
      w->broker(last).read(1'000, t1, Position{told.state.position.epoch, 0}, {.entries_max = 3});
    if (told.what == Told::What::history) {
      ASSERT_EQ(told.part.reach, Reach::reached);
      for (const auto& p : told.part.entries) got.push_back(p->offset);
      level = told.part.complete;
      if (!level) w->broker(last).read(1'000, t1, told.part.next, {.entries_max = 3});
    }
    if (told.what == Told::What::publication && level) got.push_back(told.publication->offset);
  };
  for (int n = 0; n < 40; ++n) {
    if (n == 20) w->broker(last).enter(999, t1);
    w->broker(0).publish(0, event_of(alerts, "t1", std::to_string(n)));
  }
  w->settle();
  ASSERT_EQ(got.size(), 40U);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], i + 1);
}

std::unique_ptr<World> memory(Limits limits, std::uint16_t shards, std::uint64_t seed) {
  return std::make_unique<MemoryWorld>(MemoryWorld::Options{.shards = shards, .seed = seed, .limits = limits});
}

INSTANTIATE_TEST_SUITE_P(Brokers, BrokerContract,
                         testing::Values(Maker{"MemoryOneShard", [](Limits l) { return memory(l, 1, 0); }},
                                         Maker{"MemoryThreeShards", [](Limits l) { return memory(l, 3, 0); }},
                                         Maker{"MemoryThreeShardsWithDelays", [](Limits l) { return memory(l, 3, 7); }},
                                         Maker{"MemorySixShardsWithDelays", [](Limits l) { return memory(l, 6, 11); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace sparc::broker
