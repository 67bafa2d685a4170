#include "base/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "net/system_entropy.h"

namespace sparc::net {
namespace {

std::vector<std::uint64_t> fired(TimerWheel& wheel, std::int64_t now_ms) {
  std::vector<std::uint64_t> out;
  wheel.advance(now_ms, [&](std::uint64_t token) { out.push_back(token); });
  return out;
}

TEST(TimerWheel, ATimerFiresAtItsMillisecondAndNotBefore) {
  for (std::int64_t after : {1, 2, 63, 64, 65, 4'095, 4'096, 262'144, 16'777'217}) {
    TimerWheel wheel(1'000);
    wheel.schedule(after, 7);
    EXPECT_TRUE(fired(wheel, 1'000 + after - 1).empty()) << after;
    EXPECT_EQ(fired(wheel, 1'000 + after), std::vector<std::uint64_t>{7}) << after;
    EXPECT_TRUE(fired(wheel, 1'000 + after * 2).empty()) << after;
    EXPECT_EQ(wheel.size(), 0U);
  }
}

TEST(TimerWheel, ACancelledTimerDoesNotFireAndItsIdStaysStaleWhenItsNodeIsReused) {
  TimerWheel wheel(0);
  const TimerId first = wheel.schedule(10, 1);
  EXPECT_TRUE(wheel.cancel(first));
  EXPECT_FALSE(wheel.cancel(first));
  wheel.schedule(10, 2);
  EXPECT_FALSE(wheel.cancel(first));
  EXPECT_FALSE(wheel.cancel(TimerId::none));
  EXPECT_EQ(fired(wheel, 10), std::vector<std::uint64_t>{2});
}

TEST(TimerWheel, ATimerOfNoDelayFiresInTheNextMillisecond) {
  TimerWheel wheel(5);
  wheel.schedule(0, 1);
  wheel.schedule(-100, 2);
  EXPECT_TRUE(fired(wheel, 5).empty());
  EXPECT_EQ(fired(wheel, 6).size(), 2U);
}

TEST(TimerWheel, AClockThatStandsOrGoesBackFiresNothingTwice) {
  TimerWheel wheel(100);
  wheel.schedule(10, 1);
  EXPECT_EQ(fired(wheel, 110).size(), 1U);
  EXPECT_TRUE(fired(wheel, 90).empty());
  wheel.schedule(5, 2);
  EXPECT_TRUE(fired(wheel, 114).empty());
  EXPECT_EQ(fired(wheel, 115).size(), 1U);
}

TEST(TimerWheel, WhatFiresMayScheduleAndCancelOthers) {
  TimerWheel wheel(0);
  const TimerId later = wheel.schedule(20, 99);
  wheel.schedule(10, 1);
  int ticks = 0;
  wheel.advance(15, [&](std::uint64_t token) {
    EXPECT_EQ(token, 1U);
    ++ticks;
    EXPECT_TRUE(wheel.cancel(later));
    wheel.schedule(0, 2);  // a call must end even if every timer schedules another
  });
  EXPECT_EQ(ticks, 1);
  EXPECT_EQ(fired(wheel, 100), std::vector<std::uint64_t>{2});
}

TEST(TimerWheel, WithoutTimersThereIsNoDeadline) {
  TimerWheel wheel(0);
  EXPECT_EQ(wheel.next_deadline(), TimerWheel::never);
  const TimerId id = wheel.schedule(100'000, 1);
  EXPECT_LE(wheel.next_deadline(), 100'000);
  wheel.cancel(id);
  EXPECT_EQ(wheel.next_deadline(), TimerWheel::never);
}

TEST(TimerWheel, ALoopThatSleepsUntilTheNextDeadlineFiresOnTimeInAFewTurns) {
  TimerWheel wheel(0);
  wheel.schedule(3'600'000, 1);
  std::int64_t now = 0;
  int turns = 0;
  while (wheel.size() != 0) {
    ASSERT_GT(wheel.next_deadline(), now);
    now = wheel.next_deadline();
    fired(wheel, now);
    ++turns;
  }
  EXPECT_EQ(now, 3'600'000);
  EXPECT_LE(turns, 7);
}

// The model: deadlines in a multimap. Each operation on both; what fires must be the same set, in the order of deadlines.
TEST(TimerWheel, BehavesLikeASortedMapUnderAnyMixOfOperations) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    std::int64_t now = static_cast<std::int64_t>(random() % 1'000'000'000);
    TimerWheel wheel(now);
    std::multimap<std::int64_t, std::uint64_t> model;
    std::map<std::uint64_t, std::pair<TimerId, std::int64_t>> known;
    std::uint64_t next_token = 0;
    const auto magnitude = [&] { return static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 34))); };
    for (int step = 0; step < 2'000; ++step) {
      const auto what = random() % 10;
      if (what < 5) {
        const std::int64_t after = magnitude();
        const std::int64_t deadline = now + std::max<std::int64_t>(after, 1);
        known[next_token] = {wheel.schedule(after, next_token), deadline};
        model.emplace(deadline, next_token++);
      } else if (what < 8 && !known.empty()) {
        const auto chosen = std::next(known.begin(), static_cast<std::ptrdiff_t>(random() % known.size()));
        const auto [id, deadline] = chosen->second;
        const auto range = model.equal_range(deadline);
        const auto in_model = std::find_if(range.first, range.second, [&](auto& e) { return e.second == chosen->first; });
        ASSERT_EQ(wheel.cancel(id), in_model != range.second) << "seed " << seed;
        if (in_model != range.second) model.erase(in_model);
        known.erase(chosen);
      } else {
        now += magnitude() % 100'000;
        std::vector<std::pair<std::int64_t, std::uint64_t>> expected(model.begin(), model.upper_bound(now)), seen;
        model.erase(model.begin(), model.upper_bound(now));
        wheel.advance(now, [&](std::uint64_t token) { seen.emplace_back(known.at(token).second, token); });
        ASSERT_TRUE(std::is_sorted(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.first < b.first; }))
            << "seed " << seed;
        std::sort(expected.begin(), expected.end());
        std::sort(seen.begin(), seen.end());
        ASSERT_EQ(seen, expected) << "seed " << seed;
      }
      ASSERT_EQ(wheel.size(), model.size());
      ASSERT_LE(wheel.next_deadline(), model.empty() ? TimerWheel::never : model.begin()->first) << "seed " << seed;
      ASSERT_GT(wheel.next_deadline(), now) << "seed " << seed;
    }
  }
}

TEST(SystemEntropy, EveryByteIsFilledAndNothingComesTwice) {
  SystemEntropy entropy;
  // 600 bytes bypass the buffer, 7 and 8 run over its edge.
  for (std::size_t size : {7UL, 8UL, 511UL, 512UL, 600UL}) {
    std::vector<std::byte> seen_bits(size, std::byte{0});
    for (int round = 0; round < 64; ++round) {
      std::vector<std::byte> bytes(size, std::byte{0});
      entropy.fill(bytes);
      for (std::size_t i = 0; i < size; ++i) seen_bits[i] |= bytes[i];
    }
    for (std::byte bits : seen_bits) EXPECT_NE(bits, std::byte{0});
  }
  std::vector<std::uint64_t> values(10'000);
  for (auto& value : values) value = entropy.next();
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
}

}  // namespace
}  // namespace sparc::net
