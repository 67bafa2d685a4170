#include "net/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/mailbox.h"

namespace sparc::net {
namespace {

class Counting final : public Turn {
 public:
  void on_wake() override {
    ++wakes;
    if (wake_hook) wake_hook();
  }
  std::int64_t end_of_turn() override {
    ++turns;
    if (end_hook) end_hook();
    return deadline_ms;
  }
  int wakes = 0, turns = 0;
  std::int64_t deadline_ms = no_deadline;
  std::function<void()> wake_hook, end_hook;
};

class Hook final : public Watcher {
 public:
  explicit Hook(std::function<void(std::uint32_t)> run) : run_(std::move(run)) {}
  void on_events(std::uint32_t events) override { run_(events); }

 private:
  std::function<void(std::uint32_t)> run_;
};

std::array<Fd, 2> pair() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

TEST(Loop, AWakeBeforeTheSleepIsNotLost) {
  auto loop = Loop::create().value();
  Counting turn;
  loop->wake();
  loop->wake();
  loop->run_once(turn, -1);
  EXPECT_EQ(turn.wakes, 1);
  loop->run_once(turn, 0);
  EXPECT_EQ(turn.wakes, 1);
}

TEST(Loop, AWakeInsideATurnLeadsToAnotherTurn) {
  auto loop = Loop::create().value();
  Counting turn;
  turn.wake_hook = [&] {
    if (turn.wakes == 1) loop->wake();
  };
  loop->wake();
  loop->run_once(turn, -1);
  loop->run_once(turn, -1);
  EXPECT_EQ(turn.wakes, 2);
}

TEST(Loop, WakesFromManyThreadsNeverLeaveAnItemBehind) {
  constexpr int senders = 3, each = 20'000;
  auto loop = Loop::create().value();
  Mailbox<int> box(64);
  int taken = 0;
  Counting turn;
  turn.wake_hook = [&] {
    box.drain([&](int) { ++taken; });
    if (taken == senders * each) loop->stop();
  };
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&] {
      for (int n = 0; n < each; ++n) {
        for (;;) {
          int item = n;
          const auto pushed = box.push(item);
          if (pushed == Mailbox<int>::Push::queued_wake) loop->wake();
          if (pushed != Mailbox<int>::Push::full) break;
          std::this_thread::yield();
        }
      }
    });
  }
  loop->run(turn);  // hangs if a wake is lost: the loop has no other reason to turn
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, senders * each);
}

TEST(Loop, StopFromAnotherThreadEndsASleep) {
  auto loop = Loop::create().value();
  Counting turn;
  std::thread other([&] { loop->stop(); });
  loop->run(turn);
  other.join();
  EXPECT_TRUE(loop->stopped());
}

TEST(Loop, ATurnThatLeavesWorkIsFollowedByOneThatDoesNotSleep) {
  auto loop = Loop::create().value();
  Counting turn;
  turn.end_hook = [&] {
    if (turn.turns < 5) loop->stay_awake();
    if (turn.turns == 5) loop->stop();
  };
  loop->stay_awake();
  loop->run(turn);  // without a deadline or an event: each turn but the first owes itself to the one before
  EXPECT_EQ(turn.turns, 5);
}

TEST(Loop, TheNextTurnBeginsAtTheDeadlineThatTheLastOneNamed) {
  auto loop = Loop::create().value();
  Counting turn;
  turn.deadline_ms = loop->now().monotonic_ms + 20;
  loop->run_once(turn, 0);
  loop->run_once(turn, -1);
  EXPECT_GE(loop->now().monotonic_ms, turn.deadline_ms);
}

TEST(Loop, TimeStandsStillDuringATurn) {
  auto loop = Loop::create().value();
  Counting turn;
  std::int64_t at_wake = 0;
  turn.wake_hook = [&] {
    at_wake = loop->now().monotonic_ms;
    timespec begin{}, time{};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do clock_gettime(CLOCK_MONOTONIC, &time);
    while ((time.tv_sec - begin.tv_sec) * 1'000'000'000 + time.tv_nsec - begin.tv_nsec < 3'000'000);
  };
  turn.end_hook = [&] { EXPECT_EQ(loop->now().monotonic_ms, at_wake); };
  loop->wake();
  loop->run_once(turn, -1);
  turn.end_hook = nullptr;
  loop->run_once(turn, 0);
  EXPECT_GT(loop->now().monotonic_ms, at_wake);
  EXPECT_GT(loop->now().wall_ms, 1'600'000'000'000);
}

TEST(Loop, NoEventReachesAWatcherThatWasUnwatchedInTheSameTurn) {
  auto loop = Loop::create().value();
  auto [a, a_peer] = pair();
  auto [b, b_peer] = pair();
  int calls = 0;
  // Whichever runs first unwatches both and registers a stranger in their place.
  auto [c, c_peer] = pair();
  Hook stranger([](std::uint32_t) { FAIL() << "a stale event"; });
  Hook hook([&](std::uint32_t) {
    ++calls;
    loop->unwatch(a.get());
    loop->unwatch(b.get());
    ASSERT_TRUE(loop->watch(c.get(), EPOLLIN, stranger));
  });
  ASSERT_TRUE(loop->watch(a.get(), EPOLLIN, hook));
  ASSERT_TRUE(loop->watch(b.get(), EPOLLIN, hook));
  ASSERT_EQ(::write(a_peer.get(), "x", 1), 1);
  ASSERT_EQ(::write(b_peer.get(), "x", 1), 1);
  Counting turn;
  loop->run_once(turn, -1);
  loop->run_once(turn, 0);
  EXPECT_EQ(calls, 1);
  loop->unwatch(c.get());
}

TEST(Loop, WhatIsWatchedCanBeChanged) {
  auto loop = Loop::create().value();
  auto [a, peer] = pair();
  std::vector<std::uint32_t> seen;
  Hook hook([&](std::uint32_t events) { seen.push_back(events); });
  ASSERT_TRUE(loop->watch(a.get(), EPOLLIN, hook));
  Counting turn;
  loop->run_once(turn, 0);
  EXPECT_TRUE(seen.empty());
  ASSERT_TRUE(loop->rewatch(a.get(), EPOLLOUT));
  loop->run_once(turn, 0);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0], std::uint32_t{EPOLLOUT});
  loop->unwatch(a.get());
}

TEST(Loop, AWatcherThatAsksAgainRunsOnceInTheNextTurnUnlessItIsUnwatched) {
  auto loop = Loop::create().value();
  auto [a, peer] = pair();
  int calls = 0;
  Hook hook([&](std::uint32_t events) {
    EXPECT_EQ(events, 0U);
    if (++calls == 1) loop->again(hook, 0);
  });
  ASSERT_TRUE(loop->watch(a.get(), EPOLLIN, hook));
  Counting turn;
  loop->again(hook, 0);
  loop->run_once(turn, -1);
  EXPECT_EQ(calls, 1);
  loop->run_once(turn, -1);
  EXPECT_EQ(calls, 2);
  loop->run_once(turn, 0);
  EXPECT_EQ(calls, 2);
  loop->again(hook, loop->now().monotonic_ms + 5);
  while (calls == 2) loop->run_once(turn, -1);
  loop->again(hook, 0);
  loop->unwatch(a.get());
  loop->run_once(turn, 0);
  EXPECT_EQ(calls, 3);
}

TEST(Loop, ADescriptorThatCannotBeWatchedIsAnError) {
  auto loop = Loop::create().value();
  Hook hook([](std::uint32_t) {});
  const auto watched = loop->watch(-1, EPOLLIN, hook);
  ASSERT_FALSE(watched);
  EXPECT_NE(watched.error().message.find("cannot watch"), std::string::npos);
}

}  // namespace
}  // namespace sparc::net
