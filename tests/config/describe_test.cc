#include "server/config/describe.h"

#include <fstream>
#include <sstream>

#include "config/config_support.h"
#include "server/config/options.h"

namespace sparc::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(EffectiveConfiguration, SaysWhereEachValueCameFrom) {
  const std::string printed = effective_toml(load_good(sources("shards = 2", {{"WEBSOCKET_PORT", "0"}}, {{"drain_ms", "1"}})));
  EXPECT_THAT(printed, HasSubstr("\nport = 0  # environment WEBSOCKET_PORT\n"));
  EXPECT_THAT(printed, HasSubstr("\nshards = 2  # test.toml:1\n"));
  EXPECT_THAT(printed, HasSubstr("\ndrain_ms = 1  # flag --drain-ms\n"));
  EXPECT_THAT(printed, HasSubstr("\nping_timeout_ms = 5000  # default\n"));
  EXPECT_THAT(printed, HasSubstr("\n# admin.port is not set\n"));
}

TEST(EffectiveConfiguration, LeavesSecretsOut) {
  const std::string printed = effective_toml(load_good(
      sources("api_keys = [{ name = 'svc', key = 'hunter2-hunter2-hunter2', scopes = ['read'] }]",
              {{"JWT_SECRET", "hunter2"}, {"REDIS_URL", "redis://:hunter2@r"}, {"WEBSOCKET_API_KEY", "hunter2-hunter2-x"}},
              {{"service_jwt.secret", "hunter2-"}})));
  EXPECT_THAT(printed, Not(HasSubstr("hunter2")));
  EXPECT_THAT(printed, HasSubstr("# jwt.secret = (redacted)  # environment JWT_SECRET\n"));
  EXPECT_THAT(printed, HasSubstr("name = \"svc\", key = \"(redacted)\""));
}

TEST(EffectiveConfiguration, CanBeLoadedAgainAndSaysTheSame) {
  const Loaded first = load_good(sources("shards = 2\nlimits.user_messages = '5/1s'\nsnapshot_file = \"a\\\"b\\u0001\""));
  const std::string printed = effective_toml(first);
  const Loaded second = load_good(sources(printed));
  for (const auto& option : options()) {
    std::string a, b;
    if (const auto value = option.field.write(&first.config)) append_toml(a, *value);
    if (const auto value = option.field.write(&second.config)) append_toml(b, *value);
    EXPECT_EQ(a, b) << option.field.name;
  }
}

TEST(EffectiveConfiguration, ARedactedKeyIsNotTakenForAKey) {
  EXPECT_THAT(mistakes_of("api_key = '(redacted)'"), HasSubstr("put the secret back"));
}

TEST(Documentation, NamesEveryKeyVariableAndFlag) {
  const std::string text = documentation();
  for (const auto& option : options()) {
    EXPECT_THAT(text, HasSubstr("| `" + option.field.name + "` | `" + option.variable + "` `" + option.flag + "` |"));
  }
}

TEST(Documentation, InTheRepositoryIsCurrent) {
  std::ifstream in(SPARC_SOURCE_DIR "/docs/configuration.md");
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(text.str() == documentation()) << "docs/configuration.md: make it again with `sparc-websocket docs-config`";
}

}  // namespace
}  // namespace sparc::config
