// Socket.IO sessions of one shard, step by step: what the simulator found.

#include "protocol/json_scan.h"
#include "shard/node.h"

namespace sparc::shard {
namespace {

Settings subscribing_settings() {
  Settings settings = socketio_settings();
  protocol::ViewInput subscribe;
  subscribe.event = "subscribe";
  subscribe.action = protocol::ViewInput::Action::subscribe;
  settings.views.front().inputs.push_back(subscribe);
  return settings;
}

std::string member(const std::vector<std::string>& messages, std::string_view packet, std::string_view name) {
  std::string out;
  for (const std::string& message : messages) {
    if (message.starts_with(packet))
      (void)protocol::json::read_string(protocol::json::find(std::string_view(message).substr(packet.size()), name), out);
  }
  return out;
}

bool any_has(const std::vector<std::string>& messages, std::string_view part) {
  return std::any_of(messages.begin(), messages.end(), [&](const std::string& message) { return has(message, part); });
}

struct Known {
  std::string pid, offset;
  [[nodiscard]] std::string text(std::string_view epoch = {}) const {
    return ",\"pid\":\"" + pid + "\",\"offset\":\"" + (epoch.empty() ? offset : std::string(epoch) + ":1") + "\"";
  }
};

/// What the client of a session that has just begun knows: an event was published before it.
Known known_of(const std::vector<std::string>& messages) {
  Known known{member(messages, "40/alerts,", "pid"), {}};
  for (const std::string& message : messages) {
    constexpr std::string_view position = "42/alerts,[\"position\",\"";
    if (message.starts_with(position)) known.offset = message.substr(position.size(), message.size() - position.size() - 2);
  }
  EXPECT_FALSE(known.pid.empty() || known.offset.empty());
  return known;
}

TEST(SocketIo, AClientThatIsNotRecoveredHoldsNothingOfWhatItHadBefore) {
  Node node(subscribing_settings());
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");
  const ConnectionId first = open_websocket(node);
  const Known known = known_of(node.messages(first));
  node.say(first, R"(42/alerts,["subscribe",{"channels":["camera:1"]}])");
  node.say(first, R"(42/alerts,["subscribe",{"eventTypes":["alert"]}])");
  node.shard->on_closed(first, "gone");

  const ConnectionId second = open_websocket(node, known.text("another-epoch"));
  const auto connected = node.messages(second);
  EXPECT_NE(member(connected, "40/alerts,", "pid"), known.pid);
  (void)node.publish("alerts", {"tenant:t/camera:1"}, "alert", "\"of the camera\"");
  (void)node.publish("alerts", {"tenant:t"}, "other", "\"of the tenant\"");
  node.turn();
  const auto got = node.messages(second);
  EXPECT_FALSE(any_has(got, "of the camera")) << "it did not ask for that room";
  EXPECT_TRUE(any_has(got, "of the tenant")) << "it did not choose events";
}

TEST(SocketIo, AConnectionThatIsDeadWithoutBeingKnownToBeDoesNotChangeWhatItsSuccessorRecovers) {
  Settings settings = subscribing_settings();
  settings.ping_interval_ms = 1'000;
  Node node(std::move(settings));
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");
  const ConnectionId dead = open_websocket(node);
  const Known known = known_of(node.messages(dead));

  const ConnectionId second = open_websocket(node, known.text());
  EXPECT_EQ(member(node.messages(second), "40/alerts,", "pid"), known.pid);
  node.say(second, R"(42/alerts,["subscribe",{"channels":["camera:1"]}])");
  node.advance(1'500);  // a heartbeat of the dead one
  node.shard->on_closed(second, "gone");

  const ConnectionId third = open_websocket(node, known.text());
  EXPECT_EQ(member(node.messages(third), "40/alerts,", "pid"), known.pid);
  (void)node.publish("alerts", {"tenant:t/camera:1"}, "alert", "\"of the camera\"");
  node.turn();
  EXPECT_TRUE(any_has(node.messages(third), "of the camera"));
}

TEST(SocketIo, WhoComesWithAnothersRecordIsNotRecoveredAndTheOwnerStillIs) {
  Node node(subscribing_settings());
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");
  const ConnectionId first = open_websocket(node);
  const Known known = known_of(node.messages(first));
  node.shard->on_closed(first, "gone");
  const std::string taken = member(node.messages(open_websocket(node, known.text(), "another")), "40/alerts,", "pid");
  EXPECT_FALSE(taken.empty());
  EXPECT_NE(taken, known.pid);
  EXPECT_EQ(member(node.messages(open_websocket(node, known.text())), "40/alerts,", "pid"), known.pid);
}

TEST(SocketIo, AConnectionThatIsCutBeforeItIsConnectedUsesNoRecordUp) {
  Node node(subscribing_settings());
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");
  const ConnectionId first = open_websocket(node);
  const Known known = known_of(node.messages(first));
  node.shard->on_closed(first, "gone");

  node.gate.holds_records = true;  // cut while the record is on its way
  const ConnectionId second = open_websocket(node, known.text());
  node.shard->on_closed(second, "cut");
  node.turn();
  node.gate.holds_records = false;
  for (const auto& [ticket, key] : std::exchange(node.gate.held_records, {})) node.gate.to->take_record(ticket, key);

  node.gate.holds_enters = true;  // cut while its joins are under way
  node.advance(60'000);           // nobody is in the stream any more
  const ConnectionId third = open_websocket(node, known.text());
  EXPECT_FALSE(any_has(node.messages(third), "40/alerts,"));
  node.shard->on_closed(third, "cut");
  node.turn();
  node.gate.holds_enters = false;
  for (const auto& [ticket, stream] : std::exchange(node.gate.held, {})) node.gate.to->enter(ticket, stream);
  EXPECT_EQ(member(node.messages(open_websocket(node, known.text())), "40/alerts,", "pid"), known.pid);
}

TEST(SocketIo, WhatTheFirstOfSeveralNamespacesBringsFollowsConnect) {
  Settings settings = subscribing_settings();
  settings.views.front().namespaces = {"alerts", "video"};
  Node node(std::move(settings));
  node.gate.holds_enters = true;
  const ConnectionId id = open_websocket(node);
  node.gate.holds_enters = false;
  const auto held = std::exchange(node.gate.held, {});
  ASSERT_EQ(held.size(), 2U);
  node.gate.to->enter(held[0].first, held[0].second);
  node.turn();
  for (int i = 0; i < 3; ++i) {
    (void)node.publish("alerts", {"tenant:t"}, "alert", std::to_string(i));
    node.turn();
  }
  EXPECT_FALSE(any_has(node.messages(id), "/alerts")) << "the other namespace is not joined yet";
  node.gate.to->enter(held[1].first, held[1].second);
  node.turn();
  std::string order;
  for (const std::string& message : node.messages(id)) {
    if (message.starts_with("40/alerts,")) order += "connect ";
    if (has(message, "[\"alert\",")) order += message.substr(message.find("\"alert\",") + 8, 1) + ' ';
  }
  EXPECT_EQ(order, "connect 0 1 2 ");
}

TEST(SocketIo, ARecordStaysWithItsConnectionsHeartbeats) {
  Settings settings = subscribing_settings();
  settings.ping_interval_ms = 1'000;
  settings.socketio.recovery_ms = 5'000;
  settings.socketio.ping_timeout_ms = 100'000;
  Node node(std::move(settings));
  (void)node.publish("alerts", {"tenant:t"}, "alert", "1");
  const ConnectionId first = open_websocket(node);
  const Known known = known_of(node.messages(first));
  for (int i = 0; i < 20; ++i) node.advance(1'000);
  node.shard->on_closed(first, "gone");
  node.advance(4'000);
  EXPECT_EQ(member(node.messages(open_websocket(node, known.text())), "40/alerts,", "pid"), known.pid);
}

TEST(SocketIo, ATokenThatIsAboutToExpireIsSaidBehindConnect) {
  Settings settings = subscribing_settings();
  Node node(std::move(settings));
  const ConnectionId id = node.connect_to("/socket.io/?EIO=4&transport=websocket");
  (void)node.messages(id);
  node.gate.holds_enters = true;
  const std::string token = auth::sign_hs256(node_secret, auth::claims_json(auth::UserClaims{"u", "t", {}, {}, 10}, node.now));
  node.say(id, "40/alerts,{\"token\":\"" + token + "\"}");
  node.advance(2'000);
  EXPECT_TRUE(node.messages(id).empty());
  ASSERT_EQ(node.gate.held.size(), 1U);
  node.gate.to->enter(node.gate.held[0].first, node.gate.held[0].second);
  node.turn();
  const auto got = node.messages(id);
  ASSERT_GE(got.size(), 2U);
  EXPECT_TRUE(got.front().starts_with("40/alerts,"));
  EXPECT_TRUE(any_has(got, "token_expiring"));
}

TEST(SocketIo, ARoomThatARefreshBringsComesWithItsNewestValues) {
  Settings settings = subscribing_settings();
  settings.namespaces[0].events = {{"level", {}, false, true, {}, 0}};
  protocol::ViewInput refresh;
  refresh.event = "refresh";
  refresh.action = protocol::ViewInput::Action::refresh;
  settings.views[0].inputs.push_back(refresh);
  Node node(std::move(settings));
  (void)node.publish("alerts", {"tenant:t/role:operator"}, "level", "\"for operators\"");
  const ConnectionId id = open_websocket(node);
  EXPECT_FALSE(any_has(node.messages(id), "for operators"));
  const std::string token =
      auth::sign_hs256(node_secret, auth::claims_json(auth::UserClaims{"u", "t", {}, {"operator"}, 0}, node.now));
  node.say(id, R"(42/alerts,["refresh",{"token":")" + token + R"("}])");
  EXPECT_TRUE(any_has(node.messages(id), "for operators"));
}

TEST(SocketIo, WhatWaitsForPollsThatDoNotComeIsBounded) {
  Settings settings = subscribing_settings();
  settings.limits.control_lane_bytes_max = 4'096;
  settings.limits.connection_namespaces_max = 10'000;
  Node node(std::move(settings));
  const ConnectionId http = node.open();
  node.give(http, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: test\r\n\r\n");
  const std::string answer = std::exchange(node.sent[http.slot], {});
  std::string sid;
  ASSERT_TRUE(protocol::json::read_string(
      protocol::json::find(std::string_view(answer).substr(answer.find("\r\n\r\n0{") + 5), "sid"), sid));
  std::string body = "40/nowhere,";
  while (body.size() < 20'000)
    body +=
        "\x1e"
        "40/nowhere,";
  const std::string target = "/socket.io/?EIO=4&transport=polling&sid=" + sid + " HTTP/1.1\r\nHost: test\r\n";
  node.give(http, "POST " + target + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(has(node.sent[http.slot], "200 OK"));
  EXPECT_EQ(node.shard->counters().slow_consumers.get(), 1U);
  node.sent[http.slot].clear();
  node.give(http, "GET " + target + "\r\n");
  EXPECT_TRUE(has(node.sent[http.slot], "44/nowhere,"));
  EXPECT_LT(node.sent[http.slot].size(), 5'000U);
  node.sent[http.slot].clear();
  node.give(http, "GET " + target + "\r\n");
  node.advance(2);
  EXPECT_TRUE(node.sent[http.slot].ends_with("\r\n\r\n1")) << node.sent[http.slot];
  EXPECT_EQ(node.shard->counters().engine_sessions.get(), 0U);
}

TEST(SocketIo, WhatWaitsForAPollWhenTheServerClosesComesBeforeTheClose) {
  Settings settings = subscribing_settings();
  settings.limits.connection_messages = {1, 60'000};
  settings.limits.rate_violations_max = 1;
  Node node(std::move(settings));
  const ConnectionId http = node.open();
  const auto request = [&](const std::string& method, const std::string& query, const std::string& body = {}) {
    node.give(http, method + " /socket.io/?EIO=4&transport=polling" + query +
                        " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    node.advance(2);
    const std::string answer = std::exchange(node.sent[http.slot], {});
    return answer.substr(std::min(answer.find("\r\n\r\n"), answer.size()));
  };
  std::string sid;
  ASSERT_TRUE(protocol::json::read_string(protocol::json::find(std::string_view(request("GET", "")).substr(5), "sid"), sid));
  const std::string session = "&sid=" + sid;
  request("POST", session, "40/alerts,{\"token\":\"" + token_of(node) + "\"}");
  EXPECT_TRUE(has(request("GET", session), "40/alerts,"));
  const std::string subscribe = R"(42/alerts,["subscribe",{"channels":["camera:1"]}])";
  request("POST", session, subscribe + '\x1e' + subscribe + '\x1e' + subscribe);
  EXPECT_TRUE(has(request("GET", session), "too many messages, again and again"));
  EXPECT_TRUE(request("GET", session).ends_with("\r\n\r\n1"));
  EXPECT_EQ(node.shard->counters().engine_sessions.get(), 0U);
}

/// A socket in /video, which is a namespace that no view shows; its token lasts ten seconds.
ConnectionId open_in_plain_namespace(Node& node) {
  const ConnectionId id = node.connect_to("/socket.io/?EIO=4&transport=websocket");
  node.say(id, R"(40/video,{"token":")" +
                   auth::sign_hs256(node_secret, auth::claims_json(auth::UserClaims{"u", "t", {}, {}, 10}, node.now)) + R"("})");
  EXPECT_TRUE(any_has(node.messages(id), "40/video,"));
  return id;
}

TEST(SocketIo, AConnectionToANamespaceThatNoViewShowsEndsWithItsToken) {
  Node node(subscribing_settings());
  const ConnectionId id = open_in_plain_namespace(node);
  node.advance(9'000);
  EXPECT_TRUE(any_has(node.messages(id), "token_expiring"));
  node.advance(2'000);
  EXPECT_TRUE(any_has(node.messages(id), "close 1005"));
}

TEST(SocketIo, ATokenIsRefreshedByAnEventInANamespaceThatNoViewShows) {
  Node node(subscribing_settings());
  const ConnectionId id = open_in_plain_namespace(node);
  node.advance(9'000);
  node.say(id, R"(42/video,1["token:refresh","nonsense"])");
  EXPECT_TRUE(any_has(node.messages(id), R"(43/video,1[{"error":{"code":"UNAUTHENTICATED")"));
  node.say(id, R"(42/video,2["token:refresh",")" + token_of(node) + R"("])");
  const auto got = node.messages(id);
  EXPECT_TRUE(any_has(got, R"(["token:refreshed",{}])"));
  EXPECT_TRUE(any_has(got, "43/video,2[{}]"));
  node.advance(2'000);
  EXPECT_FALSE(any_has(node.messages(id), "close"));
}

TEST(SocketIo, AGateThatOpensAndClosesAgainAndAgainIsOverTheRate) {
  Settings settings = subscribing_settings();
  settings.limits.connection_messages = {4, 60'000};
  settings.views[0].tenant_gate = true;
  for (const auto& [event, action] : {std::pair{"join-tenant", protocol::ViewInput::Action::join_tenant},
                                      std::pair{"leave-tenant", protocol::ViewInput::Action::leave_tenant}}) {
    settings.views[0].inputs.emplace_back().event = event;
    settings.views[0].inputs.back().action = action;
  }
  Node node(std::move(settings));
  const ConnectionId id = open_websocket(node);
  for (int i = 0; i < 2; ++i) {
    node.say(id, R"(42/alerts,["join-tenant","t"])");
    node.say(id, R"(42/alerts,["leave-tenant","t"])");
  }
  EXPECT_FALSE(any_has(node.messages(id), "RATE_LIMITED"));
  node.say(id, R"(42/alerts,7["join-tenant","t"])");
  const auto got = node.messages(id);
  EXPECT_TRUE(any_has(got, R"(43/alerts,7[{"error":{"code":"RATE_LIMITED")"));
  EXPECT_TRUE(any_has(got, R"("event":"join-tenant")"));
}

TEST(SocketIo, ManyConnectPacketsWithinAHeartbeatEndTheSession) {
  Settings settings = subscribing_settings();
  settings.limits.connection_namespaces_max = 3;
  Node node(std::move(settings));
  const ConnectionId id = open_websocket(node);
  auto again = [&] {
    node.say(id, "41/alerts,");
    node.say(id, "40/alerts,{\"token\":\"" + token_of(node) + "\"}");
  };
  for (int i = 0; i < 5; ++i) again();
  EXPECT_FALSE(any_has(node.messages(id), "close"));
  node.advance(25'000);  // a heartbeat
  node.say(id, "3");
  for (int i = 0; i < 6; ++i) again();
  EXPECT_FALSE(any_has(node.messages(id), "close"));
  again();
  EXPECT_TRUE(any_has(node.messages(id), "close 1005"));
  EXPECT_EQ(node.shard->counters().rate_limited.get(), 1U);
}

TEST(SocketIo, Cve202659724NamesOfPrototypesAreUnknownSessions) {
  // CVE-2026-59724: a sid like __proto__ was looked up among the properties that every object has.
  Node node(subscribing_settings());
  for (const char* sid : {"__proto__", "constructor", "hasOwnProperty", "AAAAAAAAAAAAAAAAAAAA", "", "%00"}) {
    const std::string target = std::string("/socket.io/?EIO=4&transport=polling&sid=") + sid;
    const ConnectionId http = node.open();
    node.give(http, "GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_TRUE(has(node.sent[http.slot], R"({"code":1,"message":"Session ID unknown"})")) << sid;
    EXPECT_TRUE(has(node.sent[node.connect_to("/socket.io/?EIO=4&transport=websocket&sid=" + std::string(sid)).slot], "400 Bad"))
        << sid;
  }
}

}  // namespace
}  // namespace sparc::shard
