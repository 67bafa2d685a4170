#include <algorithm>

#include "config/config_support.h"
#include "protocol/view_map.h"
#include "server/config/describe.h"
#include "server/config/options.h"
#include "server/config/view_rows.h"
#include "server/config/views.h"

namespace sparc::config {
namespace {

using protocol::Condition;
using protocol::View;
using protocol::ViewInput;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

std::vector<std::string> names_of(const std::vector<View>& views) {
  std::vector<std::string> out;
  for (const View& view : views) out.push_back(view.name);
  return out;
}

const View& view_of(const Config& config, std::string_view name) {
  const auto at = std::find_if(config.views.begin(), config.views.end(), [&](const View& view) { return view.name == name; });
  EXPECT_NE(at, config.views.end()) << name;
  return *at;
}

TEST(ShippedViews, AreThoseOfTheThreeOldServicesAndOfTheFirstAttempt) {
  const Config config = load_good(Sources{}).config;
  EXPECT_THAT(names_of(config.views),
              ElementsAre("monitoring-rawws", "root-socketio", "video-socketio", "alerts-socketio", "monitoring-socketio"));
  const View& rawws = view_of(config, "monitoring-rawws");
  EXPECT_THAT(rawws.paths, ElementsAre("/security", "/v1/ws", "/ws/security"));
  EXPECT_THAT(rawws.claims.tenant_id, ElementsAre("tenantId", "organizationId"));
  EXPECT_EQ(rawws.on_expiry, View::OnExpiry::keep);
  EXPECT_FALSE(rawws.claims.roles_required);
  EXPECT_EQ(rawws.outputs.at(1).when->value, "80");
  EXPECT_TRUE(view_of(config, "root-socketio").tenant_gate);
  EXPECT_EQ(view_of(config, "video-socketio").user_rate, (Rate{100, 60'000}));
  EXPECT_EQ(view_of(config, "alerts-socketio").user_rate, (Rate{50, 60'000}));
  EXPECT_EQ(view_of(config, "monitoring-socketio").user_rate, (Rate{200, 60'000}));
  for (const char* name : {"video", "alerts", "monitoring"}) {
    EXPECT_FALSE(namespace_of(config, name).rate_limit.limited()) << name << ": native clients have no limit by default";
  }
}

TEST(ShippedViews, OfSocketIoTakeANewTokenByEvent) {
  for (const View& view : load_good(Sources{}).config.views) {
    const ViewInput* row = protocol::input_of(view, "token:refresh", "\"…\"");
    EXPECT_EQ(row != nullptr && row->action == ViewInput::Action::refresh, view.wire == View::Wire::socketio) << view.name;
  }
}

TEST(ShippedViews, AreTakenAwayByOneKeyWhatWasAddedStays) {
  const Config config = load_good(sources(R"(
legacy.enabled = false
[[views]]
name = "guards"
wire = "rawws"
paths = ["/guards"]
namespaces = ["alerts"]
[[views]]
name = "monitoring-rawws"
paths = ["/security"]
)"))
                            .config;
  EXPECT_THAT(names_of(config.views), ElementsAre("guards"));
}

TEST(ShippedViews, FollowNamespacesThatAreSwitchedOff) {
  const Config config = load_good(sources("namespaces = [{ name = 'video', enabled = false }]")).config;
  EXPECT_THAT(names_of(config.views), ElementsAre("monitoring-rawws", "root-socketio", "alerts-socketio", "monitoring-socketio"));
  const View& root = view_of(config, "root-socketio");
  EXPECT_THAT(root.namespaces, ElementsAre("alerts"));
  EXPECT_TRUE(root.outputs.empty());
  EXPECT_EQ(root.inputs.size(), 3u);
}

TEST(ShippedViews, HaveTheAnonymousTenantOfTheirService) {
  const Config config = load_good(sources("legacy.monitoring.anonymous_tenant = 'm'\nlegacy.video.anonymous_tenant = 'v'\n"
                                          "views = [{ name = 'monitoring-socketio', anonymous_tenant = 'own' }]"))
                            .config;
  EXPECT_EQ(view_of(config, "monitoring-rawws").anonymous_tenant, "m");
  EXPECT_EQ(view_of(config, "monitoring-socketio").anonymous_tenant, "own");
  EXPECT_EQ(view_of(config, "video-socketio").anonymous_tenant, "v");
  EXPECT_EQ(view_of(config, "root-socketio").anonymous_tenant, "v");
  EXPECT_EQ(view_of(config, "alerts-socketio").anonymous_tenant, "");
  EXPECT_THAT(
      mistakes_of("legacy.alerts.anonymous_tenant = 'a'\nlegacy.video.anonymous_tenant = 'v'"),
      HasSubstr("legacy.video.anonymous_tenant: view \"root-socketio\" serves alerts and video: both must have the same tenant"));
}

TEST(Views, AnotherDialectIsATable) {
  const Config config = load_good(sources(R"(
[[views]]
name = "guards"
wire = "rawws"
paths = ["/guards"]
hosts = ["guards.example"]
namespaces = ["alerts", "video"]
claims.tenantId = "site"
rateLimitOptions = "20/1s"
channels = [{ name = "doors", initial = true }, { name = "me:", kind = "user" }]
[[views.outputs]]
namespace = "alerts"
event = "alert:*"
to = "alarm"
channels = ["doors"]
when = '/priority == "critical"'
fields = { what = "/title", all = "", z = "/z", a = "/a" }
)"))
                            .config;
  ASSERT_EQ(config.views.front().name, "guards") << "what is configured is looked at before what is shipped";
  const View& view = config.views.front();
  EXPECT_EQ(view.wire, View::Wire::rawws);
  EXPECT_THAT(view.hosts, ElementsAre("guards.example"));
  EXPECT_THAT(view.claims.tenant_id, ElementsAre("site"));
  EXPECT_EQ(view.user_rate, (Rate{20, 1'000}));
  EXPECT_EQ(view.channels.at(1).kind, protocol::ViewChannel::Kind::user);
  const auto& row = view.outputs.at(0);
  EXPECT_EQ(row.when->pointer, "/priority");
  EXPECT_EQ(row.when->op, Condition::Operator::equal);
  EXPECT_EQ(row.when->value, "\"critical\"");
  EXPECT_THAT(row.fields, ElementsAre(Pair("what", "/title"), Pair("all", ""), Pair("z", "/z"), Pair("a", "/a")));
}

TEST(Views, AreMergedRowByRow) {
  const Config config = load_good(sources(R"(
[[views]]
name = "monitoring-rawws"
paths = ["/old"]
channels = [{ name = "metrics", enabled = false }, { name = "doors" }]
[[views.outputs]]
namespace = "monitoring"
event = "security:event"
to = "high_risk_alert"
when = "/analysis/riskScore >= 60"
[[views]]
name = "video-socketio"
greets = false
inputs = [{ event = "ptz-control", enabled = false }, { event = "stream:start", enters = "" }, { event = "wave", to = "hand:wave" }]
)"))
                            .config;
  const View& rawws = view_of(config, "monitoring-rawws");
  EXPECT_THAT(rawws.paths, ElementsAre("/old"));
  EXPECT_THAT(rawws.namespaces, ElementsAre("monitoring", "alerts"));
  ASSERT_EQ(rawws.channels.size(), 7u);
  EXPECT_EQ(rawws.channels.back().name, "doors");
  ASSERT_EQ(rawws.outputs.size(), 5u) << "a row for a channel that is off is for nobody";
  EXPECT_EQ(rawws.outputs.at(1).when->value, "60");
  EXPECT_EQ(rawws.outputs.at(1).fields.size(), 4u);
  const View& video = view_of(config, "video-socketio");
  EXPECT_FALSE(video.greets);
  EXPECT_EQ(video.inputs.front().event, "wave") << "rows that are looked at in order stand before the shipped ones";
  for (const auto& row : video.inputs) {
    EXPECT_NE(row.event, "ptz-control");
    if (row.event == "stream:start") {
      EXPECT_EQ(row.enters, "");
      EXPECT_EQ(row.success, "stream:started");
    }
  }
}

TEST(Views, TwoRowsOfOneEventDifferByTheMemberThatTheyNeed) {
  const Config config =
      load_good(sources("views = [{ name = 'alerts-socketio', inputs = [{ event = 'subscribe', success = 'x' }] }]")).config;
  std::vector<std::string> answers;
  for (const auto& row : view_of(config, "alerts-socketio").inputs) {
    if (row.event == "subscribe") answers.push_back(row.has + ":" + row.success);
  }
  EXPECT_THAT(answers, ElementsAre("channels:subscribed", ":x"));
}

TEST(Views, MistakesNameTheRowAndTheNearest) {
  EXPECT_THAT(mistakes_of("[[views]]\nname = 'v'\nwire = 'raws'"),
              HasSubstr("test.toml:3:1: views[0].wire: must be one of socketio, rawws; did you mean \"rawws\"?"));
  EXPECT_THAT(mistakes_of("[[views]]\nname = 'v'\nchanels = []"),
              HasSubstr("test.toml:3:1: views[0].chanels: unknown key; did you mean \"channels\"?"));
  EXPECT_THAT(mistakes_of("[[views]]\nname = 'v'\n[[views.outputs]]\nnamespace = 'alerts'\nevent = 'x'\nwhen = '/a > high'"),
              HasSubstr("test.toml:6:1: views[0].outputs[0].when: must be a JSON pointer, one of"));
  EXPECT_THAT(mistakes_of("[[views]]\nname = 'v'\n[[views.outputs]]\nnamespace = 'alerts'\nevent = 'x'\nfields = { a = 'b' }"),
              HasSubstr("views[0].outputs[0].fields.a: must be a JSON pointer"));
  EXPECT_THAT(mistakes_of("[[views]]\nname = 'v'\n[[views.outputs]]\nnamespace = 'alerts'\nevent = 'x'\nfields = { a = 1 }"),
              HasSubstr("views[0].outputs[0].fields.a: must be a text"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', inputs = [{ event = 'e', action = 'joint-tenant' }] }]"),
              HasSubstr("did you mean \"join-tenant\"?"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', inputs = [{ event = 'e', enters = 'stream:{cameraId' }] }]"),
              HasSubstr("members of the request in braces"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', inputs = [{ action = 'ping' }] }]"),
              HasSubstr("views[0].inputs[0]: \"event\" is missing"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', socketio_namespace = 'alerts' }]"),
              HasSubstr("must be / or a name behind a slash"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', hosts = ['a.example:80'] }]"), HasSubstr("a host without port"));
}

/// What a raw-ws view in `alerts` is told where it also has `keys`.
std::string told_of(const std::string& keys) {
  return mistakes_of("views = [{ name = 'v', wire = 'rawws', paths = ['/v'], namespaces = ['alerts'], " + keys + " }]");
}

TEST(Views, ContradictionsAreFoundAndNameTheView) {
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', socketio_namespace = '/v', namespaces = ['alert'] }]"),
              HasSubstr("test.toml:1: views: \"v\": there is no namespace \"alert\"; did you mean \"alerts\"?"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', socketio_namespace = '/v' }]"), HasSubstr("namespaces must name at least one"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', namespaces = ['alerts'] }]"), HasSubstr("socketio_namespace is missing"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', wire = 'rawws', namespaces = ['alerts'] }]"), HasSubstr("needs at least one"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', wire = 'rawws', namespaces = ['alerts'], paths = ['/ws'] }]"),
              HasSubstr("native protocol's"));
  EXPECT_THAT(mistakes_of("views = [{ name = 'v', wire = 'rawws', namespaces = ['alerts'], paths = ['/socket.io/v'] }]"),
              HasSubstr("is under socketio.path"));
  EXPECT_THAT(told_of("outputs = [{ namespace = 'alerts', event = 'x', channels = ['door'] }], channels = [{ name = 'doors' }]"),
              HasSubstr("outputs: \"x\": there is no channel \"door\"; did you mean \"doors\"?"));
  EXPECT_THAT(told_of("outputs = [{ namespace = 'video', event = 'x' }]"), HasSubstr("the view is not in namespace \"video\""));
  EXPECT_THAT(told_of("tenant_gate = true"), HasSubstr("tenant_gate is for"));
  EXPECT_THAT(told_of("inputs = [{ event = 'x' }]"), HasSubstr("inputs are for"));
  std::string channels;
  for (int i = 0; i < 17; ++i) channels += "{ name = 'c" + std::to_string(i) + "' }, ";
  EXPECT_THAT(told_of("channels = [" + channels + "]"), HasSubstr("channels: at most 16"));
}

TEST(Views, ConditionsAreReadAndWritten) {
  for (const char* good : {"/analysis/riskScore > 80", "/a <= -1.5e3", "/a == \"x y\"", "/a != null", "/a~1b == true"}) {
    const auto condition = condition_from_text(good);
    ASSERT_TRUE(condition) << good;
    EXPECT_EQ(text_of(*condition), good);
  }
  EXPECT_EQ(text_of(*condition_from_text("/a   ==   80 ")), "/a == 80");
  for (const char* bad : {"", "/a", "/a >", "/a > ", "a > 80", "/a = 80", "/a > \"80\"", "/a < true", "/a == [1]", "/a == x",
                          " > 80", "/a~2 == 1", "/a>80", "/a == 1, 2"}) {
    EXPECT_FALSE(condition_from_text(bad)) << bad;
  }
}

TEST(Views, WhatIsPrintedCanBeLoadedAgain) {
  const Loaded first =
      load_good(sources("legacy.video.anonymous_tenant = 'v'\nviews = [{ name = 'alerts-socketio', enabled = false }, "
                        "{ name = 'x', wire = 'rawws', paths = '/x', namespaces = ['video'] }]"));
  const Loaded second = load_good(sources(effective_toml(first)));
  const auto written = [](const Loaded& loaded) {
    std::string out;
    append_toml(out, *find_option("views")->field.write(&loaded.config));
    return out;
  };
  EXPECT_EQ(written(second), written(first));
  EXPECT_THAT(names_of(second.config.views), names_of(first.config.views));
}

TEST(SocketIo, HasTheDefaultsOfTheReference) {
  const SocketIo socketio = load_good(Sources{}).config.socketio;
  EXPECT_EQ(socketio.path, "/socket.io/");
  EXPECT_EQ(socketio.ping_interval_ms, 25'000u);
  EXPECT_EQ(socketio.ping_timeout_ms, 20'000u);
  EXPECT_EQ(socketio.upgrade_timeout_ms, 10'000u);
  EXPECT_EQ(socketio.connect_timeout_ms, 45'000u);
  EXPECT_EQ(socketio.max_payload_bytes, 1'000'000u);
  EXPECT_EQ(socketio.recovery_ms, 120'000u);
  EXPECT_TRUE(socketio.polling);
  EXPECT_THAT(mistakes_of("[socketio]\nping_intervall_ms = 5"),
              HasSubstr("test.toml:2:1: socketio.ping_intervall_ms: unknown key; did you mean \"ping_interval_ms\"?"));
}

}  // namespace
}  // namespace sparc::config
