#include "base/slab.h"

#include <gtest/gtest.h>

#include "base/frame.h"

namespace sparc {
namespace {

TEST(Slab, AStaleHandleIsAMissAfterItsSlotWasReused) {
  Slab<int> slab;
  ConnectionId first = slab.emplace(1);
  ASSERT_TRUE(slab.erase(first));
  ConnectionId second = slab.emplace(2);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(slab.find(first), nullptr);
  ASSERT_NE(slab.find(second), nullptr);
  EXPECT_EQ(*slab.find(second), 2);
  EXPECT_FALSE(slab.erase(first));
}

TEST(Slab, ValuesDoNotMoveWhenTheSlabGrows) {
  Slab<int, 4> slab;
  ConnectionId first = slab.emplace(7);
  int* address = slab.find(first);
  for (int i = 0; i < 100; ++i) slab.emplace(i);
  EXPECT_EQ(slab.find(first), address);
  EXPECT_EQ(slab.live(), 101U);
}

TEST(Frame, BytesAreSharedUntilTheLastReferenceGoes) {
  Frame a("hello");
  {
    Frame b = a;
    EXPECT_EQ(a.references(), 2U);
    EXPECT_EQ(b.bytes().data(), a.bytes().data());
  }
  EXPECT_EQ(a.references(), 1U);
  EXPECT_EQ(a.bytes(), "hello");
  EXPECT_TRUE(Frame().bytes().empty());
}

}  // namespace
}  // namespace sparc
