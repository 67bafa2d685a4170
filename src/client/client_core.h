#pragma once
// One client: what the application calls, what it is told, and on which thread.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/engine.h"
#include "sparc/websocket/client.h"

namespace sparc::client {

using AskHandler = std::function<void(const Message&, websocket::AnswerAsk)>;

struct Handlers {
  std::function<void(const Message&)> message;
  std::function<void()> connected;
  std::function<void(const websocket::Disconnected&)> disconnected;
  std::function<void(const Failure&)> error;
  std::function<void(const std::vector<std::string>&)> subscribed;
  std::function<void(const websocket::Unsubscribed&)> unsubscribed;
  std::function<void(websocket::ClientState, websocket::ClientState)> state_changed;
  std::function<void(const websocket::Stale&)> stale;
  std::map<std::string, AskHandler> asks;  // by event
};

/// Runs callbacks at once on the caller's thread, or keeps them for `poll`.
class CallbackQueue {
 public:
  using Call = std::move_only_function<void(const Handlers&)>;
  enum class Kind : std::uint8_t { message, other };

  CallbackQueue(websocket::Callbacks mode, std::size_t calls_max, std::string ns)
      : mode_(mode), calls_max_(std::max<std::size_t>(1, calls_max)), ns_(std::move(ns)) {}

  void set(std::function<void(Handlers&)> change);
  void call(Kind kind, Call call);
  [[nodiscard]] bool answers(const std::string& event);
  std::size_t poll(std::chrono::milliseconds wait);
  /// No callback runs after it returns, but for the one that calls it.
  void close();

 private:
  struct Waiting {
    Kind kind;
    Call call;
  };
  void run(Call& call);
  void make_room();

  const websocket::Callbacks mode_;
  const std::size_t calls_max_;
  const std::string ns_;
  std::mutex handlers_mutex_;
  std::shared_ptr<const Handlers> handlers_ = std::make_shared<Handlers>();
  std::recursive_mutex running_mutex_;  // held while a callback runs
  bool closed_ = false;                 // guarded by running_mutex_
  std::mutex queue_mutex_;
  std::condition_variable queued_;
  std::deque<Waiting> queue_;
  std::uint64_t dropped_ = 0;  // messages; guarded by queue_mutex_
};

/// Thread: `get_*` and `state` from any; everything else on the engine's, as functions of Member.
class ClientCore final : public Member, public std::enable_shared_from_this<ClientCore> {
 public:
  using Connect = std::promise<websocket::Result<void>>;
  using Change = std::move_only_function<void(websocket::Result<std::vector<std::string>>)>;

  ClientCore(websocket::ClientOptions options, const std::shared_ptr<Runtime>& runtime);

  // Any thread.
  CallbackQueue callbacks;
  [[nodiscard]] websocket::ClientState state() const;
  [[nodiscard]] std::vector<std::string> subscriptions() const;
  [[nodiscard]] const websocket::ClientOptions& options() const { return options_; }

  // Engine's thread.
  void connect(Connect promise);
  void disconnect();
  void reconnect();
  /// Leaves without a word.
  void abandon();
  void subscribe(protocol::Subscribe choice, Change done);
  void unsubscribe(std::vector<std::string> rooms, Change done);
  void request(protocol::Event event, std::int64_t timeout_ms, SharedConnection::Reply reply);
  void send(protocol::Event event);

  void on_message(const Message& message) override;
  void on_stale(const websocket::Stale& stale) override;
  void on_connected() override;
  void on_late() override;
  void on_ended(const action::Ended& ended) override;
  void on_refused(const Failure& failure) override;
  [[nodiscard]] bool on_asked(const action::Asked& asked) override;
  void on_rooms_lost(const std::vector<std::string>& rooms, const std::string& code) override;
  void on_problem(const Failure& failure) override;

 private:
  void set_state(websocket::ClientState state);
  void answer_connects(const websocket::Result<void>& answer);
  void tell_disconnected(std::uint16_t code, const std::string& reason, bool will_reconnect);
  void keep_subscriptions();

  const websocket::ClientOptions options_;
  const std::weak_ptr<Runtime> runtime_;  // for answers of the application, which may come after everything has ended
  Engine& engine_;                        // its thread runs every call but those above
  std::shared_ptr<SharedConnection> connection_;
  Interest interest_;
  std::vector<Connect> connects_;  // that wait
  Failure last_failure_;
  mutable std::mutex mutex_;
  websocket::ClientState state_ = websocket::ClientState::disconnected;  // guarded by mutex_
  std::vector<std::string> subscriptions_;                               // guarded by mutex_
};

}  // namespace sparc::client
