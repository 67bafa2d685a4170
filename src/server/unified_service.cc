#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "base/json_text.h"
#include "protocol/json_checker.h"
#include "protocol/native/push.h"
#include "server/config/load.h"
#include "server/server.h"
#include "sparc/websocket/service.h"

extern char** environ;

namespace sparc::websocket {
namespace {

using PublishAnswer = shard::PublishAnswer;

/// Of the client event that this thread handles: users and organizations that a handler names are of its tenant.
thread_local std::string_view handler_tenant;

class TenantOfHandler {
 public:
  explicit TenantOfHandler(std::string_view tenant) : before_(std::exchange(handler_tenant, tenant)) {}
  ~TenantOfHandler() { handler_tenant = before_; }
  TenantOfHandler(const TenantOfHandler&) = delete;
  TenantOfHandler& operator=(const TenantOfHandler&) = delete;

 private:
  std::string_view before_;
};

std::string full_name(std::string_view tenant, std::string_view kind, std::string_view id) {
  if (tenant.empty()) tenant = handler_tenant;
  const std::string prefix = tenant.empty() ? std::string{} : "tenant:" + std::string(tenant) + "/";
  return prefix + std::string(kind) + std::string(id);
}

/// Nothing: it is JSON, or empty.
std::optional<Error> json_fault(std::string_view what, std::string_view text) {
  if (text.empty()) return std::nullopt;
  thread_local protocol::JsonChecker checker;
  const std::string_view fault = checker.fault(text);
  if (fault.empty()) return std::nullopt;
  return Error{"BAD_REQUEST", std::string(what) + " must be JSON: " + std::string(fault), 0};
}

Error error_of(const Fault& fault) { return {std::string(name_of(fault.code)), fault.message, fault.retry_after_ms}; }

Fault fault_of(const Error& error) {
  return {protocol::native::code_named(error.code).value_or(Code::INTERNAL), error.message, error.retry_after_ms};
}

ConnectedClient client_of(const shard::ClientInfo& c) {
  return {c.id, c.user_id, c.tenant_id, c.organization_id, c.roles, c.subscriptions, c.connected_ms, c.last_activity_ms};
}

Result<config::Config> configuration_of(const ServiceOptions& options) {
  config::Sources sources;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const char* equals = std::strchr(*entry, '=');
    if (equals != nullptr)
      sources.environment.emplace_back(std::string(static_cast<const char*>(*entry), equals), std::string(equals + 1));
  }
  if (!options.config_file.empty()) {
    std::ifstream in(options.config_file, std::ios::binary);
    if (!in) return std::unexpected(Error{"BAD_REQUEST", "cannot read " + options.config_file, 0});
    sources.file_name = options.config_file;
    sources.file_text = std::string(std::istreambuf_iterator<char>(in), {});
  }
  auto loaded = config::load(sources);
  if (!loaded) {
    const config::Problem& first = loaded.error().front();
    return std::unexpected(Error{"BAD_REQUEST", first.key + ": " + first.message, 0});
  }
  config::Config config = std::move(loaded->config);
  if (options.port) config.port = *options.port;
  if (options.host) config.host = *options.host;
  if (options.jwt_secret) config.jwt.secret = *options.jwt_secret;
  if (options.api_key) config.api_key = *options.api_key;
  if (!options.cors_origins.empty()) config.cors_origins = options.cors_origins;
  if (options.ping_interval_ms) config.ping_interval_ms = *options.ping_interval_ms;
  if (options.ping_timeout_ms) config.ping_timeout_ms = *options.ping_timeout_ms;
  if (options.max_payload_size) config.limits.message_bytes_max = *options.max_payload_size;
  if (options.shards) config.shards = *options.shards;
  for (const NamespaceOptions& wanted : options.namespaces) {
    auto found =
        std::find_if(config.namespaces.begin(), config.namespaces.end(), [&](const auto& ns) { return ns.name == wanted.name; });
    if (found == config.namespaces.end()) {
      config.namespaces.emplace_back().name = wanted.name;
      found = std::prev(config.namespaces.end());
    }
    if (wanted.history) found->history = *wanted.history;
    if (wanted.rate_limit) found->rate_limit = {wanted.rate_limit->first, wanted.rate_limit->second};
    if (wanted.batch_max_delay_ms) found->batch_max_delay_ms = *wanted.batch_max_delay_ms;
    if (wanted.room_strategy) {
      if (*wanted.room_strategy != "tenant" && *wanted.room_strategy != "organization" && *wanted.room_strategy != "custom") {
        return std::unexpected(Error{"BAD_REQUEST", "room_strategy must be tenant, organization or custom", 0});
      }
      found->room_strategy = *wanted.room_strategy == "custom" ? config::RoomStrategy::custom : config::RoomStrategy::tenant;
    }
  }
  if (!config.jwt.any())
    return std::unexpected(Error{"BAD_REQUEST", "no key to verify tokens with: set jwt_secret (JWT_SECRET)", 0});
  return config;
}

void tell_stopped(std::vector<ConnectedClient>&) {}  // nobody is connected any more
void tell_stopped(BroadcastResult& result) { result.error = Error{"UNAVAILABLE", "the service was stopped", 0}; }
void tell_stopped(ClientAnswers& answers) { answers = std::unexpected(Error{"UNAVAILABLE", "the service was stopped", 0}); }

/// A promise that is kept, also where what would keep it is dropped because the service stops.
template <class T>
class Promised {
 public:
  Promised() = default;
  Promised(const Promised&) = delete;
  Promised& operator=(const Promised&) = delete;
  ~Promised() {
    if (given_) return;
    T value{};
    tell_stopped(value);
    give(std::move(value));
  }
  [[nodiscard]] std::future<T> future() { return promise_.get_future(); }
  void give(T value) {
    given_ = true;
    promise_.set_value(std::move(value));
  }

 private:
  std::promise<T> promise_;
  bool given_ = false;
};

ClientAnswers answers_of(std::expected<std::vector<shard::Answered>, Fault> answers) {
  if (!answers) return std::unexpected(error_of(answers.error()));
  std::vector<ClientAnswer> out;
  for (auto& [client, answer] : *answers) {
    ClientAnswer one{std::move(client.id),
                     std::move(client.user_id),
                     std::move(client.tenant_id),
                     std::move(answer.data),
                     std::move(answer.more_args),
                     std::move(answer.attachments),
                     std::nullopt};
    if (answer.fault) one.error = error_of(*answer.fault);
    out.push_back(std::move(one));
  }
  return out;
}

/// One thread for handlers that may block; work waits in order.
class Executor {
 public:
  Executor() : thread_([this] { run(); }) {}
  ~Executor() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ended_ || !queue_.empty(); });
      if (queue_.empty()) return;
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;  // at most limits.service_in_flight_max of each handler: the router holds the rest
  bool ended_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

struct UnifiedWebSocketService::Impl {
  struct Handler {
    std::string event;
    std::function<HandlerResult(const ServiceEvent&)> run;
    RunOn where;
    bool retryable;
  };
  struct Early {
    shard::PublishRequest request;
    std::shared_ptr<Promised<BroadcastResult>> promise;
  };

  explicit Impl(ServiceOptions o) : options(std::move(o)) {}

  ServiceOptions options;
  mutable std::mutex mutex;  // of everything below
  std::vector<Handler> handlers;
  std::deque<Early> early;  // broadcasts before start()
  std::function<void(const ConnectedClient&, const std::string&)> connected;
  std::function<void(const ConnectedClient&, const std::string&, const std::string&)> disconnected;
  std::function<void(const std::string&, const std::string&)> sent;
  std::function<void(const Error&)> failed;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<server::Server> server;

  HandlerResult call(const Handler& handler, const ServiceEvent& event) const {
    const TenantOfHandler inside(event.tenant_id);
    std::string why;
    try {
      HandlerResult result = handler.run(event);
      const auto fault = json_fault("its data", result.data);
      if (!fault) return result;
      why = fault->message;
    } catch (const std::exception& e) {
      why = e.what();
    }
    if (failed) failed(Error{"INTERNAL", "a handler of " + handler.event + " failed: " + why, 0});
    return {{}, Error{"INTERNAL", "the handler failed", 0}};
  }

  void install(const Handler& handler) {
    if (handler.where == RunOn::shard) {
      server->set_inline_handler(handler.event,
                                 [this, handler](const shard::ClientEvent& event) -> std::optional<shard::EventAnswer> {
                                   return answer_of(call(handler, {event.name, event.data, event.tenant}));
                                 });
      return;
    }
    server->set_handler(
        options.service, handler.event,
        [this, handler](shard::ClientEvent event, std::function<void(shard::EventAnswer)> done) {
          executor->post([this, handler, event = std::move(event), done = std::move(done)] {
            done(answer_of(call(handler, {event.name, event.data, event.tenant})));
          });
        },
        handler.retryable);
  }

  static shard::EventAnswer answer_of(HandlerResult result) {
    shard::EventAnswer answer;
    answer.data = std::move(result.data);
    if (result.error) answer.fault = fault_of(*result.error);
    return answer;
  }

  std::future<ClientAnswers> ask(shard::AskRequest request, std::optional<std::chrono::milliseconds> timeout) const {
    auto asking = std::make_shared<Promised<ClientAnswers>>();
    auto future = asking->future();
    if (auto fault = json_fault("data", request.what.data)) {
      asking->give(std::unexpected(std::move(*fault)));
      return future;
    }
    // Beyond 32 bits it is beyond limits.ask_ms_max too, which the shard says.
    if (timeout) request.timeout_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeout->count(), 1, UINT32_MAX));
    const std::lock_guard lock(mutex);
    if (!server) {
      asking->give(std::unexpected(Error{"UNAVAILABLE", "the service is not started", 0}));
    } else {
      server->ask(std::move(request), [asking](auto answers) { asking->give(answers_of(std::move(answers))); });
    }
    return future;
  }

  void publish(shard::PublishRequest request, std::shared_ptr<Promised<BroadcastResult>> promise) const {
    server->publish(std::move(request), [promise = std::move(promise)](PublishAnswer answer) {
      BroadcastResult result;
      if (answer.fault) result.error = error_of(*answer.fault);
      result.epoch = std::move(answer.position.epoch);
      result.offset = answer.position.offset;
      result.queued = answer.queued;
      promise->give(std::move(result));
    });
  }
};

UnifiedWebSocketService::UnifiedWebSocketService(ServiceOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
UnifiedWebSocketService::~UnifiedWebSocketService() { stop(0); }

Result<void> UnifiedWebSocketService::start() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->server) return {};
  auto config = configuration_of(impl_->options);
  if (!config) return std::unexpected(config.error());
  server::ServerEvents events;
  if (impl_->connected) {
    events.connected = [f = impl_->connected](const shard::ClientInfo& c, const std::string& ns) { f(client_of(c), ns); };
  }
  if (impl_->disconnected) {
    events.disconnected = [f = impl_->disconnected](const shard::ClientInfo& c, const std::string& ns, const std::string& why) {
      f(client_of(c), ns, why);
    };
  }
  events.message_sent = impl_->sent;
  auto server = server::Server::start(*config, std::move(events));
  if (!server) return std::unexpected(Error{"UNAVAILABLE", server.error().message, 0});
  impl_->server = std::move(*server);
  impl_->executor = std::make_unique<Executor>();
  for (const auto& handler : impl_->handlers) impl_->install(handler);
  for (auto& early : impl_->early) impl_->publish(std::move(early.request), std::move(early.promise));
  impl_->early.clear();
  return {};
}

void UnifiedWebSocketService::stop(std::optional<std::uint32_t> drain_ms) {
  std::unique_ptr<server::Server> server;
  std::unique_ptr<Executor> executor;
  {
    const std::lock_guard lock(impl_->mutex);
    server = std::move(impl_->server);
    executor = std::move(impl_->executor);
    for (auto& early : impl_->early) {
      early.promise->give({Error{"UNAVAILABLE", "the service was stopped before it started", 0}, {}, 0, false});
    }
    impl_->early.clear();
  }
  if (!server) return;
  server->drain(drain_ms.value_or(5'000));
  server->wait();
  executor.reset();
}

std::uint16_t UnifiedWebSocketService::port() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->server ? impl_->server->port() : std::uint16_t{0};
}

std::future<BroadcastResult> UnifiedWebSocketService::broadcast(std::string_view ns, std::string_view room,
                                                                std::string_view event, std::string_view data) {
  shard::PublishRequest request;
  request.ns = ns;
  request.rooms = {std::string(room)};
  request.event = event;
  request.data = data;
  auto promise = std::make_shared<Promised<BroadcastResult>>();
  auto future = promise->future();
  if (auto fault = json_fault("data", request.data)) {
    promise->give({std::move(fault), {}, 0, false});
    return future;
  }
  const std::lock_guard lock(impl_->mutex);
  constexpr std::size_t early_max = 10'000;
  if (impl_->server) {
    impl_->publish(std::move(request), std::move(promise));
  } else if (impl_->early.size() < early_max) {
    impl_->early.push_back({std::move(request), std::move(promise)});
  } else {
    promise->give({Error{"UNAVAILABLE", "10,000 broadcasts wait for start()", 0}, {}, 0, false});
  }
  return future;
}

std::future<BroadcastResult> UnifiedWebSocketService::broadcast_to_tenant(std::string_view tenant_id, std::string_view ns,
                                                                          std::string_view event, std::string_view data) {
  return broadcast(ns, "tenant:" + std::string(tenant_id), event, data);
}
std::future<BroadcastResult> UnifiedWebSocketService::broadcast_to_user(std::string_view user_id, std::string_view ns,
                                                                        std::string_view event, std::string_view data,
                                                                        std::string_view tenant_id) {
  return broadcast(ns, full_name(tenant_id, "user:", user_id), event, data);
}
std::future<BroadcastResult> UnifiedWebSocketService::broadcast_to_organization(std::string_view organization_id,
                                                                                std::string_view ns, std::string_view event,
                                                                                std::string_view data,
                                                                                std::string_view tenant_id) {
  return broadcast(ns, full_name(tenant_id, "org:", organization_id), event, data);
}
std::future<BroadcastResult> UnifiedWebSocketService::broadcast_to_room(std::string_view tenant_id, std::string_view ns,
                                                                        std::string_view room, std::string_view event,
                                                                        std::string_view data) {
  return broadcast(ns, "tenant:" + std::string(tenant_id) + "/" + std::string(room), event, data);
}
std::future<BroadcastResult> UnifiedWebSocketService::broadcast_to_role(std::string_view tenant_id, std::string_view role,
                                                                        std::string_view ns, std::string_view event,
                                                                        std::string_view data) {
  return broadcast(ns, "tenant:" + std::string(tenant_id) + "/role:" + std::string(role), event, data);
}

std::future<ClientAnswers> UnifiedWebSocketService::ask(std::string_view ns, std::string_view room, std::string_view event,
                                                        std::string_view data, std::optional<std::chrono::milliseconds> timeout) {
  shard::AskRequest request;
  request.what.ns = ns;
  request.what.rooms = {std::string(room)};
  request.what.event = event;
  request.what.data = data;
  return impl_->ask(std::move(request), timeout);
}
std::future<ClientAnswers> UnifiedWebSocketService::ask_client(std::string_view connection_id, std::string_view ns,
                                                               std::string_view event, std::string_view data,
                                                               std::optional<std::chrono::milliseconds> timeout) {
  shard::AskRequest request;
  request.what.ns = ns;
  request.what.event = event;
  request.what.data = data;
  request.connection = connection_id;
  return impl_->ask(std::move(request), timeout);
}

void UnifiedWebSocketService::on(std::string event, std::function<HandlerResult(const ServiceEvent&)> handler, RunOn where,
                                 bool retryable) {
  const std::lock_guard lock(impl_->mutex);
  impl_->handlers.push_back({std::move(event), std::move(handler), where, retryable});
  if (impl_->server) impl_->install(impl_->handlers.back());
}
void UnifiedWebSocketService::on_client_connected(std::function<void(const ConnectedClient&, const std::string&)> listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->connected = std::move(listener);
}
void UnifiedWebSocketService::on_client_disconnected(
    std::function<void(const ConnectedClient&, const std::string&, const std::string&)> listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->disconnected = std::move(listener);
}
void UnifiedWebSocketService::on_message_sent(std::function<void(const std::string&, const std::string&)> listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->sent = std::move(listener);
}
void UnifiedWebSocketService::on_error(std::function<void(const Error&)> listener) {
  const std::lock_guard lock(impl_->mutex);
  impl_->failed = std::move(listener);
}

std::vector<ConnectedClient> UnifiedWebSocketService::get_connected_clients() const {
  auto promise = std::make_shared<Promised<std::vector<ConnectedClient>>>();
  auto future = promise->future();
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->server) return {};
    impl_->server->clients([promise](const std::vector<shard::ClientInfo>& clients) {
      std::vector<ConnectedClient> out;
      out.reserve(clients.size());
      for (const shard::ClientInfo& c : clients) out.push_back(client_of(c));
      promise->give(std::move(out));
    });
  }
  return future.get();
}

std::vector<std::string> UnifiedWebSocketService::get_namespaces() const {
  std::vector<std::string> names;
  for (const auto& [name, count] : get_metrics().namespaces) names.push_back(name);
  return names;
}

Metrics UnifiedWebSocketService::get_metrics() const {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->server) return {impl_->server->sessions(), impl_->server->namespaces()};
  Metrics metrics;
  if (const auto config = configuration_of(impl_->options)) {
    for (const auto& ns : config->namespaces) metrics.namespaces.emplace_back(ns.name, 0);
  }
  return metrics;
}

}  // namespace sparc::websocket
