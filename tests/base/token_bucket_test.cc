#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace sparc {
namespace {

TEST(TokenBucket, ABurstOfThePointsPassesAndThenTheDelayIsSaid) {
  TokenBucket bucket;
  Rate rate{10, 1'000};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bucket.take(rate, 5'000), 0);
  EXPECT_EQ(bucket.take(rate, 5'000), 100);
  EXPECT_EQ(bucket.take(rate, 5'099), 1);
  EXPECT_EQ(bucket.take(rate, 5'100), 0);
}

TEST(TokenBucket, ZeroPointsMeanNoLimit) {
  TokenBucket bucket;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(bucket.take(Rate{}, 1), 0);
}

TEST(TokenBucket, AClockThatStepsBackGivesNothing) {
  TokenBucket bucket;
  Rate rate{1, 1'000};
  EXPECT_EQ(bucket.take(rate, 10'000), 0);
  EXPECT_GT(bucket.take(rate, 1'000), 0);
  EXPECT_EQ(bucket.take(rate, 11'000), 0);
}

}  // namespace
}  // namespace sparc
