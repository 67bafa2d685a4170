// One process that serves, publishes, handles and listens, with the installed headers and library alone.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>

#include "sparc/websocket/alert_client.h"
#include "sparc/websocket/service.h"

namespace {

constexpr const char* secret = "consumer-secret-of-at-least-32-bytes";
// {"userId":"u1","tenantId":"t1","roles":["operator"]}, signed with it; does not expire.
constexpr const char* token =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VySWQiOiJ1MSIsInRlbmFudElkIjoidDEiLCJyb2xlcyI6WyJvcGVyYXRvciJdfQ."
    "hvashy5PYX5zgil6_dtgsxLUmPRvmFNqqr32mka0IDM";

template <class T>
T await(std::future<T> future, const char* what) {
  if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
    std::fprintf(stderr, "%s did not come\n", what);
    std::exit(1);
  }
  return future.get();
}

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

}  // namespace

int main() {
  using namespace sparc::websocket;
  ServiceOptions options;
  options.port = 0;
  options.host = "127.0.0.1";
  options.jwt_secret = secret;
  options.shards = 2;
  UnifiedWebSocketService service(options);
  service.on("alerts:describe",
             [](const ServiceEvent& event) { return HandlerResult{"{\"handled\":\"" + event.name + "\"}", {}}; });
  service.on("alerts:quick", [](const ServiceEvent&) { return HandlerResult{"{\"quick\":true}", {}}; }, RunOn::shard);
  service.on("alerts:broken", [](const ServiceEvent&) -> HandlerResult { throw std::runtime_error("on purpose"); });
  service.on("alerts:garbled", [](const ServiceEvent&) { return HandlerResult{"{no JSON", {}}; });
  auto early = service.broadcast_to_tenant("t1", "alerts", "alert:created", "{\"id\":\"early\"}");
  const auto started = service.start();
  expect(started.has_value(), "the service starts");
  expect(!await(std::move(early), "the early broadcast").error, "a broadcast before start() is delivered by it");

  ClientOptions client_options;
  client_options.url = "ws://127.0.0.1:" + std::to_string(service.port());
  client_options.token = token;
  AlertWebSocketClient client(client_options);
  std::promise<std::string> received;
  client.on_message([&](const Message& message) {
    if (message.event == "alert:created") received.set_value(message.data);
  });
  const auto connected = await(client.connect(), "the connection");
  expect(connected.has_value(), "the client connects");
  expect(service.get_metrics().total_clients == 1, "one client is counted");
  expect(service.get_connected_clients().at(0).user_id == "u1", "the client is listed");

  const auto sent =
      await(service.broadcast_to_user("u1", "alerts", "alert:created", "{\"id\":\"a1\",\"v\":1.0}"), "the broadcast");
  expect(!sent.error && sent.offset == 2, "the broadcast is numbered");
  expect(await(received.get_future(), "the message") == "{\"id\":\"a1\",\"v\":1.0}", "data arrives byte for byte");

  expect(await(client.request("describe"), "the reply") == std::string("{\"handled\":\"alerts:describe\"}"), "a handler answers");
  expect(await(client.request("quick"), "the reply") == std::string("{\"quick\":true}"), "an inline handler answers");
  const auto broken = await(client.request("broken"), "the error");
  expect(!broken && broken.error().code == "INTERNAL", "an exception of a handler is INTERNAL for the client");
  const auto nobody = await(client.request("nobody"), "the error");
  expect(!nobody && nobody.error().code == "NO_HANDLER", "an event without a handler is NO_HANDLER");
  const auto garbled = await(client.request("garbled"), "the error");
  expect(!garbled && garbled.error().code == "INTERNAL", "a handler's answer that is no JSON is INTERNAL for the client");
  const auto unsent = await(service.broadcast_to_tenant("t1", "alerts", "x", "{no JSON"), "the broadcast");
  expect(unsent.error && unsent.error->code == "BAD_REQUEST", "a broadcast that is no JSON is refused");

  client.on_ask("confirm", [](const Message& question, AnswerAsk answer) {
    answer("{\"confirmed\":" + question.data + "}");
    answer("\"a second answer counts for nothing\"");
  });
  client.on_ask("refuse",
                [](const Message&, const AnswerAsk& answer) { answer(std::unexpected(Error{"FORBIDDEN", "never", 0})); });
  client.on_ask("forget", [](const Message&, const AnswerAsk&) {});
  std::promise<AnswerAsk> kept;
  client.on_ask("later", [&](const Message&, AnswerAsk answer) { kept.set_value(std::move(answer)); });
  const auto asked = await(service.ask("alerts", "tenant:t1", "confirm", "[1.0]"), "the answers");
  expect(asked && asked->size() == 1 && asked->front().user_id == "u1", "the one client is asked");
  expect(asked->front().data == "{\"confirmed\":[1.0]}" && !asked->front().error, "its answer comes back byte for byte");
  const auto ask_one = [&](const char* event, std::optional<std::chrono::milliseconds> timeout = std::nullopt) {
    const auto answers = await(service.ask_client(asked->front().connection_id, "alerts", event, "1", timeout), "the answer");
    expect(answers && answers->size() == 1, "a client is asked by its id");
    return answers->front().error ? answers->front().error->code : answers->front().data;
  };
  expect(ask_one("refuse") == "FORBIDDEN", "a client's error is its answer");
  expect(ask_one("forget") == "INTERNAL", "a handler that drops the question has answered");
  expect(ask_one("unheard") == "NO_HANDLER", "a question without a handler is answered at once");
  expect(ask_one("later", std::chrono::milliseconds(50)) == "TIMEOUT", "who does not answer in time is told about");
  await(kept.get_future(), "the question")("\"too late\"");
  const auto nowhere = await(service.ask("alerts", "tenant:t2", "confirm", "1"), "the answers");
  expect(nowhere && nowhere->empty(), "nobody is there to be asked");
  const auto wrong = await(service.ask("alerts", "camera:7", "confirm", "1"), "the error");
  expect(!wrong && wrong.error().code == "BAD_REQUEST", "a room without its tenant is refused");
  client.disconnect();
  service.stop(1'000);
  const auto stopped = await(service.ask("alerts", "tenant:t1", "confirm", "1"), "the error");
  expect(!stopped && stopped.error().code == "UNAVAILABLE", "a service that is stopped asks nobody");
  expect(service.port() == 0, "the port is given back");
  std::puts("consumer: all as expected");
  return 0;
}
