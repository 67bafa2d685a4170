// What is the in-memory broker's own, beyond the contract.

#include "broker/memory/memory_broker.h"

#include <gtest/gtest.h>

#include "memory_world.h"

namespace sparc::broker {
namespace {

using Outcome = Published::Outcome;
using Strings = std::vector<std::string>;
const StreamKey t1{alerts, "t1"};

// A tenant whose stream in `alerts` has its home on that shard.
std::string tenant_at_home_of(MemoryWorld& w, std::size_t shard) {
  for (int n = 0;; ++n) {
    const std::string tenant = "t" + std::to_string(n);
    const auto before = w.door(shard).counters().streams.streams;
    w.enter(0, {alerts, tenant});
    w.broker(0).leave({alerts, tenant});
    w.settle();
    if (w.door(shard).counters().streams.streams > before) return tenant;
  }
}

TEST(MemoryBroker, AListenerIsNeverCalledInsideAnotherCallOfItsOwn) {
  MemoryWorld w({});
  w.enter(0, t1);
  int depth = 0, deepest = 0;
  w.told(0).then = [&](const Told& told) {
    deepest = std::max(deepest, ++depth);
    if (told.what == Told::What::publication && told.publication->offset < 5) {
      w.broker(0).publish(100 + told.publication->offset, event_of(alerts, "t1", "again"));
    }
    --depth;
  };
  w.broker(0).publish(100, event_of(alerts, "t1", "first"));
  EXPECT_EQ(deepest, 1);
  const auto told = w.told(0).publications();
  ASSERT_EQ(told.size(), 5U);
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i]->offset, i + 1);
  EXPECT_EQ(w.told(0).count(Told::What::published), 5U);
}

TEST(MemoryBroker, WithOneShardEverythingHappensBeforeTheCallReturns) {
  MemoryWorld w({});
  w.broker(0).enter(1, t1);
  ASSERT_EQ(w.told(0).log.size(), 1U);
  w.broker(0).publish(2, event_of(alerts, "t1", "1"));
  ASSERT_EQ(w.told(0).log.size(), 3U);
  EXPECT_EQ(w.told(0).log[1].what, Told::What::publication);
  EXPECT_EQ(w.told(0).log[2].what, Told::What::published);
}

TEST(MemoryBroker, TheTimeOfAcceptanceIsFilledInWhereThePublisherGaveNone) {
  MemoryWorld w({});
  w.enter(0, t1);
  w.publish(0, event_of(alerts, "t1", "1"));
  auto dated = event_of(alerts, "t1", "2");
  dated.timestamp_ms = 77;
  w.publish(0, dated);
  EXPECT_EQ(w.told(0).publications()[0]->timestamp_ms, w.now().wall_ms);
  EXPECT_EQ(w.told(0).publications()[1]->timestamp_ms, 77);
}

TEST(MemoryBroker, OnceSealedItRefusesPublicationsAndStillAnswersTheRest) {
  MemoryWorld w({.shards = 3});
  w.publish(0, event_of(alerts, "t1", "1", "id-1"));
  w.memory().seal();
  for (std::size_t s = 0; s < 3; ++s) {
    const auto refused = w.publish(s, event_of(alerts, "t1", "2"));
    EXPECT_EQ(refused.outcome, Outcome::refused);
    EXPECT_EQ(refused.fault.code, Code::UNAVAILABLE);
  }
  EXPECT_EQ(data_of(w.read(2, t1, std::nullopt).entries), Strings{"1"});
}

TEST(MemoryBroker, AfterForgettingAStreamHasANewEpochAndItsMembers) {
  MemoryWorld w({.shards = 2});
  const auto before = w.enter(1, t1).position;
  w.publish(0, event_of(alerts, "t1", "1", "id-1"));
  w.memory().forget();
  const auto after = w.publish(0, event_of(alerts, "t1", "1", "id-1")).position;
  EXPECT_NE(after.epoch, before.epoch);
  EXPECT_EQ(after.offset, 1U);
  EXPECT_EQ(w.told(1).publications().size(), 2U);
  EXPECT_EQ(w.read(0, t1, Position{before.epoch, 1}).reach, HistoryPart::Reach::unknown);
}

TEST(MemoryBroker, WhatWasAskedBeforeTheBrokerWentAwayIsStillDone) {
  MemoryWorld w({.shards = 2});
  const std::string tenant = tenant_at_home_of(w, 1);
  w.broker(0).publish(5'000, event_of(alerts, tenant, "1"));
  w.set_available(false);
  w.settle();
  EXPECT_EQ(w.told(0).answer(5'000).published.outcome, Outcome::numbered);
  w.broker(0).publish(5'001, event_of(alerts, tenant, "2"));
  EXPECT_EQ(w.told(0).answer(5'001).published.outcome, Outcome::unavailable);
}

TEST(MemoryBroker, AMembershipThatEndsWhileTheBrokerIsAwayHasEnded) {
  MemoryWorld w({.shards = 2});
  w.enter(0, t1);
  w.enter(1, t1);
  w.set_available(false);
  w.broker(0).leave(t1);
  w.settle();
  w.set_available(true);
  w.publish(0, event_of(alerts, "t1", "1"));
  EXPECT_EQ(w.told(0).publications().size(), 0U);
  EXPECT_EQ(w.told(1).publications().size(), 1U);
}

TEST(MemoryBroker, PublicationsThatTooManyWaitForAreRefusedAndTheOthersArriveInOrder) {
  Limits limits;
  limits.outage_queue_entries_max = 5;
  MemoryWorld w({.shards = 2, .mailbox_items = 2, .limits = limits});
  const std::string tenant = tenant_at_home_of(w, 1);
  for (int n = 1; n <= 10; ++n) w.broker(0).publish(1'000 + n, event_of(alerts, tenant, std::to_string(n)));
  EXPECT_EQ(w.told(0).count(Told::What::published), 3U) << "two in the mailbox, five before it, three refused at once";
  EXPECT_EQ(w.told(0).answer(1'008).published.outcome, Outcome::refused);
  EXPECT_EQ(w.told(0).answer(1'008).published.fault.code, Code::UNAVAILABLE);
  w.settle();
  for (int n = 1; n <= 7; ++n) EXPECT_EQ(w.told(0).answer(1'000 + n).published.position.offset, static_cast<std::uint64_t>(n));
  EXPECT_EQ(data_of(w.read(1, {alerts, tenant}, std::nullopt).entries), (Strings{"1", "2", "3", "4", "5", "6", "7"}));
  EXPECT_EQ(w.door(0).counters().publications_refused, 3U);
  EXPECT_EQ(w.publish(0, event_of(alerts, tenant, "8")).position.offset, 8U) << "what was sent no longer counts";
}

TEST(MemoryBroker, ALossIsToldBeforeTheNextPublicationAndBeforeALaterAnswer) {
  MemoryWorld w({.shards = 2, .mailbox_items = 2});
  const std::string tenant = tenant_at_home_of(w, 1);
  const StreamKey stream{alerts, tenant};
  w.enter(0, stream);
  w.told(0).log.clear();
  for (int n = 1; n <= 4; ++n) w.broker(1).publish(0, event_of(alerts, tenant, std::to_string(n)));
  w.settle();
  w.publish(1, event_of(alerts, tenant, "5"));
  ASSERT_EQ(w.told(0).log.size(), 4U);
  EXPECT_EQ(data_of(w.told(0).publications()), (Strings{"1", "2", "5"}));
  EXPECT_EQ(w.told(0).log[2].what, Told::What::missed);
  EXPECT_EQ(w.told(0).log[2].stream, stream);
  EXPECT_EQ(w.door(1).counters().publications_lost, 2U);
  EXPECT_EQ(w.door(1).counters().waiting, 0U);
}

TEST(MemoryBroker, ALossSaysWhatCanStillBeHadAndHowMuchCannot) {
  MemoryWorld w({.shards = 2, .mailbox_items = 1});
  const std::string tenant = tenant_at_home_of(w, 1);
  const StreamKey stream{alerts, tenant};
  w.enter(0, stream);
  w.told(0).log.clear();
  auto unnumbered = [&](bool latest, bool is_volatile) {
    Publication out = event_of(alerts, tenant, "x");
    out.policy.history = false;
    out.policy.latest = latest;
    out.policy.is_volatile = is_volatile;
    return out;
  };
  w.broker(1).publish(0, event_of(alerts, tenant, "1"));  // fills the mailbox
  w.broker(1).publish(0, unnumbered(false, true));
  EXPECT_EQ(w.door(1).counters().waiting, 0U) << "of a volatile one nobody is told";
  w.broker(1).publish(0, unnumbered(false, false));
  w.broker(1).publish(0, unnumbered(false, false));
  w.broker(1).publish(0, unnumbered(true, false));
  w.settle();
  ASSERT_EQ(w.told(0).count(Told::What::missed), 1U);
  const Missed first = w.told(0).log.back().lost;
  EXPECT_EQ(first.stream, stream);
  EXPECT_FALSE(first.numbered);
  EXPECT_TRUE(first.latest);
  EXPECT_EQ(first.gone, 2U);
  w.broker(1).publish(0, event_of(alerts, tenant, "2"));
  w.broker(1).publish(0, event_of(alerts, tenant, "3"));
  w.settle();
  const Missed second = w.told(0).log.back().lost;
  EXPECT_TRUE(second.numbered);
  EXPECT_FALSE(second.latest);
  EXPECT_EQ(second.gone, 0U);
}

TEST(MemoryBroker, AttachesOfManyIdsSpreadOverTheShardsAndAreCounted) {
  MemoryWorld w({.shards = 3});
  for (int n = 0; n < 300; ++n) w.broker(n % 3).attached(IdKind::user, "u" + std::to_string(n), "t1");
  w.settle();
  std::size_t ids = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    ids += w.door(s).counters().directory.ids;
    EXPECT_GT(w.door(s).counters().directory.ids, 50U);
  }
  EXPECT_EQ(ids, 300U);
}

TEST(MemoryBroker, AMessageIsThreeWords) { EXPECT_LE(sizeof(Message), 24U); }

}  // namespace
}  // namespace sparc::broker
