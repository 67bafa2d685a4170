#include "protocol/rawws/rawws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prefixes.h"
#include "protocol/scalar.h"

namespace sparc::protocol::rawws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

template <class T>
T decoded(std::string_view text) {
  auto message = decode(text);
  EXPECT_TRUE(message) << text << ": " << message.error().message;
  if (!message || !std::holds_alternative<T>(*message)) {
    ADD_FAILURE() << "another message: " << text;
    return {};
  }
  return std::get<T>(std::move(*message));
}

std::string refusal(std::string_view text) {
  const auto message = decode(text);
  EXPECT_FALSE(message) << text;
  if (message) return {};
  EXPECT_EQ(message.error().code, Code::BAD_REQUEST);
  return message.error().message;
}

TEST(RawWs, ASubscribeNamesChannels) {
  const auto message = decoded<SubscribeChannels>(R"( {"channels":["alerts","caf\u00e9"],"type":"subscribe"} )");
  EXPECT_THAT(message.channels, ElementsAre("alerts", "café"));
  EXPECT_FALSE(message.filters.present());
  EXPECT_THAT(decoded<SubscribeChannels>(R"({"type":"subscribe"})").channels, IsEmpty());
  EXPECT_THAT(decoded<UnsubscribeChannels>(R"({"type":"unsubscribe","channels":["alerts"]})").channels, ElementsAre("alerts"));
}

TEST(RawWs, FiltersBesideChannelsAreOneFilter) {
  const auto filters =
      decoded<SubscribeChannels>(R"({"type":"subscribe","filters":{"type":"door","severity":["high","critical","high",5]}})")
          .filters;
  ASSERT_EQ(filters.kind, Choice<Filter>::Kind::list);
  ASSERT_EQ(filters.items.size(), 1u);
  EXPECT_THAT(filters.items[0].fields,
              ElementsAre(Pair("severity", ElementsAre("n5", "scritical", "shigh")), Pair("type", ElementsAre("sdoor"))));
  for (const char* everything : {"null", "{}", "{ }"}) {
    EXPECT_EQ(decoded<SubscribeChannels>(R"({"type":"subscribe","filters":)" + std::string(everything) + "}").filters.kind,
              Choice<Filter>::Kind::everything);
  }
}

TEST(RawWs, OtherTypesAreGivenByName) {
  (void)decoded<Ping>(R"({"type":"ping","extra":[{}]})");
  EXPECT_EQ(decoded<Unknown>(R"({"type":"acknowledge"})").type, "acknowledge");
  EXPECT_EQ(decoded<Unknown>(R"({"type":""})").type, "");
  EXPECT_EQ(decoded<Unknown>(R"({"type":"ping","type":"Ping"})").type, "Ping");
}

TEST(RawWs, WhatIsNoMessageIsRefusedWithAReason) {
  EXPECT_THAT(refusal("ping"), HasSubstr("invalid JSON"));
  EXPECT_THAT(refusal(""), HasSubstr("invalid JSON"));
  EXPECT_THAT(refusal(R"({"type":"ping"} x)"), HasSubstr("invalid JSON"));
  EXPECT_THAT(refusal("{\"type\":\"\xff\"}"), HasSubstr("invalid JSON"));
  EXPECT_EQ(refusal(R"([{"type":"ping"}])"), "a message must be one JSON object");
  EXPECT_EQ(refusal(R"({"Type":"ping"})"), "\"type\" must be a string");
  EXPECT_EQ(refusal(R"({"type":5})"), "\"type\" must be a string");
  EXPECT_EQ(refusal(R"({"type":"subscribe","channels":"alerts"})"), "\"channels\" must be an array of strings");
  EXPECT_EQ(refusal(R"({"type":"unsubscribe","channels":[1]})"), "\"channels\" must be an array of strings");
  for (const char* wrong : {"[]", "5", R"({"severity":true})", R"({"severity":[[]]})", R"({"severity":{}})"}) {
    EXPECT_THAT(refusal(R"({"type":"subscribe","filters":)" + std::string(wrong) + "}"), HasSubstr("\"filters\" must be"))
        << wrong;
  }
  EXPECT_EQ(refusal(R"({"type":"subscribe","filters":{"a":1,"\u0061":2}})"), "\"filters\" names a field twice");
}

TEST(RawWs, EveryPrefixOfAMessageIsRefused) {
  const std::string text =
      R"({"type":"subscribe","channels":["alerts","caf\u00e9"],"filters":{"type":"door","severity":["high",5]}})";
  (void)decoded<SubscribeChannels>(text);
  for_each_prefix(text, [](std::string_view prefix) { EXPECT_FALSE(decode(prefix)) << prefix; });
}

TEST(RawWs, ListsAreBounded) {
  const auto list = [](std::size_t items, const std::string& open) {
    std::string out = R"({"type":"subscribe",)" + open;
    for (std::size_t i = 0; i < items; ++i) out += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
    return out;
  };
  EXPECT_EQ(decoded<SubscribeChannels>(list(list_items_max, "\"channels\":[") + "]}").channels.size(), list_items_max);
  EXPECT_EQ(refusal(list(list_items_max + 1, "\"channels\":[") + "]}"), "\"channels\" must hold at most 1024");
  EXPECT_THAT(refusal(list(list_items_max + 1, "\"filters\":{\"a\":[") + "]}}"), HasSubstr("\"filters\""));
}

View view() {
  View out;
  out.channels = {{"security:events", ViewChannel::Kind::plain, true},
                  {"alerts", ViewChannel::Kind::plain, false},
                  {"org:", ViewChannel::Kind::organization, false},
                  {"user:", ViewChannel::Kind::user, true}};
  return out;
}

Identity identity(std::string user, std::string organization) {
  Identity out;
  out.user_id = std::move(user);
  out.tenant_id = "t1";
  out.organization_id = std::move(organization);
  return out;
}

TEST(RawWs, OnlyKnownAndOwnChannelsAreGranted) {
  const auto names = [](const Identity& who, const std::vector<std::string>& wanted) {
    return names_of(view(), who, granted(view(), who, wanted));
  };
  EXPECT_THAT(names(identity("u1", "o1"), {"user:u1", "org:o1", "alerts", "security:events"}),
              ElementsAre("security:events", "alerts", "org:o1", "user:u1"));
  EXPECT_THAT(names(identity("u1", "o1"), {"org:o2", "user:u2", "org:", "user:", "tenant:t1", "Alerts", "", "org:o1x"}),
              IsEmpty());
  EXPECT_THAT(names(identity("u1", ""), {"org:", "alerts"}), ElementsAre("alerts"));
  Identity anonymous = identity("anonymous", "");
  anonymous.anonymous = true;
  EXPECT_THAT(names(anonymous, {"user:anonymous", "user:"}), IsEmpty());
}

TEST(RawWs, InitialChannelsAreNamedAsTheIdentityHasThem) {
  EXPECT_THAT(names_of(view(), identity("u1", ""), initial_channels(view())), ElementsAre("security:events", "user:u1"));
}

TEST(RawWs, MessagesAreThoseOfTheOldServer) {
  std::string out;
  const auto take = [&out] { return std::exchange(out, {}); };
  append_connection(out, "7d44", {"alerts", "org:o1"});
  EXPECT_EQ(take(), R"({"type":"connection","data":{"clientId":"7d44","subscriptions":["alerts","org:o1"]}})");
  append_subscribed(out, {});
  EXPECT_EQ(take(), R"({"type":"subscribed","channels":[]})");
  append_unsubscribed(out, {"a\"b"});
  EXPECT_EQ(take(), R"({"type":"unsubscribed","channels":["a\"b"]})");
  append_pong(out, 1'700'000'000'123);
  EXPECT_EQ(take(), R"({"type":"pong","timestamp":1700000000123})");
  append_event(out, {"security_event", R"({"event":1})", "", true});
  EXPECT_EQ(take(), R"({"type":"security_event","data":{"event":1}})");
  append_event(out, {"x", "", "", true});
  EXPECT_EQ(take(), R"({"type":"x","data":null})");
  append_error(out, {Code::RATE_LIMITED, "slower", 250});
  EXPECT_EQ(take(), R"({"type":"error","data":{"code":"RATE_LIMITED","message":"slower","retryAfterMs":250}})");
  append_error(out, {Code::BAD_REQUEST, "no"});
  EXPECT_EQ(take(), R"({"type":"error","data":{"code":"BAD_REQUEST","message":"no"}})");
}

}  // namespace
}  // namespace sparc::protocol::rawws
