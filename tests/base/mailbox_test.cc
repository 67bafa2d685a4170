#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace sparc {
namespace {

using Box = Mailbox<std::unique_ptr<int>>;

TEST(Mailbox, OnlyTheFirstPushAfterADrainAsksForAWake) {
  Box box(8);
  auto a = std::make_unique<int>(1), b = std::make_unique<int>(2), c = std::make_unique<int>(3);
  EXPECT_EQ(box.push(a), Box::Push::queued_wake);
  EXPECT_EQ(box.push(b), Box::Push::queued);
  EXPECT_EQ(box.drain([](auto) {}), 2U);
  EXPECT_EQ(box.push(c), Box::Push::queued_wake);
}

TEST(Mailbox, AFullMailboxLeavesTheItemWithItsSender) {
  Box box(2);
  auto a = std::make_unique<int>(1), b = std::make_unique<int>(2), c = std::make_unique<int>(3);
  (void)box.push(a);
  (void)box.push(b);
  EXPECT_EQ(box.push(c), Box::Push::full);
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(*c, 3);
}

TEST(Mailbox, ManySendersLoseNothingAndEachOnesItemsKeepTheirOrder) {
  struct Item {
    int sender = 0;
    int number = 0;
  };
  constexpr int senders = 4, each = 20'000;
  Mailbox<Item> box(256);
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s) {
    threads.emplace_back([&box, s] {
      for (int n = 0; n < each; ++n) {
        Item item{s, n};
        while (box.push(item) == Mailbox<Item>::Push::full) std::this_thread::yield();
      }
    });
  }
  std::vector<int> next(senders, 0);
  int taken = 0;
  while (taken < senders * each) {
    box.drain([&](Item item) {
      EXPECT_EQ(item.number, next[item.sender]++);
      ++taken;
    });
    std::this_thread::yield();
  }
  for (auto& t : threads) t.join();
  EXPECT_TRUE(box.empty());
}

}  // namespace
}  // namespace sparc
