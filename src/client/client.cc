// The public clients over ClientCore: checks on the caller's thread, everything else on the engine's.
#include "sparc/websocket/client.h"

#include <algorithm>
#include <utility>

#include "client/client_core.h"
#include "protocol/json_checker.h"
#include "protocol/native/codec.h"
#include "protocol/scalar.h"
#include "protocol/text_rules.h"

namespace sparc::websocket {
namespace {

constexpr std::size_t room_bytes_max = 512;  // a full name; the server says more exactly

Error bad_request(std::string message) { return {"BAD_REQUEST", std::move(message)}; }

template <class T>
std::future<Result<T>> ready(Error error) {
  std::promise<Result<T>> promise;
  promise.set_value(std::unexpected(std::move(error)));
  return promise.get_future();
}

std::optional<Error> check_texts(const std::vector<std::string>& texts, std::string_view what, std::size_t bytes_max) {
  if (texts.size() > protocol::native::list_items_max) return bad_request("at most 1024 at once");
  for (const auto& text : texts) {
    if (protocol::plain_text(text, bytes_max)) continue;
    return bad_request(std::string(what) + " must be 1 to " + std::to_string(bytes_max) +
                       " bytes of UTF-8 without control characters");
  }
  return std::nullopt;
}

std::optional<Error> check_event(const std::string& event, const std::string& data) {
  if (!protocol::plain_text(event, protocol::native::event_name_bytes_max)) {
    return bad_request("an event's name must be 1 to 256 bytes of UTF-8 without control characters");
  }
  if (data.empty()) return std::nullopt;
  thread_local protocol::JsonChecker checker;
  const auto fault = checker.fault(data);
  if (!fault.empty()) return bad_request("data must be JSON: " + std::string(fault));
  return std::nullopt;
}

protocol::Filter wire_filter(const Filter& filter) {
  protocol::Filter out;
  out.every_ms = filter.every_ms;
  for (const auto& field : filter.fields) {
    std::vector<protocol::Scalar> values;
    values.reserve(field.values.size());
    for (const auto& value : field.values) values.push_back(protocol::string_scalar(value));
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    out.fields.emplace_back(field.name, std::move(values));
  }
  std::sort(out.fields.begin(), out.fields.end());
  return out;
}

std::optional<Error> check_filters(const std::vector<Filter>& filters) {
  for (const auto& filter : filters) {
    std::vector<std::string> names;
    for (const auto& field : filter.fields) {
      names.push_back(field.name);
      if (auto error = check_texts(field.values, "a value", protocol::filter_value_bytes_max)) return error;
    }
    if (auto error = check_texts(names, "a field's name", protocol::native::name_bytes_max)) return error;
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) return bad_request("a filter may name a field once");
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(ClientState state) {
  switch (state) {
    case ClientState::disconnected: return "disconnected";
    case ClientState::connecting: return "connecting";
    case ClientState::connected: return "connected";
    case ClientState::reconnecting: return "reconnecting";
    case ClientState::failed: return "failed";
  }
  return "disconnected";
}

/// The runtime begins with the first `connect`; before it there is nothing to do but to keep callbacks.
struct WebSocketClient::Impl {
  explicit Impl(ClientOptions given) : options(std::move(given)) {}

  Result<std::shared_ptr<client::ClientCore>> start() {
    const std::lock_guard lock(mutex);
    if (core) return core;
    if (!protocol::plain_text(options.namespace_, protocol::native::name_bytes_max)) {
      return std::unexpected(bad_request("ClientOptions::namespace_ must be 1 to 128 bytes without control characters"));
    }
    auto made = client::Runtime::shared();
    if (!made) return std::unexpected(Error{"INTERNAL", made.error().message});
    runtime = std::move(*made);
    core = std::make_shared<client::ClientCore>(options, runtime);
    for (auto& change : std::exchange(early, {})) core->callbacks.set(std::move(change));
    return core;
  }

  std::shared_ptr<client::ClientCore> started() const {
    const std::lock_guard lock(mutex);
    return core;
  }

  void set(std::function<void(client::Handlers&)> change) {
    std::unique_lock lock(mutex);
    if (!core) {
      early.push_back(std::move(change));
      return;
    }
    const auto known = core;
    lock.unlock();
    known->callbacks.set(std::move(change));
  }

  template <class F>
  void post(std::shared_ptr<client::ClientCore> to, F&& job) {
    runtime->engine().post([to = std::move(to), job = std::forward<F>(job)]() mutable { job(*to); });
  }

  /// Rooms, topics and filters are changed in one way.
  template <class T>
  std::future<Result<T>> change(protocol::Subscribe choice) {
    const auto to = started();
    if (!to) return ready<T>({"UNAVAILABLE", "not connected"});
    std::promise<Result<T>> promise;
    auto future = promise.get_future();
    choice.ns = options.namespace_;
    post(to, [choice = std::move(choice), promise = std::move(promise)](client::ClientCore& self) mutable {
      self.subscribe(std::move(choice), [promise = std::move(promise)](Result<std::vector<std::string>> answer) mutable {
        if constexpr (std::is_void_v<T>) {
          promise.set_value(answer ? Result<void>() : std::unexpected(std::move(answer.error())));
        } else {
          promise.set_value(std::move(answer));
        }
      });
    });
    return future;
  }

  const ClientOptions options;
  mutable std::mutex mutex;
  std::shared_ptr<client::Runtime> runtime;
  std::shared_ptr<client::ClientCore> core;
  std::vector<std::function<void(client::Handlers&)>> early;  // callbacks that were set before
};

WebSocketClient::WebSocketClient(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

WebSocketClient::~WebSocketClient() {
  const auto core = impl_->started();
  if (!core) return;
  core->callbacks.close();
  impl_->post(core, [](client::ClientCore& self) { self.abandon(); });
}

std::future<Result<void>> WebSocketClient::connect() {
  const auto core = impl_->start();
  if (!core) return ready<void>(core.error());
  std::promise<Result<void>> promise;
  auto future = promise.get_future();
  impl_->post(*core, [promise = std::move(promise)](client::ClientCore& self) mutable { self.connect(std::move(promise)); });
  return future;
}

void WebSocketClient::disconnect() {
  if (const auto core = impl_->started()) impl_->post(core, [](client::ClientCore& self) { self.disconnect(); });
}

void WebSocketClient::reconnect() {
  if (const auto core = impl_->started()) {
    impl_->post(core, [](client::ClientCore& self) { self.reconnect(); });
  } else {
    (void)connect();
  }
}

std::future<Result<std::vector<std::string>>> WebSocketClient::subscribe(std::vector<std::string> rooms) {
  if (auto error = check_texts(rooms, "a room", room_bytes_max)) return ready<std::vector<std::string>>(std::move(*error));
  protocol::Subscribe choice;
  choice.rooms = std::move(rooms);
  return impl_->change<std::vector<std::string>>(std::move(choice));
}

std::future<Result<std::vector<std::string>>> WebSocketClient::unsubscribe(std::vector<std::string> rooms) {
  if (auto error = check_texts(rooms, "a room", room_bytes_max)) return ready<std::vector<std::string>>(std::move(*error));
  const auto core = impl_->started();
  if (!core) return ready<std::vector<std::string>>({"UNAVAILABLE", "not connected"});
  std::promise<Result<std::vector<std::string>>> promise;
  auto future = promise.get_future();
  impl_->post(core, [rooms = std::move(rooms), promise = std::move(promise)](client::ClientCore& self) mutable {
    self.unsubscribe(std::move(rooms), [promise = std::move(promise)](Result<std::vector<std::string>> answer) mutable {
      promise.set_value(std::move(answer));
    });
  });
  return future;
}

std::future<Result<void>> WebSocketClient::set_topics(std::optional<std::vector<std::string>> topics) {
  protocol::Subscribe choice;
  choice.topics.kind = protocol::Choice<std::string>::Kind::everything;
  if (topics) {
    if (auto error = check_texts(*topics, "a topic", protocol::native::event_name_bytes_max))
      return ready<void>(std::move(*error));
    choice.topics.kind = protocol::Choice<std::string>::Kind::list;
    choice.topics.items = std::move(*topics);
  }
  return impl_->change<void>(std::move(choice));
}

std::future<Result<void>> WebSocketClient::set_filters(std::optional<std::vector<Filter>> filters) {
  protocol::Subscribe choice;
  choice.filters.kind = protocol::Choice<protocol::Filter>::Kind::everything;
  if (filters) {
    if (auto error = check_filters(*filters)) return ready<void>(std::move(*error));
    choice.filters.kind = protocol::Choice<protocol::Filter>::Kind::list;
    for (const auto& filter : *filters) choice.filters.items.push_back(wire_filter(filter));
  }
  return impl_->change<void>(std::move(choice));
}

void WebSocketClient::send(std::string event, std::string data) {
  const auto core = impl_->start();
  if (!core) return;
  if (auto error = check_event(event, data)) {
    impl_->post(*core, [error = std::move(*error)](client::ClientCore& self) { self.on_problem(error); });
    return;
  }
  protocol::Event frame;
  frame.event = std::move(event);
  frame.data = std::move(data);
  impl_->post(*core, [frame = std::move(frame)](client::ClientCore& self) mutable { self.send(std::move(frame)); });
}

std::future<Result<std::string>> WebSocketClient::request(std::string event, std::string data,
                                                          std::optional<std::chrono::milliseconds> timeout) {
  if (auto error = check_event(event, data)) return ready<std::string>(std::move(*error));
  const auto core = impl_->started();
  if (!core) return ready<std::string>({"UNAVAILABLE", "not connected"});
  std::promise<Result<std::string>> promise;
  auto future = promise.get_future();
  protocol::Event frame;
  frame.event = std::move(event);
  frame.data = std::move(data);
  const std::int64_t timeout_ms = timeout ? timeout->count() : impl_->options.timeout_ms;
  impl_->post(core, [frame = std::move(frame), timeout_ms, promise = std::move(promise)](client::ClientCore& self) mutable {
    self.request(std::move(frame), timeout_ms,
                 [promise = std::move(promise)](Result<std::string> answer) mutable { promise.set_value(std::move(answer)); });
  });
  return future;
}

void WebSocketClient::request(std::string event, std::string data, std::optional<std::chrono::milliseconds> timeout,
                              std::function<void(Result<std::string>)> on_reply) {
  const auto core = impl_->start();
  if (!core) {
    on_reply(std::unexpected(core.error()));
    return;
  }
  const auto error = check_event(event, data);
  protocol::Event frame;
  frame.event = std::move(event);
  frame.data = std::move(data);
  const std::int64_t timeout_ms = timeout ? timeout->count() : impl_->options.timeout_ms;
  impl_->post(*core,
              [frame = std::move(frame), timeout_ms, error, on_reply = std::move(on_reply)](client::ClientCore& self) mutable {
                auto reply = [to = self.weak_from_this(), on_reply = std::move(on_reply)](Result<std::string> answer) {
                  const auto alive = to.lock();
                  if (!alive) return;
                  alive->callbacks.call(client::CallbackQueue::Kind::other,
                                        [on_reply, answer = std::move(answer)](const client::Handlers&) { on_reply(answer); });
                };
                if (error) {
                  reply(std::unexpected(*error));
                } else {
                  self.request(std::move(frame), timeout_ms, std::move(reply));
                }
              });
}

bool WebSocketClient::is_connected() const { return get_state() == ClientState::connected; }

ClientState WebSocketClient::get_state() const {
  const auto core = impl_->started();
  return core ? core->state() : ClientState::disconnected;
}

std::vector<std::string> WebSocketClient::get_subscriptions() const {
  const auto core = impl_->started();
  return core ? core->subscriptions() : std::vector<std::string>{};
}

void WebSocketClient::on_message(std::function<void(const Message&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.message = callback; });
}
void WebSocketClient::on_connected(std::function<void()> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.connected = callback; });
}
void WebSocketClient::on_disconnected(std::function<void(const Disconnected&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.disconnected = callback; });
}
void WebSocketClient::on_error(std::function<void(const Error&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.error = callback; });
}
void WebSocketClient::on_subscribed(std::function<void(const std::vector<std::string>&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.subscribed = callback; });
}
void WebSocketClient::on_unsubscribed(std::function<void(const Unsubscribed&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.unsubscribed = callback; });
}
void WebSocketClient::on_state_changed(std::function<void(ClientState, ClientState)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.state_changed = callback; });
}
void WebSocketClient::on_stale(std::function<void(const Stale&)> callback) {
  impl_->set([callback = std::move(callback)](client::Handlers& handlers) { handlers.stale = callback; });
}

void WebSocketClient::on_ask(std::string event, std::function<void(const Message&, AnswerAsk)> handler) {
  impl_->set([event = std::move(event), handler = std::move(handler)](client::Handlers& handlers) {
    if (handler) {
      handlers.asks[event] = handler;
    } else {
      handlers.asks.erase(event);
    }
  });
}

std::size_t WebSocketClient::poll(std::chrono::milliseconds wait) {
  const auto core = impl_->started();
  return core ? core->callbacks.poll(wait) : 0;
}

}  // namespace sparc::websocket
