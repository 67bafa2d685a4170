#include "auth/jwks_cache.h"

#include <gmock/gmock.h>

namespace sparc::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Two documents of one key each, told apart by kid.
const std::string first =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";
const std::string second =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"b","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

Now at(std::int64_t ms) { return {ms, 1'767'225'600'000 + ms}; }

JwksSource url(KeyPurpose purpose = KeyPurpose::user) { return {purpose, false, "https://id.example/keys"}; }

class JwksCacheTest : public ::testing::Test {
 protected:
  /// Begins the load that is due at `ms`.
  JwksCache::Fetch fetch(JwksCache& cache, std::int64_t ms) {
    auto turn = cache.on_tick(at(ms));
    EXPECT_THAT(turn.fetches, SizeIs(1)) << ms;
    return turn.fetches.empty() ? JwksCache::Fetch{} : turn.fetches[0];
  }
  static JwksCache::Answer ok(const JwksCache::Fetch& fetch, std::string body, std::optional<std::int64_t> max_age_ms = {}) {
    return {fetch.attempt, 200, std::move(body), max_age_ms, {}, {}};
  }
  static std::vector<std::string> kids(const JwksCache& cache) {
    KeySetBuilder builder;
    EXPECT_THAT(cache.add_to(builder), IsEmpty());
    std::vector<std::string> out;
    const auto set = builder.build();
    for (const auto& key : set->keys()) out.push_back(key.kid);
    return out;
  }

  SeededEntropy entropy_{7};
  JwksOptions options_;
};

TEST_F(JwksCacheTest, ASourceIsLoadedAtOnceAndItsKeysAreGiven) {
  JwksCache cache({url()}, options_, entropy_);
  EXPECT_LE(cache.next_due_ms(), 0);
  EXPECT_TRUE(cache.refreshing(KeyPurpose::user));
  const auto load = fetch(cache, 0);
  EXPECT_EQ(load.location, "https://id.example/keys");
  EXPECT_FALSE(load.is_file);
  EXPECT_THAT(cache.on_tick(at(1)).fetches, IsEmpty());  // one load at a time
  EXPECT_TRUE(cache.on_answer(load.source, ok(load, first), at(50)));
  EXPECT_EQ(kids(cache), std::vector<std::string>{"a"});
  EXPECT_FALSE(cache.refreshing(KeyPurpose::user));
  EXPECT_TRUE(cache.status()[0].has_keys);
  EXPECT_EQ(cache.status()[0].loaded_wall_ms, at(50).wall_ms);
}

TEST_F(JwksCacheTest, ItIsLoadedAgainWithinTheLastTenthOfItsMaxAge) {
  JwksCache cache({url()}, options_, entropy_);
  const auto load = fetch(cache, 0);
  ASSERT_TRUE(cache.on_answer(0, ok(load, first, 600'000), at(0)));
  EXPECT_GE(cache.next_due_ms(), 540'000);
  EXPECT_LE(cache.next_due_ms(), 600'000);
  EXPECT_THAT(cache.on_tick(at(cache.next_due_ms() - 1)).fetches, IsEmpty());
  const auto again = fetch(cache, cache.next_due_ms());
  EXPECT_FALSE(cache.on_answer(0, ok(again, first), at(600'000)));  // nothing new
}

TEST_F(JwksCacheTest, AMaxAgeIsKeptWithinBounds) {
  for (const auto& [max_age, low, high] :
       {std::tuple{std::int64_t{0}, 54'000, 60'000}, std::tuple{std::int64_t{-5}, 54'000, 60'000},
        std::tuple{std::int64_t{1} << 60, 77'760'000, 86'400'000}}) {
    options_.stale_ms_max = 0;
    JwksCache cache({url()}, options_, entropy_);
    const auto load = fetch(cache, 0);
    ASSERT_TRUE(cache.on_answer(0, ok(load, first, max_age), at(0)));
    EXPECT_GE(cache.next_due_ms(), low);
    EXPECT_LE(cache.next_due_ms(), high);
  }
}

TEST_F(JwksCacheTest, RotatedKeysReplaceTheOldOnes) {
  JwksCache cache({url()}, options_, entropy_);
  const auto load = fetch(cache, 0);
  ASSERT_TRUE(cache.on_answer(0, ok(load, first), at(0)));
  const auto again = fetch(cache, 400'000);
  EXPECT_TRUE(cache.on_answer(0, ok(again, second), at(400'100)));
  EXPECT_EQ(kids(cache), std::vector<std::string>{"b"});
}

TEST_F(JwksCacheTest, AFailureKeepsTheLastGoodKeys) {
  JwksCache cache({url()}, options_, entropy_);
  ASSERT_TRUE(cache.on_answer(0, ok(fetch(cache, 0), first), at(0)));
  std::int64_t when = 400'000;
  const std::pair<int, std::string> bad[] = {{500, ""}, {404, first}, {200, "<html>"}, {200, R"({"keys":[]})"}, {0, ""}};
  std::uint32_t failures = 0;
  for (const auto& [status, body] : bad) {
    const auto load = fetch(cache, when);
    EXPECT_FALSE(cache.on_answer(0, {load.attempt, status, body, {}, {}, {}}, at(when)));
    EXPECT_EQ(cache.status()[0].failures, ++failures);
    EXPECT_FALSE(cache.status()[0].error.empty());
    EXPECT_EQ(kids(cache), std::vector<std::string>{"a"});
    when += options_.retry_ms_max;
  }
  ASSERT_FALSE(cache.on_answer(0, ok(fetch(cache, when), first), at(when)));
  EXPECT_EQ(cache.status()[0].failures, 0U);
  EXPECT_EQ(cache.status()[0].error, "");
}

TEST_F(JwksCacheTest, RetriesComeAfterRandomDelaysBelowADoublingBound) {
  JwksCache cache({url()}, options_, entropy_);
  std::int64_t when = 0, bound = options_.retry_ms_first, longest = 0;
  for (int i = 0; i < 40; ++i) {
    const auto load = fetch(cache, when);
    EXPECT_FALSE(cache.on_answer(0, {load.attempt, 503, {}, {}, {}, {}}, at(when)));
    const std::int64_t delay = cache.next_due_ms() - when;
    EXPECT_GE(delay, options_.retry_ms_min);
    EXPECT_LE(delay, bound);
    longest = std::max(longest, delay);
    bound = std::min(bound * 2, options_.retry_ms_max);
    when = cache.next_due_ms();
  }
  EXPECT_GT(longest, options_.retry_ms_max / 2);
}

TEST_F(JwksCacheTest, ALoadWithoutAnswerFailsAtItsTimeoutAndItsLateAnswerIsIgnored) {
  JwksCache cache({url()}, options_, entropy_);
  const auto load = fetch(cache, 0);
  EXPECT_EQ(cache.next_due_ms(), options_.timeout_ms);
  EXPECT_THAT(cache.on_tick(at(options_.timeout_ms)).fetches, IsEmpty());
  EXPECT_EQ(cache.status()[0].failures, 1U);
  EXPECT_FALSE(cache.on_answer(0, ok(load, first), at(options_.timeout_ms + 1)));
  EXPECT_FALSE(cache.status()[0].has_keys);
  const auto again = fetch(cache, cache.next_due_ms());
  EXPECT_TRUE(cache.on_answer(0, ok(again, first), at(20'000)));
}

TEST_F(JwksCacheTest, AnswersToNothingAreIgnored) {
  JwksCache cache({url()}, options_, entropy_);
  EXPECT_FALSE(cache.on_answer(0, {0, 200, first, {}, {}, {}}, at(0)));
  EXPECT_FALSE(cache.on_answer(9, {1, 200, first, {}, {}, {}}, at(0)));
}

TEST_F(JwksCacheTest, AnUnknownKeyLoadsTheSourceAnewButNotTooOften) {
  JwksCache cache({url()}, options_, entropy_);
  ASSERT_TRUE(cache.on_answer(0, ok(fetch(cache, 0), first), at(0)));
  EXPECT_FALSE(cache.on_unknown_key(KeyPurpose::user, at(29'999)));
  EXPECT_TRUE(cache.on_unknown_key(KeyPurpose::user, at(30'000)));
  const auto load = fetch(cache, 30'000);
  EXPECT_TRUE(cache.on_unknown_key(KeyPurpose::user, at(30'001)));  // waits for the load under way
  EXPECT_TRUE(cache.on_answer(0, ok(load, second), at(30'100)));
  EXPECT_FALSE(cache.refreshing(KeyPurpose::user));
  EXPECT_FALSE(cache.on_unknown_key(KeyPurpose::user, at(59'999)));
  EXPECT_TRUE(cache.on_unknown_key(KeyPurpose::user, at(60'000)));
}

TEST_F(JwksCacheTest, AnUnknownKeyDoesNotShortenTheDelayAfterAFailure) {
  JwksCache cache({url()}, options_, entropy_);
  const auto load = fetch(cache, 0);
  EXPECT_FALSE(cache.on_answer(0, {load.attempt, 500, {}, {}, {}, {}}, at(0)));
  const std::int64_t due = cache.next_due_ms();
  EXPECT_FALSE(cache.on_unknown_key(KeyPurpose::user, at(1)));
  EXPECT_EQ(cache.next_due_ms(), due);
}

TEST_F(JwksCacheTest, AnUnknownKeyOfAUserDoesNotLoadTheKeysOfServices) {
  JwksCache cache({url(KeyPurpose::service)}, options_, entropy_);
  ASSERT_TRUE(cache.on_answer(0, ok(fetch(cache, 0), first), at(0)));
  EXPECT_FALSE(cache.on_unknown_key(KeyPurpose::user, at(100'000)));
  EXPECT_TRUE(cache.on_unknown_key(KeyPurpose::service, at(100'000)));
  KeySetBuilder builder;
  cache.add_to(builder);
  EXPECT_TRUE(builder.build()->serves(KeyPurpose::service));
}

TEST_F(JwksCacheTest, KeysOfASourceThatFailsForTooLongAreGivenUp) {
  options_.stale_ms_max = 3'600'000;
  JwksCache cache({url()}, options_, entropy_);
  ASSERT_TRUE(cache.on_answer(0, ok(fetch(cache, 0), first), at(0)));
  const auto load = fetch(cache, 3'590'000);
  EXPECT_FALSE(cache.on_answer(0, {load.attempt, 500, {}, {}, {}, {}}, at(3'590'000)));
  bool changed = false;
  while (!changed && cache.next_due_ms() <= 3'600'000) {
    const std::int64_t when = cache.next_due_ms();
    auto turn = cache.on_tick(at(when));
    changed = turn.keys_changed;
    EXPECT_EQ(changed, when == 3'600'000);
    for (const auto& fetch : turn.fetches) EXPECT_FALSE(cache.on_answer(0, {fetch.attempt, 500, {}, {}, {}, {}}, at(when)));
  }
  EXPECT_TRUE(changed);
  EXPECT_THAT(kids(cache), IsEmpty());
}

TEST_F(JwksCacheTest, ADocumentThatIsUnchangedByItsEtagIsGoodForAnotherWhile) {
  JwksCache cache({url()}, options_, entropy_);
  auto answer = ok(fetch(cache, 0), first);
  answer.etag = "\"v1\"";
  ASSERT_TRUE(cache.on_answer(0, std::move(answer), at(0)));
  const auto again = fetch(cache, 400'000);
  EXPECT_EQ(again.etag, "\"v1\"");
  EXPECT_FALSE(cache.on_answer(0, {again.attempt, 304, {}, {}, {}, {}}, at(400'000)));
  EXPECT_EQ(cache.status()[0].failures, 0U);
  EXPECT_GT(cache.next_due_ms(), 600'000);
  EXPECT_EQ(kids(cache), std::vector<std::string>{"a"});
}

TEST_F(JwksCacheTest, AFileIsLookedAtOftenWhateverAnybodySays) {
  JwksCache cache({{KeyPurpose::user, true, "/etc/keys.json"}}, options_, entropy_);
  const auto load = fetch(cache, 0);
  EXPECT_TRUE(load.is_file);
  ASSERT_TRUE(cache.on_answer(0, ok(load, first, 86'400'000), at(0)));
  EXPECT_LE(cache.next_due_ms(), options_.file_refresh_ms);
}

TEST_F(JwksCacheTest, WithoutSourcesNothingIsEverDue) {
  JwksCache cache({}, options_, entropy_);
  EXPECT_EQ(cache.next_due_ms(), INT64_MAX);
  EXPECT_FALSE(cache.on_unknown_key(KeyPurpose::user, at(0)));
  EXPECT_THAT(cache.on_tick(at(0)).fetches, IsEmpty());
}

TEST(JwksSource, UrlsAndPathsAreToldApartAndAnythingElseIsAnError) {
  std::vector<std::string> warnings;
  EXPECT_FALSE(jwks_source("https://id.example/keys", KeyPurpose::user, warnings)->is_file);
  EXPECT_TRUE(jwks_source("/etc/keys.json", KeyPurpose::user, warnings)->is_file);
  EXPECT_EQ(jwks_source("file:///etc/keys.json", KeyPurpose::user, warnings)->location, "/etc/keys.json");
  EXPECT_TRUE(jwks_source("http://localhost:8080/keys", KeyPurpose::user, warnings));
  EXPECT_TRUE(jwks_source("http://127.0.0.1/keys", KeyPurpose::user, warnings));
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_TRUE(jwks_source("http://localhost.example/keys", KeyPurpose::user, warnings));
  EXPECT_TRUE(jwks_source("http://127.0.0.10/keys", KeyPurpose::user, warnings));
  ASSERT_THAT(warnings, SizeIs(2));
  EXPECT_THAT(warnings[0], HasSubstr("not encrypted"));
  for (const char* bad : {"", "keys.json", "ftp://x/keys", "https://", "https:///keys", "file://keys"}) {
    EXPECT_FALSE(jwks_source(bad, KeyPurpose::user, warnings)) << bad;
  }
}

}  // namespace
}  // namespace sparc::auth
