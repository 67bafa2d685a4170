#include "config/config_support.h"

namespace sparc::config {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal(const Sources& from) {
  std::string out;
  for (const auto& problem : problems_of_serving(load_good(from))) out += to_string(problem) + "\n";
  return out;
}

TEST(Serving, NeedsAKeyToVerifyTokensWithUnlessSomePathIsAnonymous) {
  EXPECT_THAT(refusal(sources("")), HasSubstr("set JWT_SECRET"));
  EXPECT_THAT(refusal(sources("", {{"JWT_SECRET", "s"}})), IsEmpty());
  EXPECT_THAT(refusal(sources("jwt.public_key_files = ['k.pem']")), IsEmpty());
  EXPECT_THAT(refusal(sources("jwt.jwks_url = 'https://keys.example'")), IsEmpty());
  EXPECT_THAT(refusal(sources("anonymous = [{ path = '/s', tenant = 't', namespaces = ['alerts'] }]")), IsEmpty());
}

TEST(Serving, DevelopmentKeysFillWhatIsNotSetAndStayOnThisMachine) {
  const Config config = load_good(sources("", {}, {{"dev_keys", "true"}})).config;
  EXPECT_EQ(config.jwt.secret, dev_jwt_secret);
  EXPECT_EQ(config.api_key, dev_api_key);
  EXPECT_EQ(config.host, "127.0.0.1");
  EXPECT_THAT(refusal(sources("dev_keys = true")), IsEmpty());
  EXPECT_THAT(refusal(sources("dev_keys = true\nhost = '0.0.0.0'")), HasSubstr("host must be a loopback address"));
  EXPECT_THAT(refusal(sources("dev_keys = true\nadmin.port = 1\nadmin.host = '0.0.0.0'")), HasSubstr("loopback"));
  EXPECT_THAT(
      refusal(sources("dev_keys = true\nhost = '0.0.0.0'", {{"JWT_SECRET", "s"}, {"WEBSOCKET_API_KEY", "0123456789abcdef"}})),
      IsEmpty());
}

TEST(Serving, ADevelopmentKeyThatWasTypedInIsRefusedInPublicToo) {
  EXPECT_THAT(refusal(sources("", {{"JWT_SECRET", std::string(dev_jwt_secret)}})), HasSubstr("everybody knows"));
  EXPECT_THAT(refusal(sources("", {{"JWT_SECRET", "s"}, {"WEBSOCKET_API_KEY", std::string(dev_api_key)}})),
              HasSubstr("everybody knows"));
}

TEST(Serving, AShortSecretIsWarnedOfAndTaken) {
  const Loaded loaded = load_good(sources("", {{"JWT_SECRET", "test-secret"}}));
  EXPECT_THAT(loaded.warnings, testing::ElementsAre(HasSubstr("jwt.secret: under 32 bytes")));
}

TEST(Serving, HandingClientsToTheOldServicesNeedsToKnowWhereTheyAre) {
  EXPECT_THAT(mistakes_of("", {{"USE_UNIFIED_WEBSOCKET", "false"}}),
              HasSubstr("environment USE_UNIFIED_WEBSOCKET: use_unified: false needs legacy.alerts.url"));
  EXPECT_FALSE(
      load_good(sources("legacy.video.url = 'http://video:3002'", {{"USE_UNIFIED_WEBSOCKET", "false"}})).config.use_unified);
}

TEST(Serving, CameraOwnershipFollowsWhetherThereIsRedis) {
  EXPECT_EQ(load_good(sources("")).config.camera_ownership, CameraOwnership::off);
  EXPECT_EQ(load_good(sources("redis_url = 'redis://r'")).config.camera_ownership, CameraOwnership::required);
  EXPECT_EQ(load_good(sources("redis_url = 'redis://r'\ncamera_ownership = 'off'")).config.camera_ownership,
            CameraOwnership::off);
}

}  // namespace
}  // namespace sparc::config
