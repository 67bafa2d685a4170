#include "auth/revocation.h"

#include <gtest/gtest.h>

namespace sparc::auth {
namespace {

using Added = RevocationSet::Added;

TokenHash token(std::uint64_t n) { return {{n, ~n}}; }
Now at(std::int64_t wall_ms) { return {0, wall_ms}; }

TEST(RevocationSet, ATokenIsRevokedUntilItExpiresItself) {
  RevocationSet set;
  EXPECT_EQ(set.add(token(1), 1'000, at(0)), Added::added);
  EXPECT_TRUE(set.contains(token(1)));
  EXPECT_FALSE(set.contains(token(2)));
  set.on_tick(at(999));
  EXPECT_TRUE(set.contains(token(1)));
  set.on_tick(at(1'000));
  EXPECT_FALSE(set.contains(token(1)));
  EXPECT_EQ(set.size(), 0U);
}

TEST(RevocationSet, ATokenThatNeverExpiresStaysRevoked) {
  RevocationSet set;
  EXPECT_EQ(set.add(token(1), 0, at(5)), Added::added);
  set.on_tick(at(9'000'000'000'000'000));
  EXPECT_TRUE(set.contains(token(1)));
}

TEST(RevocationSet, AnExpiredTokenNeedsNoPlace) {
  RevocationSet set;
  EXPECT_EQ(set.add(token(1), 1'000, at(1'000)), Added::expired);
  EXPECT_EQ(set.size(), 0U);
}

TEST(RevocationSet, OfTwoExpiriesOfOneTokenTheLaterHolds) {
  RevocationSet set;
  set.add(token(1), 1'000, at(0));
  EXPECT_EQ(set.add(token(1), 3'000, at(0)), Added::known);
  EXPECT_EQ(set.add(token(1), 2'000, at(0)), Added::known);
  EXPECT_EQ(set.size(), 1U);
  set.on_tick(at(2'999));
  EXPECT_TRUE(set.contains(token(1)));
  set.on_tick(at(3'000));
  EXPECT_FALSE(set.contains(token(1)));
}

TEST(RevocationSet, WhenFullTheOneThatExpiresSoonestGoesAndIsCounted) {
  RevocationSet set(2);
  set.add(token(1), 2'000, at(0));
  set.add(token(2), 1'000, at(0));
  EXPECT_EQ(set.add(token(3), 0, at(0)), Added::displaced);
  EXPECT_TRUE(set.contains(token(1)));
  EXPECT_FALSE(set.contains(token(2)));
  EXPECT_TRUE(set.contains(token(3)));
  EXPECT_EQ(set.displaced(), 1U);
}

TEST(RevocationSet, WhatHasExpiredMakesPlaceFirst) {
  RevocationSet set(2);
  set.add(token(1), 1'000, at(0));
  set.add(token(2), 5'000, at(0));
  EXPECT_EQ(set.add(token(3), 5'000, at(1'000)), Added::added);
  EXPECT_EQ(set.displaced(), 0U);
}

TEST(RevocationSet, ARevocationCanBeUndone) {
  RevocationSet set;
  set.add(token(1), 1'000, at(0));
  EXPECT_TRUE(set.remove(token(1)));
  EXPECT_FALSE(set.remove(token(1)));
  EXPECT_FALSE(set.contains(token(1)));
  set.on_tick(at(2'000));
}

}  // namespace
}  // namespace sparc::auth
