// The clients as applications use them, against the real server.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "net/certificates.h"
#include "server_process.h"
#include "sparc/websocket/alert_client.h"
#include "sparc/websocket/monitoring_client.h"
#include "sparc/websocket/video_client.h"

namespace sparc::client {
namespace {

using namespace websocket;
using testing::ElementsAre;
using testing::HasSubstr;

class EndToEnd : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = new ServerProcess; }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  static ClientOptions options(const std::string& user = "u1", const std::string& tenant = "t1") {
    ClientOptions out;
    out.url = server->url();
    out.token = ServerProcess::token(user, tenant);
    out.timeout_ms = 60'000;
    return out;
  }
  static void connect(WebSocketClient& client) {
    const auto connected = value_of(client.connect());
    ASSERT_TRUE(connected.has_value()) << connected.error().message;
  }
  static void record(WebSocketClient& client, Inbox& inbox) {
    client.on_message([&](const Message& message) { inbox.add(message.event + " " + message.data); });
  }

  static ServerProcess* server;
};
ServerProcess* EndToEnd::server = nullptr;

TEST_F(EndToEnd, an_alert_arrives_byte_for_byte_as_it_was_broadcast) {
  Inbox inbox;
  AlertWebSocketClient client(options());
  client.on_message([&](const Message& message) {
    inbox.add(message.namespace_ + " " + message.room + " " + message.event + " " + message.data);
    EXPECT_FALSE(message.timestamp.empty());
    EXPECT_GT(message.offset, 0U);
  });
  connect(client);
  EXPECT_TRUE(client.is_connected());
  server->publish("alerts", "tenant:t1", "alert:created", R"({"id":"a1","score":1.0})");
  EXPECT_THAT(inbox.wait(1), ElementsAre(R"(alerts tenant:t1 alert:created {"id":"a1","score":1.0})"));
}

TEST_F(EndToEnd, clients_of_one_token_share_a_connection_and_are_narrowed_each) {
  const auto shared = options("sharing", "t-shared");
  Inbox all, narrow, monitoring;
  AlertWebSocketClient everything(shared), high(shared);
  MonitoringWebSocketClient watcher(shared);
  record(everything, all);
  record(high, narrow);
  record(watcher, monitoring);
  connect(everything);
  connect(high);
  connect(watcher);
  ASSERT_TRUE(value_of(high.subscribe_to_alerts({"security"}, {"high", "critical"})).has_value());
  const std::string connections = server->get("/api/v1/connections?tenant=t-shared");
  std::size_t found = 0;
  for (auto at = connections.find("\"sharing\""); at != std::string::npos; at = connections.find("\"sharing\"", at + 1)) ++found;
  EXPECT_EQ(found, 1U) << connections;
  server->publish("alerts", "tenant:t-shared", "alert:created", R"({"type":"security","priority":"low"})");
  server->publish("alerts", "tenant:t-shared", "alert:created", R"({"type":"security","priority":"high"})");
  server->publish("alerts", "tenant:t-shared", "alert:deleted", R"({"alertId":"a1"})");
  server->publish("monitoring", "tenant:t-shared", "incident:created", "{}");
  EXPECT_EQ(all.wait(3).size(), 3U);
  EXPECT_THAT(narrow.wait(2),
              ElementsAre(R"(alert:created {"type":"security","priority":"high"})", R"(alert:deleted {"alertId":"a1"})"));
  EXPECT_THAT(monitoring.wait(1), ElementsAre("incident:created {}"));
}

TEST_F(EndToEnd, rooms_are_granted_or_refused_by_the_servers_rules) {
  Inbox inbox;
  AlertWebSocketClient client(options("rooms", "t-rooms"));
  record(client, inbox);
  client.on_subscribed([&](const std::vector<std::string>& rooms) { inbox.add("subscribed " + rooms.front()); });
  connect(client);
  const auto granted = value_of(client.subscribe({"tenant:t-rooms/zone:7"}));
  ASSERT_TRUE(granted.has_value()) << granted.error().message;
  EXPECT_THAT(*granted, ElementsAre("zone:7"));
  EXPECT_THAT(client.get_subscriptions(), ElementsAre("zone:7"));
  const auto refused = value_of(client.subscribe({"vault:1"}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "FORBIDDEN");
  server->publish("alerts", "tenant:t-rooms/zone:7", "alert:created", "7");
  EXPECT_THAT(inbox.wait(2), ElementsAre("subscribed zone:7", "alert:created 7"));
  ASSERT_TRUE(value_of(client.unsubscribe({"zone:7"})).has_value());
  EXPECT_TRUE(client.get_subscriptions().empty());
}

TEST_F(EndToEnd, a_bad_token_is_refused_with_its_reason) {
  auto bad = options();
  bad.token = "not.a.token";
  AlertWebSocketClient client(bad);
  client.on_error([](const Error&) {});
  const auto connected = value_of(client.connect());
  ASSERT_FALSE(connected.has_value());
  EXPECT_EQ(connected.error().code, "UNAUTHENTICATED");
  EXPECT_EQ(client.get_state(), ClientState::failed);
}

TEST_F(EndToEnd, a_request_that_nobody_handles_says_so) {
  VideoWebSocketClient client(options("video", "t-video"));
  connect(client);
  const auto answer = value_of(client.request("nobody:knows", "{}"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, "NO_HANDLER");
  EXPECT_EQ(value_of(client.request("nobody:knows", "{broken")).error().code, "BAD_REQUEST");
}

TEST_F(EndToEnd, no_event_is_lost_or_doubled_or_out_of_order_over_reconnects) {
  Inbox inbox;
  AlertWebSocketClient client(options("again", "t-again"));
  record(client, inbox);
  client.on_stale([&](const Stale& stale) { inbox.add("stale " + stale.reason); });
  connect(client);
  constexpr int events = 60;
  for (int i = 0; i < events; ++i) {
    if (i % 20 == 10) client.reconnect();
    server->publish("alerts", "tenant:t-again", "alert:created", std::to_string(i));
  }
  std::vector<std::string> expected;
  for (int i = 0; i < events; ++i) expected.push_back("alert:created " + std::to_string(i));
  EXPECT_EQ(inbox.wait(events), expected);
}

TEST_F(EndToEnd, a_token_function_is_asked_before_every_connection) {
  std::atomic<int> asked = 0;
  auto with_function = options();
  with_function.token = [&asked, token = ServerProcess::token("fn", "t-fn")] {
    ++asked;
    return token;
  };
  Inbox inbox;
  AlertWebSocketClient client(with_function);
  client.on_connected([&] { inbox.add("connected"); });
  connect(client);
  client.reconnect();
  EXPECT_EQ(inbox.wait(2).size(), 2U);
  EXPECT_EQ(asked, 2);
}

TEST_F(EndToEnd, polled_callbacks_run_on_the_thread_that_polls) {
  auto polled = options("polled", "t-polled");
  polled.callbacks = Callbacks::polled;
  AlertWebSocketClient client(polled);
  const auto here = std::this_thread::get_id();
  bool arrived = false;
  client.on_message([&](const Message&) {
    arrived = true;
    EXPECT_EQ(std::this_thread::get_id(), here);
  });
  connect(client);
  server->publish("alerts", "tenant:t-polled", "alert:created", "1");
  for (const auto until = std::chrono::steady_clock::now() + deadline; !arrived && std::chrono::steady_clock::now() < until;) {
    client.poll(std::chrono::milliseconds(100));
  }
  EXPECT_TRUE(arrived);
}

TEST_F(EndToEnd, a_client_may_be_destroyed_in_its_own_callback) {
  auto client = std::make_unique<AlertWebSocketClient>(options("gone", "t-gone"));
  std::promise<void> destroyed;
  client->on_message([&](const Message&) {
    client.reset();
    destroyed.set_value();
  });
  connect(*client);
  server->publish("alerts", "tenant:t-gone", "alert:created", "1");
  EXPECT_EQ(destroyed.get_future().wait_for(deadline), std::future_status::ready);
}

TEST_F(EndToEnd, what_a_callback_throws_is_told_as_an_error) {
  Inbox inbox;
  AlertWebSocketClient client(options("throws", "t-throws"));
  client.on_message([](const Message&) { throw std::runtime_error("oh"); });
  client.on_error([&](const Error& error) { inbox.add(error.code + " " + error.message); });
  connect(client);
  server->publish("alerts", "tenant:t-throws", "alert:created", "1");
  EXPECT_THAT(inbox.wait(1), ElementsAre("INTERNAL a callback threw: oh"));
}

TEST_F(EndToEnd, a_client_comes_back_by_itself_when_its_server_is_restarted) {
  auto first = std::make_unique<ServerProcess>();
  const auto port = first->port;
  Inbox inbox;
  ClientOptions own = options("restart", "t-restart");
  own.url = first->url();
  own.reconnect_interval_ms = 200;
  own.reconnect_attempts = 0;
  AlertWebSocketClient client(own);
  client.on_error([](const Error&) {});
  client.on_disconnected([&](const Disconnected& end) { inbox.add(end.will_reconnect ? "will reconnect" : "for good"); });
  client.on_connected([&] { inbox.add("connected"); });
  record(client, inbox);
  connect(client);
  first->stop();
  EXPECT_THAT(inbox.wait(2), ElementsAre("connected", "will reconnect"));
  first.reset();
  const ServerProcess second(port);
  EXPECT_EQ(inbox.wait(3).back(), "connected");
  second.publish("alerts", "tenant:t-restart", "alert:created", "2");
  EXPECT_TRUE(inbox.wait_for("alert:created 2"));
}

TEST(ClientOverTls, connects_to_a_server_whose_certificate_it_trusts_and_to_no_other) {
  const net::Folder folder;
  const auto files = net::make_certificate(folder, "server", "DNS:localhost");
  const ServerProcess secure(0, files.certificate, files.key);
  ClientOptions trusting;
  trusting.url = "wss://localhost:" + std::to_string(secure.port);
  trusting.token = ServerProcess::token();
  trusting.ca_file = files.certificate;
  trusting.auto_reconnect = false;
  trusting.timeout_ms = 60'000;
  AlertWebSocketClient client(trusting);
  const auto connected = value_of(client.connect());
  EXPECT_TRUE(connected.has_value()) << connected.error().message;

  auto distrusting = trusting;
  distrusting.ca_file.clear();
  AlertWebSocketClient other(distrusting);
  other.on_error([](const Error&) {});
  const auto refused = value_of(other.connect());
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("certificate"));
  EXPECT_TRUE(client.is_connected());
}

TEST(ClientWithoutServer, says_what_is_wrong_with_its_options) {
  AlertWebSocketClient client({.url = "http//nowhere"});
  const auto connected = value_of(client.connect());
  ASSERT_FALSE(connected.has_value());
  EXPECT_EQ(connected.error().code, "BAD_REQUEST");
  WebSocketClient without_namespace({.url = "ws://localhost"});
  EXPECT_THAT(value_of(without_namespace.connect()).error().message, HasSubstr("namespace_"));
}

TEST(ClientWithoutServer, does_nothing_before_it_connects) {
  VideoWebSocketClient client({.url = "ws://localhost"});
  EXPECT_EQ(client.get_state(), ClientState::disconnected);
  EXPECT_EQ(value_of(client.start_stream("7")).error().code, "UNAVAILABLE");
  EXPECT_EQ(value_of(client.subscribe({"camera:7"})).error().code, "UNAVAILABLE");
  client.disconnect();
}

}  // namespace
}  // namespace sparc::client
