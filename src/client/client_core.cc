#include "client/client_core.h"

#include <atomic>
#include <cstdio>
#include <utility>

#include "base/codes.h"
#include "protocol/json_checker.h"

namespace sparc::client {
namespace {

using websocket::ClientState;

/// How the end of a connection reads as an error.
Failure failure_of(const LinkEnd& end) {
  Failure out{end.error_code, end.reason, end.retry_after_ms};
  if (out.message.empty()) out.message = "the connection ended";
  if (!out.code.empty()) return out;
  out.code = "UNAVAILABLE";
  if (end.kind == LinkEnd::Kind::timed_out) out.code = "TIMEOUT";
  if (end.kind == LinkEnd::Kind::token) out.code = "UNAUTHENTICATED";
  if (end.kind == LinkEnd::Kind::refused && (end.code == 401 || end.code == 403)) out.code = "UNAUTHENTICATED";
  if (end.kind != LinkEnd::Kind::closed) return out;
  if (end.code == 1008) out.code = "UNAUTHENTICATED";
#define SPARC_CODE(name, close, retry, text) \
  if ((close) != 0 && end.code == (close)) out.code = #name;
#include "base/codes.def"
#undef SPARC_CODE
  return out;
}

}  // namespace

// Callbacks.

void CallbackQueue::set(std::function<void(Handlers&)> change) {
  const std::lock_guard lock(handlers_mutex_);
  auto handlers = std::make_shared<Handlers>(*handlers_);
  change(*handlers);
  handlers_ = std::move(handlers);
}

bool CallbackQueue::answers(const std::string& event) {
  const std::lock_guard lock(handlers_mutex_);
  return handlers_->asks.contains(event);
}

void CallbackQueue::run(Call& call) {
  const std::lock_guard running(running_mutex_);
  if (closed_) return;
  std::shared_ptr<const Handlers> handlers;
  {
    const std::lock_guard lock(handlers_mutex_);
    handlers = handlers_;
  }
  std::string thrown;
  try {
    call(*handlers);
    return;
  } catch (const std::exception& error) {
    thrown = error.what();
  } catch (...) {
    thrown = "something that is no std::exception";
  }
  try {
    if (handlers->error && !closed_) handlers->error({"INTERNAL", "a callback threw: " + thrown});
  } catch (...) {
    std::fputs("sparc websocket client: the callback for errors threw\n", stderr);
  }
}

void CallbackQueue::call(Kind kind, Call call) {
  if (mode_ == websocket::Callbacks::library_thread) {
    run(call);
    return;
  }
  {
    const std::lock_guard lock(queue_mutex_);
    if (queue_.size() >= calls_max_) make_room();
    queue_.push_back({kind, std::move(call)});
  }
  queued_.notify_one();
}

/// The oldest message goes; what tells of the client's state only where there is no message.
void CallbackQueue::make_room() {
  auto oldest = std::find_if(queue_.begin(), queue_.end(), [](const Waiting& waiting) { return waiting.kind == Kind::message; });
  if (oldest == queue_.end()) oldest = queue_.begin();
  if (oldest->kind == Kind::message) ++dropped_;
  queue_.erase(oldest);
}

std::size_t CallbackQueue::poll(std::chrono::milliseconds wait) {
  std::deque<Waiting> calls;
  std::uint64_t dropped = 0;
  {
    std::unique_lock lock(queue_mutex_);
    queued_.wait_for(lock, wait, [&] { return !queue_.empty(); });
    calls.swap(queue_);
    dropped = std::exchange(dropped_, 0);
  }
  if (dropped != 0) {
    websocket::Stale stale{ns_, {}, dropped, "poll_queue", false};
    Call tell = [stale = std::move(stale)](const Handlers& handlers) {
      if (handlers.stale) handlers.stale(stale);
    };
    run(tell);
  }
  for (auto& waiting : calls) run(waiting.call);
  return calls.size() + (dropped != 0 ? 1 : 0);
}

void CallbackQueue::close() {
  const std::lock_guard running(running_mutex_);
  closed_ = true;
}

// The client.

ClientCore::ClientCore(websocket::ClientOptions options, const std::shared_ptr<Runtime>& runtime)
    : callbacks(options.callbacks, options.poll_queue_max, options.namespace_),
      options_(std::move(options)),
      runtime_(runtime),
      engine_(runtime->engine()) {}

ClientState ClientCore::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::vector<std::string> ClientCore::subscriptions() const {
  const std::lock_guard lock(mutex_);
  return subscriptions_;
}

void ClientCore::set_state(ClientState state) {
  ClientState from{};
  {
    const std::lock_guard lock(mutex_);
    from = std::exchange(state_, state);
  }
  if (from == state) return;
  callbacks.call(CallbackQueue::Kind::other, [from, state](const Handlers& handlers) {
    if (handlers.state_changed) handlers.state_changed(from, state);
  });
}

void ClientCore::keep_subscriptions() {
  const std::lock_guard lock(mutex_);
  subscriptions_.assign(interest_.rooms.begin(), interest_.rooms.end());
}

void ClientCore::answer_connects(const websocket::Result<void>& answer) {
  for (auto& promise : std::exchange(connects_, {})) promise.set_value(answer);
}

void ClientCore::connect(Connect promise) {
  if (state() == ClientState::connected) {
    promise.set_value({});
    return;
  }
  connects_.push_back(std::move(promise));
  if (connection_ && connection_->has(*this)) {
    connection_->wait_again(engine_.now(), *this);
    return;
  }
  auto found = engine_.connection(options_);
  if (!found) {
    answer_connects(std::unexpected(Failure{"BAD_REQUEST", found.error().message}));
    return;
  }
  connection_ = std::move(*found);
  set_state(ClientState::connecting);
  connection_->enter(engine_.now(), shared_from_this(), options_.namespace_, interest_);
}

void ClientCore::disconnect() {
  const bool was_connected = state() == ClientState::connected;
  abandon();
  set_state(ClientState::disconnected);
  if (was_connected) tell_disconnected(1000, "disconnected by the client", false);
}

void ClientCore::abandon() {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->exit(engine_.now(), *this);
  answer_connects(std::unexpected(Failure{"UNAVAILABLE", "disconnected by the client"}));
}

void ClientCore::reconnect() {
  if (connection_ && connection_->has(*this)) {
    connection_->reconnect(engine_.now());
  } else {
    connect(Connect{});
  }
}

void ClientCore::subscribe(protocol::Subscribe choice, Change done) {
  if (!connection_) {
    done(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
    return;
  }
  auto changes = choice;
  connection_->subscribe(engine_.now(), *this, std::move(choice),
                         [self = shared_from_this(), changes = std::move(changes),
                          done = std::move(done)](websocket::Result<std::vector<std::string>> answer) mutable {
                           if (answer) {
                             changes.rooms = *answer;
                             self->interest_ = changed(std::move(self->interest_), changes);
                             self->keep_subscriptions();
                             if (!answer->empty()) {
                               self->callbacks.call(CallbackQueue::Kind::other, [rooms = *answer](const Handlers& handlers) {
                                 if (handlers.subscribed) handlers.subscribed(rooms);
                               });
                             }
                           }
                           done(std::move(answer));
                         });
}

void ClientCore::unsubscribe(std::vector<std::string> rooms, Change done) {
  if (!connection_) {
    done(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
    return;
  }
  connection_->unsubscribe(
      engine_.now(), *this, std::move(rooms),
      [self = shared_from_this(), done = std::move(done)](websocket::Result<std::vector<std::string>> answer) mutable {
        if (answer) {
          for (const auto& room : *answer) self->interest_.rooms.erase(room);
          self->keep_subscriptions();
          self->callbacks.call(CallbackQueue::Kind::other, [left = *answer](const Handlers& handlers) {
            if (handlers.unsubscribed) handlers.unsubscribed({left, {}});
          });
        }
        done(std::move(answer));
      });
}

void ClientCore::request(protocol::Event event, std::int64_t timeout_ms, SharedConnection::Reply reply) {
  if (connection_) {
    connection_->request(engine_.now(), *this, std::move(event), timeout_ms, std::move(reply));
  } else {
    reply(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
  }
}

void ClientCore::send(protocol::Event event) {
  const std::string name = event.event;
  websocket::Result<void> sent = std::unexpected(Failure{"UNAVAILABLE", "not connected"});
  if (connection_) sent = connection_->send(engine_.now(), *this, std::move(event));
  if (!sent) on_problem({sent.error().code, name + " was not sent: " + sent.error().message});
}

// What happens.

void ClientCore::on_message(const Message& message) {
  callbacks.call(CallbackQueue::Kind::message, [message](const Handlers& handlers) {
    if (handlers.message) handlers.message(message);
  });
}

namespace {

/// Takes the first answer to one question to the connection that it came by, whatever has become of the client; where nobody gives one,
/// INTERNAL.
class Answer {
 public:
  Answer(std::weak_ptr<Runtime> runtime, std::weak_ptr<SharedConnection> to, LinkId link, std::string call_id)
      : runtime_(std::move(runtime)), to_(std::move(to)), link_(link), call_id_(std::move(call_id)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { give(std::unexpected(Failure{"INTERNAL", "the handler ended without an answer"})); }

  void give(websocket::Result<std::string> answer) {
    if (given_.exchange(true)) return;
    const auto runtime = runtime_.lock();
    if (!runtime) return;
    Engine& engine = runtime->engine();
    engine.post([&engine, to = to_, link = link_, call_id = std::move(call_id_), answer = std::move(answer)] {
      if (const auto connection = to.lock()) connection->answer_ask(engine.now(), link, call_id, answer);
    });
  }

 private:
  std::weak_ptr<Runtime> runtime_;
  std::weak_ptr<SharedConnection> to_;
  LinkId link_;
  std::string call_id_;
  std::atomic<bool> given_{false};
};

}  // namespace

bool ClientCore::on_asked(const action::Asked& asked) {
  if (!callbacks.answers(asked.question.event)) return false;
  auto answer = std::make_shared<Answer>(runtime_, connection_, asked.link, asked.call_id);
  callbacks.call(CallbackQueue::Kind::other, [question = asked.question, answer = std::move(answer)](const Handlers& handlers) {
    const auto handler = handlers.asks.find(question.event);
    if (handler == handlers.asks.end()) {
      return answer->give(std::unexpected(Failure{"NO_HANDLER", "its handler was taken away"}));
    }
    handler->second(question, [answer](websocket::Result<std::string> given) {
      thread_local protocol::JsonChecker checker;
      const bool valid = !given || given->empty() || checker.fault(*given).empty();
      answer->give(valid ? std::move(given) : std::unexpected(Failure{"INTERNAL", "the handler's answer is not JSON"}));
    });
  });
  return true;
}

void ClientCore::on_stale(const websocket::Stale& stale) {
  callbacks.call(CallbackQueue::Kind::other, [stale](const Handlers& handlers) {
    if (handlers.stale) handlers.stale(stale);
  });
}

void ClientCore::on_connected() {
  set_state(ClientState::connected);
  answer_connects({});
  callbacks.call(CallbackQueue::Kind::other, [](const Handlers& handlers) {
    if (handlers.connected) handlers.connected();
  });
}

void ClientCore::on_late() {
  Failure failure{"TIMEOUT", "not connected within " + std::to_string(options_.timeout_ms) + " ms"};
  if (!last_failure_.message.empty()) failure.message += ": " + last_failure_.message;
  answer_connects(std::unexpected(std::move(failure)));
}

void ClientCore::tell_disconnected(std::uint16_t code, const std::string& reason, bool will_reconnect) {
  callbacks.call(CallbackQueue::Kind::other,
                 [told = websocket::Disconnected{code, reason, will_reconnect}](const Handlers& handlers) {
                   if (handlers.disconnected) handlers.disconnected(told);
                 });
}

void ClientCore::on_ended(const action::Ended& ended) {
  const ClientState before = state();
  last_failure_ = failure_of(ended.end);
  if (!ended.will_retry) {
    connection_ = nullptr;
    set_state(options_.auto_reconnect || before != ClientState::connected ? ClientState::failed : ClientState::disconnected);
    answer_connects(std::unexpected(last_failure_));
  } else if (before == ClientState::connected) {
    set_state(ClientState::reconnecting);
  }
  if (before == ClientState::connected) {
    tell_disconnected(ended.end.code, ended.end.reason, ended.will_retry);
  }
  if (before != ClientState::connected || !ended.will_retry) on_problem(last_failure_);
}

void ClientCore::on_refused(const Failure& failure) {
  connection_ = nullptr;
  set_state(ClientState::failed);
  answer_connects(std::unexpected(failure));
  on_problem(failure);
}

void ClientCore::on_rooms_lost(const std::vector<std::string>& rooms, const std::string& code) {
  for (const auto& room : rooms) interest_.rooms.erase(room);
  keep_subscriptions();
  callbacks.call(CallbackQueue::Kind::other, [told = websocket::Unsubscribed{rooms, code}](const Handlers& handlers) {
    if (handlers.unsubscribed) handlers.unsubscribed(told);
  });
}

void ClientCore::on_problem(const Failure& failure) {
  callbacks.call(CallbackQueue::Kind::other, [failure](const Handlers& handlers) {
    if (handlers.error) {
      handlers.error(failure);
    } else {
      std::fprintf(stderr, "sparc websocket client: %s: %s\n", failure.code.c_str(), failure.message.c_str());
    }
  });
}

}  // namespace sparc::client
