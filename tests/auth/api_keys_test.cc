#include "auth/api_keys.h"

#include <gmock/gmock.h>

#include "auth/scopes.h"

namespace sparc::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint8_t publish = static_cast<std::uint8_t>(Scope::publish);

ApiKeys made(std::vector<ApiKeyConfig> configs, std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> ignored;
  auto keys = ApiKeys::make(configs, warnings != nullptr ? *warnings : ignored);
  EXPECT_TRUE(keys);
  return keys ? std::move(*keys) : ApiKeys();
}

TEST(ApiKeys, AKeyIsFoundByItsWholeTextAndNoOther) {
  const ApiKeys keys = made({{"video", "video-key-0123456789", publish, "t1"}, {"all", "all-key-0123456789abc", all_scopes, ""}});
  const ServiceIdentity* video = keys.find("video-key-0123456789");
  ASSERT_NE(video, nullptr);
  EXPECT_EQ(video->name, "video");
  EXPECT_EQ(video->tenant_id, "t1");
  EXPECT_EQ(video->expires_ms, 0);
  EXPECT_TRUE(video->may(Scope::publish));
  EXPECT_FALSE(video->may(Scope::read));
  ASSERT_NE(keys.find("all-key-0123456789abc"), nullptr);
  EXPECT_TRUE(keys.find("all-key-0123456789abc")->may(Scope::rollout));
  for (const char* text : {"", "video-key-012345678", "video-key-01234567890", "Video-key-0123456789", "video"})
    EXPECT_EQ(keys.find(text), nullptr) << text;
  EXPECT_EQ(keys.find(std::string(ApiKeys::key_bytes_max + 1, 'x')), nullptr);
}

TEST(ApiKeys, WithoutKeysNobodyIsLetIn) {
  EXPECT_EQ(ApiKeys().find(""), nullptr);
  EXPECT_EQ(ApiKeys().find("anything"), nullptr);
}

TEST(ApiKeys, AKeyOfOneTenantHasNoRolloutAndAShortKeyIsWarnedOf) {
  std::vector<std::string> warnings;
  const ApiKeys keys = made({{"a", "long enough to be a key", all_scopes, "t1"}, {"b", "short", publish, ""}}, &warnings);
  EXPECT_FALSE(keys.find("long enough to be a key")->may(Scope::rollout));
  EXPECT_TRUE(keys.find("long enough to be a key")->may(Scope::handle));
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("rollout"));
  EXPECT_THAT(warnings[1], HasSubstr("\"b\" has 5 bytes"));
  EXPECT_THAT(warnings[1], Not(HasSubstr("short")));
}

TEST(ApiKeys, WhatCannotBeAKeyIsAnErrorThatDoesNotShowIt) {
  const std::vector<std::vector<ApiKeyConfig>> bad = {
      {{"", "0123456789abcdef", 0, ""}},
      {{"a", "", 0, ""}},
      {{"a", std::string(ApiKeys::key_bytes_max + 1, 'x'), 0, ""}},
      {{"a", "0123456789abcdef", 0, "no tenant"}},
      {{"a", "0123456789abcdef", 0, ""}, {"a", "another-0123456789", 0, ""}},
      {{"a", "0123456789abcdef", 0, ""}, {"b", "0123456789abcdef", 0, ""}},
      std::vector<ApiKeyConfig>(ApiKeys::keys_max + 1),
  };
  for (const auto& configs : bad) {
    std::vector<std::string> warnings;
    const auto keys = ApiKeys::make(configs, warnings);
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().message, Not(HasSubstr("0123456789")));
  }
}

TEST(Scopes, EachHasAName) {
  EXPECT_EQ(scopes_of("publish read disconnect rollout handle"), all_scopes);
  EXPECT_EQ(scope_named("handle"), Scope::handle);
  EXPECT_FALSE(scope_named("write"));
}

}  // namespace
}  // namespace sparc::auth
