// Every row of the table, whatever it is called: these tests need no change when a key is added.

#include <fstream>
#include <map>
#include <set>

#include "config/config_support.h"
#include "server/config/options.h"

namespace sparc::config {
namespace {

/// A value that the key takes and that is not its default, as TOML and as the text of a variable.
struct Sample {
  std::string toml;
  std::string text;
};

Sample sample_of(const Option& option) {
  static const std::map<std::string, Sample> chosen{
      {"host", {"'127.0.0.9'", "127.0.0.9"}},
      {"admin.host", {"'::1'", "::1"}},
      {"trusted_proxies", {"['10.0.0.0/8', '::1']", "10.0.0.0/8,::1"}},
      {"cors_origins", {"['https://a.example']", "https://a.example"}},
      {"redis_url", {"'redis://r:1'", "redis://r:1"}},
      {"camera_ownership", {"'if-known'", "if-known"}},
      {"log.level", {"'debug'", "debug"}},
      {"log.format", {"'json'", "json"}},
      {"api_key", {"'0123456789abcdef'", "0123456789abcdef"}},
      {"jwt.cookie", {"'session'", "session"}},
      {"namespaces", {"[{ name = 'doors' }]", R"([{"name":"doors"}])"}},
      {"rooms", {"[{ pattern = 'x:*' }]", R"({"pattern":"x:*"})"}},
      {"anonymous",
       {"[{ path = '/p', tenant = 't', namespaces = ['alerts'] }]", R"([{"path":"/p","tenant":"t","namespaces":["alerts"]}])"}},
      {"api_keys",
       {"[{ name = 'n', key = '0123456789abcdef', scopes = ['read'] }]",
        R"([{"name":"n","key":"0123456789abcdef","scopes":["read"]}])"}},
      {"views",
       {"[{ name = 'v', wire = 'rawws', paths = ['/v'], namespaces = ['alerts'] }]",
        R"({"name":"v","wire":"rawws","paths":["/v"],"namespaces":["alerts"]})"}},
      {"socketio.path", {"'/io'", "/io"}},
      {"socketio.parser", {"'msgpack'", "msgpack"}},
      {"deflate.window_bits", {"10", "10"}},
      {"use_unified", {"false", "off"}},
  };
  const auto at = chosen.find(option.field.name);
  if (at != chosen.end()) return at->second;
  const Config defaults = shipped_defaults();
  const auto value = option.field.write(&defaults);
  if (option.field.name.ends_with("url")) return {"'https://x.example'", "https://x.example"};
  switch (option.field.shape) {
    case Shape::boolean: return value->boolean ? Sample{"false", "no"} : Sample{"true", "yes"};
    case Shape::integer: {
      const std::string number = std::to_string((value ? value->integer : option.field.meta.min) + 7);
      return {number, number};
    }
    case Shape::texts: return {"['a', 'b']", "a, b"};
    default: break;
  }
  if (option.field.allowed() == "rate") return {"{ points = 7, duration = 1 }", "7/1s"};
  return {"'something'", "something"};
}

std::string written(const Option& option, const Config& config) {
  const auto value = option.field.write(&config);
  if (!value) return "not set";
  std::string out;
  append_toml(out, *value);
  return out;
}

/// Keys that a sample needs beside itself to be right.
std::pair<std::string, Pairs> company_of(const std::string& key) {
  if (key == "tls.certificate_file") return {"tls.key_file = 'k'\n", {}};
  if (key == "tls.key_file") return {"tls.certificate_file = 'c'\n", {}};
  if (key == "use_unified") return {"legacy.alerts.url = 'http://old.example'\n", {}};
  return {};
}

TEST(Keys, EachCanBeSetInAFileInTheEnvironmentAndByAFlag) {
  const Config defaults = load_good(Sources{}).config;
  for (const auto& option : options()) {
    const std::string& key = option.field.name;
    SCOPED_TRACE(key);
    const Sample sample = sample_of(option);
    const std::string company = company_of(key).first;
    const Config file = load_good(sources(company + key + " = " + sample.toml)).config;
    const Config environment = load_good(sources(company, {{option.variable, sample.text}})).config;
    const Config flag = load_good(sources(company, {}, {{key, sample.text}})).config;
    EXPECT_NE(written(option, file), written(option, defaults));
    EXPECT_EQ(written(option, environment), written(option, file));
    EXPECT_EQ(written(option, flag), written(option, file));
  }
}

TEST(Keys, NoTwoShareAKeyAVariableOrAFlagAndEachHasAHelpText) {
  std::set<std::string> keys, variables, flags;
  for (const auto& option : options()) {
    EXPECT_TRUE(keys.insert(option.field.name).second) << option.field.name;
    EXPECT_TRUE(variables.insert(option.variable).second) << option.variable;
    EXPECT_TRUE(flags.insert(option.flag).second) << option.flag;
    EXPECT_TRUE(option.field.meta.help.ends_with(".")) << option.field.name;
  }
}

TEST(Keys, EveryLimitOfTheServerHasAKeyAndNoKeyNamesALimitThatIsNot) {
  std::ifstream in(SPARC_SOURCE_DIR "/src/base/limits.h");
  std::set<std::string> limits;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("  std::") && !line.starts_with("  Rate ")) continue;
    const auto name = line.find(' ', 2) + 1;
    limits.insert("limits." + line.substr(name, line.find_first_of(" {", name) - name));
  }
  ASSERT_GT(limits.size(), 50u);
  std::set<std::string> keys;
  for (const auto& option : options()) {
    if (option.field.name.starts_with("limits.")) keys.insert(option.field.name);
  }
  EXPECT_EQ(keys, limits);
}

TEST(Keys, TheirDefaultsAreThoseOfTheStructs) {
  const Config loaded = load_good(Sources{}).config;
  const Limits limits;
  EXPECT_EQ(loaded.limits.http_head_bytes_max, limits.http_head_bytes_max);
  EXPECT_EQ(loaded.limits.mailbox_items_max, limits.mailbox_items_max);
  EXPECT_EQ(loaded.limits.address_handshakes, limits.address_handshakes);
}

TEST(Keys, SecretsAreThoseThatLookLikeSecrets) {
  for (const auto& option : options()) {
    const std::string& name = option.field.name;
    const bool looks_secret = name.ends_with("secret") || name == "api_key" || name == "redis_url";
    EXPECT_EQ(option.field.meta.secret, looks_secret) << name;
  }
}

}  // namespace
}  // namespace sparc::config
