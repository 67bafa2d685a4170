#pragma once
/// A client of a SPARC WebSocket server.
///
/// ```cpp
/// sparc::websocket::WebSocketClient client({.url = "wss://api.example.com", .token = token, .namespace_ = "alerts"});
/// client.on_message([](const sparc::websocket::Message& message) { … message.event … message.data … });
/// if (auto connected = client.connect().get(); !connected) { … connected.error().message … }
/// client.subscribe({"camera:7"});
/// ```

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sparc/websocket/client_types.h"
#include "sparc/websocket/error.h"

namespace sparc::websocket {

/// Keeps one namespace joined: reconnects, subscribes again and recovers what was missed by position; refreshes a token that is a
/// function; moves to another node when the server drains, without losing an event.
///
/// Sharing:   clients of one process with the same URL and token (and the same TLS settings) share one connection; of their other
///            options those of the first count for it. Each is told only what it wants itself. An event that was published to
///            several rooms is told with one of them.
/// Order:     events of a namespace arrive in the order of its stream, each once. What may be missing is told by `on_stale`.
/// Callbacks: on one thread of the library for all clients, or inside `poll` (ClientOptions::callbacks). They may call every
///            function here, but must not wait for a future: nothing is read while a callback runs. What they throw is told to
///            `on_error`. Set them before `connect`; setting one replaces it.
/// Futures:   become ready on the library's thread, in either mode. Dropping one does not wait.
/// Errors:    never thrown. `on_error` tells what no future does; without a callback it is written to stderr.
/// Lifetime:  the destructor disconnects, and no callback runs after it, unless it is called from one.
/// Thread:    every function may be called from any thread.
class WebSocketClient {
 public:
  /// Starts nothing. What is wrong with the options is the answer of `connect`.
  explicit WebSocketClient(ClientOptions options);
  virtual ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  /// Ready when the namespace is joined, when the server refused for good, or after `timeout_ms` with TIMEOUT; in the last case,
  /// with `auto_reconnect`, the client goes on trying until `disconnect`. While connected it is ready at once.
  std::future<Result<void>> connect();
  /// Rooms, topics and filters are kept for the next `connect`.
  void disconnect();
  /// A new connection now, recovered by position. It is that of every client that shares it.
  void reconnect();

  /// Joins rooms, all or none: FORBIDDEN names the one that was not allowed. Answers the rooms in their short names.
  std::future<Result<std::vector<std::string>>> subscribe(std::vector<std::string> rooms);
  /// Leaving a room that is not held succeeds.
  std::future<Result<std::vector<std::string>>> unsubscribe(std::vector<std::string> rooms);
  /// Narrows to events of these topics (`incidents`) or names (`alert:created`); replaces what was set. None: everything.
  std::future<Result<void>> set_topics(std::optional<std::vector<std::string>> topics);
  /// Narrows to events that pass one of these; replaces what was set. None: everything.
  std::future<Result<void>> set_filters(std::optional<std::vector<Filter>> filters);

  /// An event for the services behind the server; `data` is JSON, empty for none. Nobody answers; a failure goes to `on_error`.
  void send(std::string event, std::string data = {});
  /// The same, answered by the service's reply as JSON. The time is ClientOptions::timeout_ms where it is not said. A reply that
  /// does not come because the connection ended is UNAVAILABLE: whether the event was handled is not known then.
  std::future<Result<std::string>> request(std::string event, std::string data = {},
                                           std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  /// For use within callbacks: `on_reply` is called like one.
  void request(std::string event, std::string data, std::optional<std::chrono::milliseconds> timeout,
               std::function<void(Result<std::string>)> on_reply);

  [[nodiscard]] bool is_connected() const;
  [[nodiscard]] ClientState get_state() const;
  /// Rooms that were subscribed to, beside those of the own identity.
  [[nodiscard]] std::vector<std::string> get_subscriptions() const;

  void on_message(std::function<void(const Message&)> callback);
  void on_connected(std::function<void()> callback);
  void on_disconnected(std::function<void(const Disconnected&)> callback);
  void on_error(std::function<void(const Error&)> callback);
  void on_subscribed(std::function<void(const std::vector<std::string>& rooms)> callback);
  void on_unsubscribed(std::function<void(const Unsubscribed&)> callback);
  void on_state_changed(std::function<void(ClientState from, ClientState to)> callback);
  void on_stale(std::function<void(const Stale&)> callback);
  /// Answers what services ask of the namespace's clients (`UnifiedWebSocketService::ask`; docs/protocol.md, `ask`): one handler an
  /// event, an empty one takes it away. What it is given has no room and no offset. Of clients that share a connection the first
  /// that has a handler answers; where none has, the service is told NO_HANDLER.
  void on_ask(std::string event, std::function<void(const Message& question, AnswerAsk answer)> handler);

  /// With Callbacks::polled: runs the callbacks that wait, or waits for the first for at most `wait`. Returns how many ran.
  std::size_t poll(std::chrono::milliseconds wait = std::chrono::milliseconds(0));

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparc::websocket
