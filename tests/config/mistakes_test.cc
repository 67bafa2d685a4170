#include "config/config_support.h"
#include "server/config/options.h"

namespace sparc::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Mistakes, AnUnknownKeyIsNamedWithLineAndColumnAndTheNearestKey) {
  EXPECT_EQ(mistakes_of("host = '::'\nprot = 3100\n"), "test.toml:2:1: prot: unknown key; did you mean \"port\"?\n");
  EXPECT_EQ(mistakes_of("[limits]\n  lane_byte_max = 1\n"),
            "test.toml:2:3: limits.lane_byte_max: unknown key; did you mean \"lane_bytes_max\"?\n");
  EXPECT_EQ(mistakes_of("zzzzzz = 1\n"), "test.toml:1:1: zzzzzz: unknown key\n");
}

TEST(Mistakes, AKeyInTheWrongTableIsSuggestedWithItsTable) {
  EXPECT_THAT(mistakes_of("message_bytes_max = 1\n"), HasSubstr("did you mean \"limits.message_bytes_max\"?"));
}

TEST(Mistakes, AllAreToldAtOnce) {
  const std::string told =
      mistakes_of("prot = 1\ntoken_expiring_s = -1\n", {{"WEBSOCKET_PORT", "tcp://10.0.0.1"}}, {{"drain_ms", "soon"}});
  EXPECT_EQ(told,
            "test.toml:1:1: prot: unknown key; did you mean \"port\"?\n"
            "test.toml:2:1: token_expiring_s: must be 0 to 86400, not -1\n"
            "WEBSOCKET_PORT: port: must be an integer\n"
            "--drain-ms: drain_ms: must be an integer\n");
}

TEST(Mistakes, AValueOfTheWrongTypeSaysWhatIsAllowed) {
  EXPECT_THAT(mistakes_of("port = 'x'"), HasSubstr("port: must be an integer, this is a text"));
  EXPECT_THAT(mistakes_of("port = 65536"), HasSubstr("must be 0 to 65535, not 65536"));
  EXPECT_THAT(mistakes_of("host = 5"), HasSubstr("must be a text, this is an integer"));
  EXPECT_THAT(mistakes_of("limits = 5"), HasSubstr("must be a table, this is an integer"));
  EXPECT_THAT(mistakes_of("deflate.enabled = 1"), HasSubstr("must be true or false, this is an integer"));
  EXPECT_THAT(mistakes_of("namespaces = 'alerts'"), HasSubstr("must be a list of tables, this is a text"));
  EXPECT_THAT(mistakes_of("port = 2026-01-01"), HasSubstr("dates and times are not used here"));
  EXPECT_THAT(mistakes_of("cors_origins = ['https://a.example/path']"), HasSubstr("must be an origin as browsers send it"));
  EXPECT_THAT(mistakes_of("trusted_proxies = ['10.0.0.0/33']"), HasSubstr("must be an address or a network"));
  EXPECT_THAT(mistakes_of("socketio.max_payload_bytes = 2000000"), HasSubstr("must not be above limits.message_bytes_max"));
  EXPECT_EQ(mistakes_of("socketio.max_payload_bytes = 2000000\nlimits.message_bytes_max = 2000000"), "");
  EXPECT_EQ(mistakes_of("limits.message_bytes_max = 65536"), "");
  EXPECT_THAT(mistakes_of("socketio.path = '/'"), HasSubstr("socketio.path: /ws is under it"));
  EXPECT_THAT(mistakes_of("socketio.path = '/api'"), HasSubstr("socketio.path: /api/v1/ is under it"));
  EXPECT_THAT(mistakes_of("ping_interval_ms = 1.5"), HasSubstr("this is a number with a fraction"));
}

TEST(Mistakes, AWrongChoiceListsTheChoicesAndSuggestsTheNearest) {
  EXPECT_THAT(mistakes_of("log.level = 'warm'"),
              HasSubstr("must be one of debug, info, warn, error, off; did you mean \"warn\"?"));
  EXPECT_THAT(mistakes_of("", {{"WEBSOCKET_CAMERA_OWNERSHIP", "ifknown"}}), HasSubstr("did you mean \"if-known\"?"));
}

TEST(Mistakes, TextThatIsNotTomlIsTold) {
  EXPECT_THAT(mistakes_of("port = \n"), HasSubstr("test.toml:1:"));
  EXPECT_THAT(mistakes_of("port = 1\nport = 2\n"), HasSubstr("test.toml:2:"));
  EXPECT_THAT(mistakes_of(std::string(2'000'000, '\n')), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(mistakes_of("namespaces = " + std::string(40, '[') + std::string(40, ']')), HasSubstr("nested too deeply"));
  EXPECT_THAT(mistakes_of("", {{"WEBSOCKET_NAMESPACES", "[{name: 'x'}]"}}), HasSubstr("not JSON"));
  EXPECT_THAT(mistakes_of("", {{"WEBSOCKET_NAMESPACES", R"([{"name":null}])"}}), HasSubstr("leave the key out"));
}

TEST(Mistakes, CharactersThatTomlAllowsOnlyInQuotesAreNamedWithTheirPlace) {
  const std::string allowed_only_in_quotes = "a character that may stand only between quotes\n";
  EXPECT_EQ(mistakes_of("jwt.issuer = 'ü' # ü\njwt.issuer = ü"), "test.toml:2:14: " + allowed_only_in_quotes);
  EXPECT_EQ(mistakes_of("'ä' = 1\n  pört = 1"), "test.toml:2:4: " + allowed_only_in_quotes);
  EXPECT_EQ(mistakes_of("[\x01"), "test.toml:1:2: " + allowed_only_in_quotes);
  EXPECT_EQ(mistakes_of("jwt.issuer = \"\\\"ü\" ғ"), "test.toml:1:20: " + allowed_only_in_quotes);
  EXPECT_THAT(mistakes_of("jwt.issuer = \"\"\"\nx\"\"\""), HasSubstr("texts over several lines are not used here"));
  EXPECT_THAT(mistakes_of("port = 1\njwt.issuer = 'x\n'"), HasSubstr("test.toml:2:14: a quote that is not closed in its line"));
  EXPECT_THAT(mistakes_of("port = 1\"x\""), HasSubstr("test.toml:1:9: a quote within a word"));
  EXPECT_EQ(load_good(sources("jwt.issuer = \"\\\"ü\"")).config.claims.issuers.at(0), "\"ü");
}

TEST(Mistakes, BothSpellingsOfAKeyTogetherAreRefusedAndEitherAloneIsTaken) {
  EXPECT_EQ(load_good(sources("pingIntervalMs = 70")).config.ping_interval_ms, 70u);
  EXPECT_THAT(mistakes_of("pingIntervalMs = 70\nping_interval_ms = 70"), HasSubstr("set twice"));
}

TEST(Mistakes, NoneShowsASecret) {
  const std::string secret = "hunter2-hunter2-hunter2";
  const std::vector<std::string> texts{
      "jwt.secret = " + secret,
      "jwt.secret = '" + secret,
      "jwt.secret = ['" + secret + "']",
      "jwt.secret = '" + secret + "'\njwt.secret = '" + secret + "'",
      "redis_url = '" + secret + "'",
      "api_key = '" + secret + " '",
      "api_keys = [{ name = 'a', key = '" + secret + " ', scopes = [] }]",
      "api_keys = [{ name = 'a', key = '" + secret + "', scopes = ['all'] }]",
      "api_key = '" + secret + "'\napi_keys = [{ name = 'a', key = '" + secret + "', scopes = ['read'] }]",
      "jwt.secret = '" + secret + "'\nservice_jwt.secret = '" + secret + "'",
      "jwt.jwks_url = 'https://keys:" + secret + "@example.com/keys'",
  };
  for (const auto& text : texts) {
    const std::string told = mistakes_of(text);
    EXPECT_FALSE(told.empty()) << text;
    EXPECT_THAT(told, Not(HasSubstr("hunter2"))) << text;
  }
  for (const auto& option : options()) {
    if (!option.field.meta.secret) continue;
    EXPECT_THAT(mistakes_of("", {{option.variable, secret + '\x01'}}), Not(HasSubstr("hunter2")));
    EXPECT_THAT(mistakes_of("", {}, {{option.field.name, secret + '\x01'}}), Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(mistakes_of("", {{"WEBSOCKET_API_KEYS", "[{\"key\":\"" + secret}}), Not(HasSubstr("hunter2")));
}

TEST(Mistakes, RatesSayHowTheyAreWritten) {
  for (const char* wrong :
       {"'fast'", "'10'", "'10/0'", "'10/5d'", "'-1/5'", "'5000000000/1'", "'1/5000000s'", "'/'", "'1/'", "{ points = 1 }",
        "{ points = 1, duration = 1, duration_ms = 1 }", "{ points = 1, length = 1 }", "5", "{ points = 'x', duration = 1 }"}) {
    EXPECT_THAT(mistakes_of("limits.user_messages = " + std::string(wrong)), HasSubstr("must be \"points/duration\"")) << wrong;
  }
}

}  // namespace
}  // namespace sparc::config
