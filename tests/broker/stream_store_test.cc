#include "broker/memory/stream_store.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <numeric>

#include "broker/memory/directory.h"
#include "broker/memory/point_buckets.h"
#include "broker_world.h"

namespace sparc::broker {
namespace {

using Strings = std::vector<std::string>;

class Store {
 public:
  explicit Store(Limits limits = {}, std::size_t bytes_share = SIZE_MAX,
                 std::vector<NamespaceBrokerSettings> ns = test_namespaces())
      : store(std::move(ns), limits, bytes_share, 1) {
    advance(0);
  }
  Published publish(Publication p) {
    auto& stream = store.open(p.ns, p.tenant);
    return store.publish(stream, std::make_shared<Publication>(std::move(p))).answer;
  }
  HistoryPart all(NamespaceId ns, std::string_view tenant) {
    return store.read(store.find(ns, tenant), std::nullopt, {10'000, SIZE_MAX});
  }
  void advance(std::int64_t ms) {
    now.monotonic_ms += ms;
    store.set_now(now);
  }

  Now now{0, 1'700'000'000'000};
  StreamStore store;
};

std::size_t bytes_of(const HistoryPart& part) {
  return std::accumulate(part.entries.begin(), part.entries.end(), std::size_t{0},
                         [](std::size_t sum, const PublicationPtr& p) { return sum + p->bytes(); });
}

TEST(StreamStore, AStreamKeepsWithinItsBytes) {
  Limits limits;
  limits.stream_bytes_max = 10'000;
  Store s(limits);
  for (int n = 0; n < 50; ++n) {
    s.publish(event_of(alerts, "t1", std::string(static_cast<std::size_t>(100 * (n % 9)), 'x')));
    EXPECT_LE(bytes_of(s.all(alerts, "t1")), 10'000U);
  }
  EXPECT_GT(bytes_of(s.all(alerts, "t1")), 8'000U);
  EXPECT_EQ(s.store.counters().bytes, bytes_of(s.all(alerts, "t1")));
  EXPECT_EQ(s.store.counters().trimmed_by_bytes + s.all(alerts, "t1").entries.size(), 50U);
}

TEST(StreamStore, AnEntryLargerThanItsStreamMayBeIsNumberedButNotKept) {
  Limits limits;
  limits.stream_bytes_max = 2'000;
  Store s(limits);
  EXPECT_EQ(s.publish(event_of(alerts, "t1", std::string(5'000, 'x'))).position.offset, 1U);
  EXPECT_TRUE(s.all(alerts, "t1").entries.empty());
  EXPECT_EQ(s.publish(event_of(alerts, "t1", "1")).position.offset, 2U);
}

TEST(StreamStore, BoundsOfANamespaceReplaceThoseOfTheNode) {
  Store s({}, SIZE_MAX, {{.name = "alerts", .history = true, .entries_max = 2, .bytes_max = 0, .ttl_ms = 500}});
  for (int n = 1; n <= 5; ++n) s.publish(event_of(0, "t1", std::to_string(n)));
  EXPECT_EQ(data_of(s.all(0, "t1").entries), (Strings{"4", "5"}));
  s.advance(499);
  EXPECT_EQ(s.all(0, "t1").entries.size(), 2U);
  s.advance(1);
  EXPECT_EQ(s.all(0, "t1").entries.size(), 0U);
  EXPECT_EQ(s.store.counters().trimmed_by_ttl, 2U);
}

TEST(StreamStore, BeyondTheBytesOfAllStreamsTheLargestLosesItsOldest) {
  Store s({}, 60'000);
  for (int n = 0; n < 3; ++n) s.publish(event_of(alerts, "small", std::string(1'000, 'x')));
  for (int n = 0; n < 200; ++n) s.publish(event_of(alerts, n % 2 == 0 ? "large" : "larger", std::string(1'000, 'x')));
  EXPECT_EQ(s.all(alerts, "small").entries.size(), 3U);
  const auto large = bytes_of(s.all(alerts, "large")), larger = bytes_of(s.all(alerts, "larger"));
  EXPECT_LE(s.store.counters().bytes, 60'000U);
  EXPECT_GT(s.store.counters().bytes, 55'000U);
  EXPECT_LT(large > larger ? large - larger : larger - large, 3'000U);
  EXPECT_GT(s.store.counters().trimmed_by_node, 0U);
  EXPECT_EQ(s.store.counters().bytes, large + larger + bytes_of(s.all(alerts, "small")));
}

TEST(StreamStore, LatestValuesCountInTheBytesAndGoWhereThereIsNoEntryToLose) {
  Store s({}, 20'000);
  for (int n = 0; n < 50; ++n) {
    auto p = event_of(monitoring, "t1", std::string(1'000, 'x'));
    p.policy.latest = true;
    p.latest_key = std::to_string(n);
    s.publish(p);
  }
  EXPECT_LE(s.store.counters().bytes, 20'000U);
  EXPECT_GT(s.store.counters().latest_evicted, 30U);
  const auto kept = s.store.latest(s.store.find(monitoring, "t1"), {"tenant:t1"});
  EXPECT_EQ(kept.size(), s.store.counters().latest_values);
  EXPECT_EQ(kept.back()->latest_key, "49");
}

TEST(StreamStore, MoreIdsThanAreRememberedPushOutTheOldest) {
  Limits limits;
  limits.publication_ids_max = 3;
  Store s(limits);
  for (const char* id : {"a", "b", "c", "d"}) s.publish(event_of(alerts, "t1", "1", id));
  EXPECT_EQ(s.publish(event_of(alerts, "t1", "1", "d")).position.offset, 4U);
  EXPECT_EQ(s.publish(event_of(alerts, "t1", "1", "b")).position.offset, 2U);
  EXPECT_EQ(s.publish(event_of(alerts, "t1", "1", "a")).position.offset, 5U) << "forgotten, so it is new";
  EXPECT_EQ(s.store.counters().ids_forgotten_early, 2U);
  EXPECT_EQ(s.store.counters().ids, 3U);
  EXPECT_EQ(s.store.counters().repeated, 2U);
}

TEST(StreamStore, AStreamOutlivesItsEntriesByThirtyDaysThenBeginsANewEpoch) {
  Store s;
  const auto position = s.publish(event_of(alerts, "t1", "1")).position;
  s.advance(29LL * 86'400'000);
  EXPECT_EQ(s.store.open(alerts, "t1").epoch, position.epoch);
  s.advance(30LL * 86'400'000 - 1);
  ASSERT_NE(s.store.find(alerts, "t1"), nullptr);
  s.advance(1'000);
  EXPECT_EQ(s.store.find(alerts, "t1"), nullptr);
  EXPECT_EQ(s.store.counters().streams_expired, 1U);
  EXPECT_EQ(s.store.counters().streams, 0U);
  const auto recreated = s.publish(event_of(alerts, "t1", "1")).position;
  EXPECT_NE(recreated.epoch, position.epoch);
  EXPECT_EQ(recreated.offset, 1U);
}

TEST(StreamStore, AStreamWithMembersIsNeverForgotten) {
  Store s;
  s.store.open(alerts, "t1").shards.push_back(0);
  (void)s.store.open(alerts, "t2");
  s.advance(100LL * 86'400'000);
  EXPECT_NE(s.store.find(alerts, "t1"), nullptr);
  EXPECT_EQ(s.store.find(alerts, "t2"), nullptr);
}

TEST(StreamStore, EntriesExpireWithoutAnybodyAskingForThem) {
  Store s;
  for (int n = 0; n < 100; ++n) s.publish(event_of(alerts, "t" + std::to_string(n), "1", "id"));
  EXPECT_EQ(s.store.counters().entries, 100U);
  s.advance(86'400'000);
  EXPECT_EQ(s.store.counters().entries, 0U);
  EXPECT_EQ(s.store.counters().bytes, 0U);
  EXPECT_EQ(s.store.counters().ids, 0U);
  EXPECT_EQ(s.store.counters().streams, 100U);
}

TEST(StreamStore, WhateverHappensTheCountersAreWhatTheStreamsHold) {
  Limits limits;
  limits.stream_entries_max = 20;
  limits.latest_values_max = 10;
  Store s(limits, 100'000);
  SeededEntropy random(3);
  for (int n = 0; n < 20'000; ++n) {
    auto p = event_of(static_cast<NamespaceId>(random.below(3)), "t" + std::to_string(random.below(20)),
                      std::string(random.below(900), 'x'), random.below(2) == 0 ? "id" + std::to_string(random.below(500)) : "");
    p.policy.latest = random.below(4) == 0;
    p.latest_key = std::to_string(random.below(30));
    s.publish(std::move(p));
    if (random.below(50) == 0) s.advance(static_cast<std::int64_t>(random.below(20'000)));
    ASSERT_LE(s.store.counters().bytes, 100'000U);
  }
  StreamCounters held;
  s.store.for_each_image([&](const StreamImage& image) {
    ++held.streams;
    held.entries += image.entries.size();
    held.ids += image.ids.size();
    for (const auto& value : image.latest) held.latest_values += value.rooms.size();
  });
  EXPECT_EQ(s.store.counters().streams, held.streams);
  EXPECT_EQ(s.store.counters().entries, held.entries);
  EXPECT_EQ(s.store.counters().ids, held.ids);
  EXPECT_EQ(s.store.counters().latest_values, held.latest_values);
  EXPECT_GT(s.store.counters().trimmed_by_node, 0U);
  EXPECT_GT(held.entries, 0U);
}

TEST(PublicationIds, KnowsWhatATableWithoutBoundsWouldKnow) {
  PublicationIds ids;
  std::map<std::string, std::uint64_t> model;
  std::deque<std::pair<std::string, std::int64_t>> order;
  SeededEntropy random(8);
  std::int64_t now_ms = 0;
  for (std::uint64_t n = 1; n <= 30'000; ++n) {
    now_ms += static_cast<std::int64_t>(random.below(n % 7'000 < 200 ? 400 : 4));
    ids.expire(now_ms, 1'000);
    for (; !order.empty() && now_ms - order.front().second >= 1'000; order.pop_front()) model.erase(order.front().first);
    const std::string id = std::to_string(random.below(2'000));
    const auto known = model.find(id);
    const auto found = ids.find(PublicationIdHash::of(id));
    ASSERT_EQ(found.has_value(), known != model.end());
    if (found) {
      ASSERT_EQ(*found, known->second);
      continue;
    }
    const std::size_t early = ids.remember(PublicationIdHash::of(id), n, now_ms, 300);
    model[id] = n;
    order.emplace_back(id, now_ms);
    ASSERT_EQ(early, order.size() > 300 ? 1U : 0U);
    if (early == 1) {
      model.erase(order.front().first);
      order.pop_front();
    }
    ASSERT_EQ(ids.size(), model.size());
  }
  std::size_t visited = 0;
  ids.for_each([&](const PublicationIdHash& id, std::uint64_t offset, std::int64_t at_ms) {
    EXPECT_EQ(id, PublicationIdHash::of(order[visited].first));
    EXPECT_EQ(offset, model[order[visited].first]);
    EXPECT_EQ(at_ms, order[visited].second);
    ++visited;
  });
  EXPECT_EQ(visited, model.size());
}

TEST(RingQueue, KeepsItsOrderWhileItGrowsAndShrinks) {
  RingQueue<std::string> queue;
  int pushed = 0, popped = 0;
  SeededEntropy random(1);
  for (int round = 0; round < 200; ++round) {
    for (auto n = random.below(40); n > 0; --n) queue.push_back(std::to_string(pushed++));
    for (auto n = random.below(45); n > 0 && !queue.empty(); --n) ASSERT_EQ(queue.pop_front(), std::to_string(popped++));
    ASSERT_EQ(queue.size(), static_cast<std::size_t>(pushed - popped));
    if (queue.empty()) continue;
    ASSERT_EQ(queue.back(), std::to_string(pushed - 1));
  }
}

TEST(Directory, BeyondItsIdsTheOneThatLeftLongestAgoGoesAndAttachedOnesStay) {
  Directory d(3, 1'000);
  for (const char* id : {"a", "b", "c"}) d.attached(IdKind::user, id, "t1");
  d.attached(IdKind::user, "d", "t1");
  EXPECT_TRUE(d.tenants_of(IdKind::user, "d").empty()) << "nobody left";
  EXPECT_EQ(d.counters().refused, 1U);
  d.detached(IdKind::user, "b", "t1", 10);
  d.detached(IdKind::user, "a", "t1", 20);
  d.attached(IdKind::user, "d", "t2");
  EXPECT_EQ(d.tenants_of(IdKind::user, "d"), Strings{"t2"});
  EXPECT_TRUE(d.tenants_of(IdKind::user, "b").empty());
  EXPECT_EQ(d.tenants_of(IdKind::user, "a"), Strings{"t1"});
  EXPECT_EQ(d.counters().evicted, 1U);
}

TEST(Directory, WhoComesBackIsNotForgottenByAnEarlierDeparture) {
  Directory d(100, 1'000);
  for (int n = 0; n < 1'000; ++n) {
    d.attached(IdKind::user, "a", "t1");
    d.detached(IdKind::user, "a", "t1", 5);
  }
  d.attached(IdKind::user, "a", "t1");
  d.expire(100'000);
  EXPECT_EQ(d.tenants_of(IdKind::user, "a"), Strings{"t1"});
  d.detached(IdKind::user, "a", "t1", 100'000);
  d.expire(100'999);
  EXPECT_EQ(d.counters().ids, 1U);
  d.expire(101'000);
  EXPECT_EQ(d.counters().ids, 0U);
}

TEST(Directory, ADepartureNobodyArrivedForChangesNothing) {
  Directory d(100, 1'000);
  d.detached(IdKind::user, "a", "t1", 0);
  d.attached(IdKind::user, "a", "t2");
  d.detached(IdKind::user, "a", "t1", 0);
  d.detached(IdKind::organization, "a", "t2", 0);
  d.expire(10'000);
  EXPECT_EQ(d.tenants_of(IdKind::user, "a"), Strings{"t2"});
}

TEST(PointBuckets, ABucketIsForgottenWhenItWouldBeFullAgain) {
  PointBuckets buckets(10);
  const Rate rate{4, 1'000};
  EXPECT_EQ(buckets.take("a", rate, 4, 0).granted, 4U);
  buckets.expire(999);
  EXPECT_EQ(buckets.size(), 1U);
  EXPECT_EQ(buckets.take("a", rate, 4, 999).granted, 3U);
  buckets.expire(1'998);
  EXPECT_EQ(buckets.size(), 1U);
  buckets.expire(1'999);
  EXPECT_EQ(buckets.size(), 0U);
}

TEST(PointBuckets, BeyondTheirNumberPointsAreGrantedAndCounted) {
  PointBuckets buckets(1);
  const Rate rate{1, 1'000};
  EXPECT_EQ(buckets.take("a", rate, 1, 0).granted, 1U);
  EXPECT_EQ(buckets.take("a", rate, 1, 0).granted, 0U);
  EXPECT_EQ(buckets.take("b", rate, 7, 0).granted, 7U);
  EXPECT_EQ(buckets.unbounded_grants(), 1U);
}

}  // namespace
}  // namespace sparc::broker
