#include "protocol/view_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace sparc::protocol {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ViewOutput row(std::string ns, std::string event, std::string to = {}, std::vector<std::string> channels = {}) {
  ViewOutput out;
  out.ns = std::move(ns);
  out.event = std::move(event);
  out.to = std::move(to);
  out.channels = std::move(channels);
  return out;
}

/// security:event as itself, and as high_risk_alert where its risk is high.
View monitoring() {
  View view;
  view.wire = View::Wire::rawws;
  view.channels = {{"security:events", ViewChannel::Kind::plain, true},
                   {"alerts", ViewChannel::Kind::plain, true},
                   {"org:", ViewChannel::Kind::organization, false},
                   {"user:", ViewChannel::Kind::user, false}};
  ViewOutput derived = row("monitoring", "security:event", "high_risk_alert", {"alerts"});
  derived.when = Condition{"/analysis/riskScore", Condition::Operator::greater, "80"};
  derived.fields = {{"event", "/event"}, {"riskScore", "/analysis/riskScore"}, {"threats", "/analysis/threats"}};
  view.outputs = {row("monitoring", "security:event", "security_event", {"security:events"}), derived,
                  row("monitoring", "notice", "", {"alerts"}), row("monitoring", "hello:*")};
  return view;
}
constexpr ChannelSet security = 1, alerts = 2, organization = 4, user = 8;

Publication publication(std::string event, std::string data, std::vector<std::string> rooms = {"tenant:t1"}) {
  Publication out;
  out.event = std::move(event);
  out.data = std::move(data);
  out.rooms = std::move(rooms);
  return out;
}

/// `name data`, and ` +args` where further ones go with it; `*` where it is not as published.
std::vector<std::string> shown(const View& view, const Publication& what, ChannelSet held = all_channels,
                               std::string ns = "monitoring") {
  std::vector<std::string> out;
  std::string scratch;
  show(view, ns, what, held, scratch, [&](const Shown& message) {
    std::string text = std::string(message.name) + " " + std::string(message.data);
    if (!message.more_args.empty()) text += " +" + std::string(message.more_args);
    out.push_back(text + (message.as_published ? "" : "*"));
  });
  return out;
}

const std::string risky = R"({"event":{"id":1},"analysis":{"riskScore":91,"threats":["x"]}})";

TEST(ServesHost, AnyWhereNoneIsListedElseThoseWhateverTheirCase) {
  View view;
  EXPECT_TRUE(serves_host(view, "anything"));
  view.hosts = {"guards.example.com", "[::1]"};
  EXPECT_TRUE(serves_host(view, "Guards.Example.com"));
  EXPECT_TRUE(serves_host(view, "[::1]"));
  EXPECT_FALSE(serves_host(view, "example.com"));
  EXPECT_FALSE(serves_host(view, ""));
}

TEST(Show, OnePublicationBecomesEveryMessageWhoseRowApplies) {
  EXPECT_THAT(shown(monitoring(), publication("security:event", risky)),
              ElementsAre("security_event " + risky, R"(high_risk_alert {"event":{"id":1},"riskScore":91,"threats":["x"]}*)"));
}

TEST(Show, AHolderOfAnotherChannelGetsTheDerivedMessageAndNotItsSource) {
  EXPECT_THAT(shown(monitoring(), publication("security:event", risky), alerts),
              ElementsAre(R"(high_risk_alert {"event":{"id":1},"riskScore":91,"threats":["x"]}*)"));
  EXPECT_THAT(shown(monitoring(), publication("security:event", risky), security), ElementsAre("security_event " + risky));
  EXPECT_THAT(shown(monitoring(), publication("security:event", risky), 0), IsEmpty());
}

TEST(Show, ARowWithoutItsConditionSaysNothing) {
  for (const char* quiet :
       {R"({"analysis":{"riskScore":80}})", R"({"analysis":{"riskScore":"91"}})", R"({"analysis":{}})", "[]", "5"}) {
    EXPECT_THAT(shown(monitoring(), publication("security:event", quiet), alerts), IsEmpty()) << quiet;
  }
}

TEST(Show, WhatAProjectionDoesNotFindIsLeftOut) {
  EXPECT_THAT(shown(monitoring(), publication("security:event", R"({"analysis":{"riskScore":80.5}})"), alerts),
              ElementsAre(R"(high_risk_alert {"riskScore":80.5}*)"));
}

TEST(Show, TheChannelOfAnOrganizationOrUserShowsWhatIsAddressedToThem) {
  const auto to_organization = publication("notice", "1", {"org:o1"});
  EXPECT_THAT(shown(monitoring(), to_organization, organization), ElementsAre("notice 1"));
  EXPECT_THAT(shown(monitoring(), to_organization, user), IsEmpty());
  EXPECT_THAT(shown(monitoring(), to_organization, organization | alerts), ElementsAre("notice 1"));
  EXPECT_THAT(shown(monitoring(), publication("notice", "1", {"user:u1"}), user), ElementsAre("notice 1"));
  EXPECT_THAT(shown(monitoring(), publication("notice", "1"), organization | user), IsEmpty());
}

TEST(Show, RawWebSocketClientsGetNothingWithoutARowNorWithAttachments) {
  EXPECT_THAT(shown(monitoring(), publication("other", "1")), IsEmpty());
  EXPECT_THAT(shown(monitoring(), publication("notice", "1"), all_channels, "alerts"), IsEmpty());
  auto binary = publication("hello:you", R"({"_placeholder":true,"num":0})");
  binary.attachments = {"x"};
  EXPECT_THAT(shown(monitoring(), binary), IsEmpty());
  EXPECT_THAT(shown(monitoring(), publication("hello:you", " 1 "), 0), ElementsAre("hello:you 1"));
}

TEST(Show, SocketIoClientsGetWhatNoRowNamesAsPublished) {
  View view;
  ViewOutput hidden = row("video", "video:secret");
  hidden.when = Condition{"/show", Condition::Operator::equal, "true"};
  view.outputs = {row("video", "video:stream:started", "stream-started"), hidden};
  auto started = publication("video:stream:started", "{}");
  started.more_args = "1,2";
  EXPECT_THAT(shown(view, started, all_channels, "video"), ElementsAre("stream-started {} +1,2"));
  EXPECT_THAT(shown(view, started, all_channels, "alerts"), ElementsAre("video:stream:started {} +1,2"));
  EXPECT_THAT(shown(view, publication("other", "1"), all_channels, "video"), ElementsAre("other 1"));
  EXPECT_THAT(shown(view, publication("video:secret", "{}"), all_channels, "video"), IsEmpty());
  EXPECT_THAT(shown(view, publication("video:secret", R"({"show":true})"), all_channels, "video"),
              ElementsAre(R"(video:secret {"show":true})"));
}

TEST(Show, AnEmptyPointerIsTheWholePayload) {
  View view;
  view.outputs = {row("alerts", "alert:created", "created")};
  view.outputs[0].fields = {{"alert", ""}, {"first", "/list/0"}, {"a/b", "/a~1b"}};
  EXPECT_THAT(shown(view, publication("alert:created", R"({"list":[7],"a/b":8})"), all_channels, "alerts"),
              ElementsAre(R"(created {"alert":{"list":[7],"a/b":8},"first":7,"a/b":8}*)"));
}

bool condition_holds(Condition::Operator op, const std::string& left, const std::string& right) {
  View view;
  view.outputs = {row("n", "e")};
  view.outputs[0].when = Condition{"/v", op, right};
  return !shown(view, publication("e", "{\"v\":" + left + "}"), all_channels, "n").empty();
}

TEST(Condition, ComparesNumbersByValueAndOtherScalarsByEquality) {
  using enum Condition::Operator;
  EXPECT_TRUE(condition_holds(equal, "80.0", "80"));
  EXPECT_TRUE(condition_holds(equal, "\"caf\\u00e9\"", "\"café\""));
  EXPECT_TRUE(condition_holds(equal, "true", "true"));
  EXPECT_TRUE(condition_holds(equal, "null", "null"));
  EXPECT_FALSE(condition_holds(equal, "\"80\"", "80"));
  EXPECT_TRUE(condition_holds(not_equal, "\"80\"", "80"));
  EXPECT_TRUE(condition_holds(not_equal, "{}", "80"));
  EXPECT_FALSE(condition_holds(not_equal, "8e1", "80"));
  EXPECT_TRUE(condition_holds(less, "-1e3", "0"));
  EXPECT_FALSE(condition_holds(less, "0", "0"));
  EXPECT_TRUE(condition_holds(less_or_equal, "0.0", "0"));
  EXPECT_TRUE(condition_holds(greater, "1e-3", "0"));
  EXPECT_TRUE(condition_holds(greater_or_equal, "80", "8e1"));
  EXPECT_FALSE(condition_holds(greater_or_equal, "79.9", "80"));
  EXPECT_FALSE(condition_holds(greater, "\"b\"", "\"a\""));
}

TEST(Condition, APayloadThatLacksTheValueDoesNotMatch) {
  View view;
  view.outputs = {row("n", "e")};
  view.outputs[0].when = Condition{"/missing", Condition::Operator::not_equal, "1"};
  EXPECT_THAT(shown(view, publication("e", R"({"v":1})"), all_channels, "n"), IsEmpty());
}

ViewInput input(std::string event, std::string has, std::string success) {
  ViewInput out;
  out.event = std::move(event);
  out.has = std::move(has);
  out.success = std::move(success);
  return out;
}

TEST(Input, TheFirstRowWhoseEventAndMemberAreThereApplies) {
  View view;
  view.inputs = {input("subscribe", "channels", "subscribed"), input("subscribe", "", "alerts:subscribed"),
                 input("stream:*", "", "any")};
  EXPECT_EQ(input_of(view, "subscribe", R"({"channels":[]})"), &view.inputs[0]);
  EXPECT_EQ(input_of(view, "subscribe", R"( {"channels":null,"alertTypes":[]})"), &view.inputs[1]);
  EXPECT_EQ(input_of(view, "subscribe", "\"channels\""), &view.inputs[1]);
  EXPECT_EQ(input_of(view, "subscribe"), &view.inputs[1]);
  EXPECT_EQ(input_of(view, "stream:start", "{}"), &view.inputs[2]);
  EXPECT_EQ(input_of(view, "other", "{}"), nullptr);
}

TEST(Input, AnArgumentThatIsNoObjectStandsUnderItsName) {
  ViewInput named;
  named.argument = "cameraId";
  EXPECT_EQ(request_of(named, " \"c1\" "), R"({"cameraId":"c1"})");
  EXPECT_EQ(request_of(named, R"({"cameraId":"c1"})"), R"({"cameraId":"c1"})");
  EXPECT_EQ(request_of(named, ""), "{}");
  EXPECT_EQ(request_of({}, "[1]"), R"({"data":[1]})");
}

TEST(Input, ATemplateTakesTextsAndNumbersOfTheRequest) {
  EXPECT_EQ(fill_template("stream:{cameraId}", R"({"cameraId":"c\u00e9"})"), "stream:cé");
  EXPECT_EQ(fill_template("{a}-{b}", R"({"a":1.0,"b":"x"})"), "1-x");
  EXPECT_EQ(fill_template("lobby", "{}"), "lobby");
  for (const char* lacking : {"{}", R"({"cameraId":null})", R"({"cameraId":""})", R"({"cameraId":{"a":1}})", "[]", ""}) {
    EXPECT_EQ(fill_template("stream:{cameraId}", lacking), "") << lacking;
  }
}

TEST(Input, AnswersRepeatMembersOfTheRequestUnlessTheServiceSaysThem) {
  ViewInput stream;
  stream.copied = {"cameraId", "quality"};
  const std::string request = R"({"cameraId":"c1","quality":"high","other":1})";
  EXPECT_EQ(merge_copied(stream, request, ""), R"({"cameraId":"c1","quality":"high"})");
  EXPECT_EQ(merge_copied(stream, request, R"({ "url":"u" })"), R"({"cameraId":"c1","quality":"high","url":"u"})");
  EXPECT_EQ(merge_copied(stream, request, R"({"quality":"low"})"), R"({"cameraId":"c1","quality":"low"})");
  EXPECT_EQ(merge_copied(stream, R"({"cameraId":null})", "{}"), "{}");
  EXPECT_EQ(merge_copied(stream, "{}", "[1]"), R"({"data":[1]})");
  EXPECT_EQ(merge_copied({}, request, R"({"a":1})"), R"({"a":1})");
}

// Against another JSON library: whatever the payload, a projection is the object of what the pointers find.
RC_GTEST_PROP(ShowProperty, AProjectionIsTheObjectOfWhatThePointersFind, ()) {
  using nlohmann::json;
  const auto value =
      rc::gen::element<json>(1, "x\"\n", nullptr, true, json::array({1, "a"}), json::object({{"b", 2}}), json::object());
  json payload = json::object();
  for (const char* key : {"a", "b", "c/d", "e~f", ""}) {
    if (*rc::gen::arbitrary<bool>()) payload[key] = *value;
  }
  const auto pointers = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("/a", "/a/b", "/a/0", "/a/1", "/b/b", "/c~1d", "/e~0f", "/missing", ""));
  View view;
  view.outputs = {row("n", "e")};
  json expected = json::object();
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    const std::string name = "m" + std::to_string(i);
    view.outputs[0].fields.emplace_back(name, pointers[i]);
    const json::json_pointer pointer(pointers[i]);
    if (payload.contains(pointer)) expected[name] = payload.at(pointer);
  }
  RC_PRE(!pointers.empty());
  std::string scratch;
  show(view, "n", publication("e", payload.dump(*rc::gen::element(-1, 2))), all_channels, scratch,
       [&](const Shown& message) { RC_ASSERT(json::parse(message.data) == expected); });
}

}  // namespace
}  // namespace sparc::protocol
