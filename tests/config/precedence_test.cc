#include "config/config_support.h"

namespace sparc::config {
namespace {

TEST(Precedence, WithoutAnythingTheGuidesDefaultsApply) {
  const Config config = load_good(Sources{}).config;
  EXPECT_EQ(config.port, 3100);
  EXPECT_EQ(config.ping_interval_ms, 30'000u);
  EXPECT_EQ(config.ping_timeout_ms, 5'000u);
  EXPECT_EQ(config.limits.message_bytes_max, 1'048'576u);
  EXPECT_TRUE(config.use_unified);
  EXPECT_TRUE(config.jwt.secret.empty());
  EXPECT_TRUE(config.cors_origins.empty());
}

TEST(Precedence, FlagsWinOverTheEnvironmentThatOverTheFileThatOverDefaults) {
  const std::string file = "port = 1001\nshards = 2\n";
  EXPECT_EQ(load_good(sources(file)).config.port, 1001);
  EXPECT_EQ(load_good(sources(file, {{"WEBSOCKET_PORT", "1002"}})).config.port, 1002);
  const Loaded all = load_good(sources(file, {{"WEBSOCKET_PORT", "1002"}}, {{"port", "1003"}}));
  EXPECT_EQ(all.config.port, 1003);
  EXPECT_EQ(all.config.shards, 2u);
}

TEST(Precedence, TheOriginOfEachValueIsKnown) {
  const Loaded loaded = load_good(sources("\nshards = 2\n[jwt]\nissuer = 'x'\n", {{"REDIS_URL", "redis://r"}}, {{"port", "0"}}));
  EXPECT_EQ(loaded.origins.at("shards"), "test.toml:2");
  EXPECT_EQ(loaded.origins.at("jwt.issuer"), "test.toml:4");
  EXPECT_EQ(loaded.origins.at("redis_url"), "environment REDIS_URL");
  EXPECT_EQ(loaded.origins.at("port"), "flag --port");
  EXPECT_FALSE(loaded.origins.contains("host"));
}

TEST(Precedence, AVariableSetToNothingCountsAsNotSet) {
  const Loaded loaded = load_good(sources("redis_url = 'redis://file'", {{"REDIS_URL", ""}}));
  EXPECT_EQ(loaded.config.redis_url, "redis://file");
}

TEST(Precedence, TheGuidesVariablesAreUnderstood) {
  const Config config = load_good(sources("", {{"WEBSOCKET_PORT", "4000"},
                                               {"WEBSOCKET_PING_INTERVAL", "1000"},
                                               {"WEBSOCKET_PING_TIMEOUT", "500"},
                                               {"WEBSOCKET_MAX_PAYLOAD_SIZE", "4096"},
                                               {"JWT_SECRET", "test-secret"},
                                               {"REDIS_URL", "redis://localhost:6379"},
                                               {"CORS_ORIGINS", "http://localhost:3000, https://app.example.com"},
                                               {"USE_UNIFIED_WEBSOCKET", "true"},
                                               {"WEBSOCKET_API_KEY", "0123456789abcdef"},
                                               {"WEBSOCKET_CAMERA_OWNERSHIP", "if-known"},
                                               {"WEBSOCKET_DEV_ECHO", "1"}}))
                            .config;
  EXPECT_EQ(config.port, 4000);
  EXPECT_EQ(config.ping_interval_ms, 1'000u);
  EXPECT_EQ(config.ping_timeout_ms, 500u);
  EXPECT_EQ(config.limits.message_bytes_max, 4'096u);
  EXPECT_EQ(config.jwt.secret, "test-secret");
  EXPECT_EQ(config.redis_url, "redis://localhost:6379");
  EXPECT_THAT(config.cors_origins, testing::ElementsAre("http://localhost:3000", "https://app.example.com"));
  EXPECT_EQ(config.api_key, "0123456789abcdef");
  EXPECT_EQ(config.camera_ownership, CameraOwnership::if_known);
  EXPECT_TRUE(config.dev_echo);
}

TEST(Precedence, AnUnknownVariableNearAKnownOneIsWarnedOf) {
  const Loaded loaded =
      load_good(sources("", {{"WEBSOCKET_PROT", "1"}, {"WEBSOCKET_SERVICE_SOMETHING_ELSE", "1"}, {"HOME", "/"}}));
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0], "WEBSOCKET_PROT: not a setting; did you mean \"WEBSOCKET_PORT\"?");
}

}  // namespace
}  // namespace sparc::config
