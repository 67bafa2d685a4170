#include "server/node.h"

#include <thread>

#include "auth/claims.h"
#include "base/pattern.h"
#include "broker/memory/snapshot_file.h"
#include "http/forwarded.h"
#include "protocol/native/push.h"
#include "server/builtin_events.h"
#include "server/key_keeper.h"

namespace sparc::server {
namespace {

/// A connection of the node: the shard in the top byte, then 24 bits of its generation, then its slot.
constexpr std::uint64_t generation_mask = (1ULL << 24) - 1;
std::uint64_t client_key(std::uint16_t shard, ConnectionId id) {
  return (std::uint64_t{shard} << 56) | ((std::uint64_t{id.generation} & generation_mask) << 32) | id.slot;
}

ConnectionId connection_of(std::uint64_t key) {
  return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>((key >> 32) & generation_mask)};
}

constexpr std::uint64_t local_instance = 1ULL << 63;

/// The built-in events among what a service handles.
std::uint32_t builtins_of(const std::vector<std::string>& patterns) {
  std::uint32_t bits = 0;
  for (const std::string_view event : builtin_events) {
    for (const std::string& pattern : patterns) bits |= matches_pattern(pattern, event) ? builtin_bit(event) : 0;
  }
  return bits;
}

}  // namespace

Node::Node(const config::Config& config, ServerEvents events)
    : config_(config),
      events_(std::move(events)),
      log_(config.log_level, config.log_format),
      revoked_(config.limits.revoked_tokens_max),
      router_(config.limits, *this, entropy_) {
  id_ = entropy_.token(8);
}

Node::~Node() {
  stop();
  wait();
}

Result<void> Node::start() {
  constexpr unsigned shards_max = 64;
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const auto shards = static_cast<std::uint16_t>(std::min(config_.shards != 0 ? config_.shards : cores, shards_max));
  settings_ = settings_of(config_, shards);
  for (const std::string& proxy : config_.trusted_proxies) {
    auto network = net::Cidr::parse(proxy);
    if (!network) return fail("trusted_proxies: " + network.error().message);
    proxies_.push_back(*network);
  }
  std::vector<std::string> warnings;
  auto authority = authority_of(config_, documents_, warnings);
  if (!authority) return std::unexpected(authority.error());
  authority_ = std::move(*authority);
  for (const std::string& warning : warnings) log_.warn("keys", {{"text", warning}});
  keys_ = std::make_unique<KeyKeeper>(*this, config_);
  if (auto loaded = keys_->load(); !loaded) return loaded;
  auto tls = load_tls(config_);
  if (!tls) return std::unexpected(tls.error());
  tls_ = std::move(*tls);

  broker_ = std::make_unique<broker::MemoryBroker>(broker_settings_of(config_, *settings_, shards), *this, entropy_);
  if (auto restored = restore_snapshot(); !restored) return restored;
  for (std::uint16_t i = 0; i < shards; ++i) {
    auto loop = net::Loop::create();
    if (!loop) return std::unexpected(loop.error());
    threads_.push_back(std::make_unique<IoThread>(*this, i, std::move(*loop)));
  }
  if (auto listening = listen(); !listening) return listening;
  for (const auto& thread : threads_) thread->start();
  keys_->start();
  log_.info("started", {{"port", std::to_string(threads_[0]->port())}, {"shards", std::to_string(shards)}});
  return {};
}

Result<void> Node::listen() {
  net::ListenOptions options;
  options.host = config_.host;
  options.port = config_.port;
  for (const auto& thread : threads_) {
    if (auto opened = thread->listen(options); !opened) return opened;
    options.port = threads_[0]->port();
    options.sharing = net::ListenOptions::Port::join;
  }
  if (!config_.admin_port) return {};
  options.host = config_.admin_host;
  options.port = *config_.admin_port;
  options.sharing = net::ListenOptions::Port::first;
  if (auto opened = threads_[0]->listen_admin(options); !opened) return opened;
  has_admin_address_ = true;
  log_.info("operators are served on an address of their own", {{"adminPort", std::to_string(threads_[0]->admin_port())}});
  return {};
}

Result<std::shared_ptr<const net::TlsContext>> Node::load_tls(const config::Config& config) {
  if (config.tls_certificate_file.empty()) return std::shared_ptr<const net::TlsContext>();
  return net::TlsContext::server({config.tls_certificate_file, config.tls_key_file});
}

Result<void> Node::restore_snapshot() {
  if (config_.snapshot_file.empty()) return {};
  auto bytes = broker::take_snapshot_file(config_.snapshot_file, config_.limits.snapshot_bytes_max);
  if (!bytes) return fail("snapshot: " + bytes.error().message);
  if (!*bytes) return {};
  const auto wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto steady =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  auto restored = broker_->restore(**bytes, {steady, wall});
  if (!restored) {
    log_.error("snapshot refused; streams begin anew", {{"reason", restored.error().message}});
    return {};
  }
  log_.info("snapshot restored",
            {{"streams", std::to_string(restored->streams)}, {"entries", std::to_string(restored->entries)}});
  return {};
}

void Node::write_snapshot() {
  if (config_.snapshot_file.empty()) return;
  const auto wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto steady =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto written = broker::write_snapshot_file(config_.snapshot_file, broker_->snapshot({steady, wall}));
  if (!written) {
    log_.error("snapshot not written", {{"reason", written.error().message}});
  } else {
    log_.info("snapshot written", {{"file", config_.snapshot_file}});
  }
}

bool Node::post(std::uint16_t from, std::uint16_t to, broker::Message& message) {
  return threads_[from]->send(*threads_[to], message);
}

std::shared_ptr<const shard::Settings> Node::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}
shard::Authority Node::authority() const {
  const std::lock_guard lock(settings_mutex_);
  return authority_;
}
std::shared_ptr<const net::TlsContext> Node::tls() const {
  const std::lock_guard lock(settings_mutex_);
  return tls_;
}

bool Node::exempt(const net::Address& peer) const { return net::contains(proxies_, peer); }

bool Node::open_connection() {
  const std::size_t most = settings()->limits.connections_max;
  if (connections_.fetch_add(1, std::memory_order_relaxed) < most || most == 0) return true;
  close_connection();
  return false;
}

std::optional<net::Address> Node::forwarded(Headers headers) const {
  const std::vector<std::string> hops = http::forwarded_addresses(headers, http::ForwardedField::x_forwarded_for);
  std::optional<net::Address> nearest;
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {  // from the nearest: the first that is no proxy of ours
    const auto address = net::Address::parse(*hop);
    if (!address) return nearest;
    nearest = address;
    if (!exempt(*address)) break;
  }
  return nearest;
}

std::expected<void, Fault> Node::admit(const std::string& tenant) {
  const std::size_t most = settings()->limits.tenant_connections_max;
  const std::lock_guard lock(tenants_mutex_);
  std::size_t& count = tenants_[tenant];
  if (most != 0 && count >= most) {
    return std::unexpected(
        Fault{Code::CONNECTION_LIMIT, "the tenant has as many connections as it may have (limits.tenant_connections_max)", 5000});
  }
  ++count;
  return {};
}

void Node::release(const std::string& tenant) {
  const std::lock_guard lock(tenants_mutex_);
  auto found = tenants_.find(tenant);
  if (found != tenants_.end() && --found->second == 0) tenants_.erase(found);
}

bool Node::revoked(const Identity& identity) {
  if (!any_revoked_.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(revoked_mutex_);
  return revoked_.contains(auth::hash_of(identity));
}

void Node::revoke(std::string_view token, Now now) {
  // Until it would be refused anyway: a token of a month must not come back to life after a day.
  const std::int64_t exp = auth::said_expiry_ms(token);
  const std::int64_t until = exp == 0 ? 0 : exp + authority().claims->leeway_ms;
  const std::lock_guard lock(revoked_mutex_);
  revoked_.on_tick(now);
  if (revoked_.add(auth::hash_token(token), until, now) == auth::RevocationSet::Added::displaced) {
    log_.error("a revoked token is accepted again: there are more than limits.revoked_tokens_max");
  }
  any_revoked_.store(true, std::memory_order_release);
}

Node::Revocations Node::revocations() const {
  const std::lock_guard lock(revoked_mutex_);
  return {revoked_.size(), revoked_.displaced()};
}

bool Node::refresh_keys() {
  const bool user = keys_->on_unknown_key(auth::KeyPurpose::user);
  return keys_->on_unknown_key(auth::KeyPurpose::service) || user;  // whose key it is cannot be told from the token
}

void Node::use_documents(KeyDocuments documents) {
  std::vector<std::string> warnings;
  const std::lock_guard lock(settings_mutex_);
  auto authority = authority_of(config_, documents, warnings);
  if (authority) {
    documents_ = std::move(documents);
    authority_.keys = authority->keys;
  } else {
    log_.error("keys not changed", {{"reason", authority.error().message}});  // tokens that wait for keys are still answered
  }
  for (const auto& thread : threads_) {
    thread->post([keys = authority_.keys](IoThread& there) { there.shard().keys_changed(keys); });
  }
}

void Node::refuse_reload(std::string_view reason) { log_.error("reload refused; nothing was changed", {{"reason", reason}}); }

void Node::reload(const config::Loaded& loaded) {
  const config::Config& config = loaded.config;
  for (const std::string& warning : loaded.warnings) log_.warn("configuration", {{"text", warning}});
  const bool same_tls = config.tls_certificate_file.empty() == config_.tls_certificate_file.empty();
  if (config.host != config_.host || config.port != config_.port || config.admin_host != config_.admin_host ||
      config.admin_port != config_.admin_port || !same_tls || (config.shards != 0 && config.shards != threads_.size()) ||
      config.namespaces.size() != config_.namespaces.size()) {
    log_.warn(
        "reload: listeners, whether they speak TLS, shards and the list of namespaces need a restart; they stay as they are");
  }
  config::Config next = config;
  next.host = config_.host;
  next.port = config_.port;
  next.admin_host = config_.admin_host;
  next.admin_port = config_.admin_port;
  if (!same_tls) {
    next.tls_certificate_file = config_.tls_certificate_file;
    next.tls_key_file = config_.tls_key_file;
  }
  if (next.namespaces.size() != config_.namespaces.size()) next.namespaces = config_.namespaces;
  for (std::size_t i = 0; i < next.namespaces.size(); ++i) {
    if (next.namespaces[i].name != config_.namespaces[i].name) next.namespaces = config_.namespaces;
  }
  std::vector<std::string> warnings;
  auto authority = authority_of(next, documents_, warnings);
  auto tls = load_tls(next);
  if (!authority || !tls) {
    return refuse_reload(authority ? tls.error().message : authority.error().message);
  }
  const auto settings = settings_of(next, static_cast<std::uint16_t>(threads_.size()));
  {
    const std::lock_guard lock(settings_mutex_);
    config_ = std::move(next);
    settings_ = settings;
    authority_ = *authority;
    tls_ = std::move(*tls);
  }
  keys_->reload(config_);
  for (const auto& thread : threads_) {
    thread->post([settings, authority = *authority](IoThread& there) { there.shard().reload(settings, authority); });
  }
  log_.info("reloaded");
}

void Node::drain(std::uint32_t window_ms) {
  if (draining_.exchange(true)) return;
  drain_ms_ = window_ms;
  log_.info("draining", {{"windowMs", std::to_string(window_ms)}});
  for (const auto& thread : threads_) {
    thread->post([window_ms](IoThread& there) { there.drain(window_ms); });
  }
}

void Node::wait() {
  const std::lock_guard lock(wait_mutex_);
  if (ended_) return;
  ended_ = true;
  if (draining_ && !threads_.empty()) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(drain_ms_ + config_.limits.close_ms + 1000);
    auto all_drained = [&] { return std::all_of(threads_.begin(), threads_.end(), [](const auto& t) { return t->drained(); }); };
    while (!all_drained() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    broker_->seal();
  }
  if (keys_) keys_->stop();
  for (const auto& thread : threads_) thread->stop();
  for (const auto& thread : threads_) thread->join();
  // Whoever waits for what these would have done is told that it is not done.
  for (const auto& thread : threads_) thread->drop_tasks();
  asks_.clear();
  if (draining_ && broker_) write_snapshot();
  log_.info("stopped");
}

void Node::stop() {
  for (const auto& thread : threads_) thread->stop();
}

void Node::service_event(IoThread& from, shard::ClientEvent event) {
  broker::ServiceCall call;
  call.event = std::move(event.name);
  call.data = std::move(event.data);
  call.attachments = std::move(event.attachments);
  call.tenant = std::move(event.tenant);
  call.connection = client_key(from.index(), event.connection);
  call.shard = from.index();
  call.wants_reply = event.request.has_value();
  call.request = event.request.value_or(0);
  run_on_zero(from, [this, call = std::move(call)](IoThread& home) mutable { router_.accept(std::move(call), home.now()); });
}

void Node::run_on_zero(IoThread& from, Task task) {
  if (from.index() == 0) return task(from);
  run_on(0, std::move(task));
}

void Node::service_handle(IoThread& from, ConnectionId id, std::string tenant, protocol::Handle handle,
                          shard::Host::Handled done) {
  services_used_ = true;
  {
    const std::lock_guard lock(handled_mutex_);
    Handled& of = handled_[client_key(from.index(), id)];
    of.tenant = tenant;
    of.builtin |= builtins_of(handle.events);
  }
  run_on_zero(from, [this, key = client_key(from.index(), id), tenant = std::move(tenant), handle = std::move(handle),
                     back = from.index(), done = std::move(done)](IoThread& home) mutable {
    auto refused = router_.handle(key, std::move(handle.group), std::move(tenant), std::move(handle.events), handle.retryable,
                                  false, home.now());
    run_on_at_once(back, [done = std::move(done), refused = std::move(refused)](IoThread&) mutable { done(std::move(refused)); });
  });
}

void Node::service_result(IoThread& from, ConnectionId id, protocol::Result result) {
  run_on_zero(from, [this, key = client_key(from.index(), id), result = std::move(result)](IoThread& home) mutable {
    broker::ServiceAnswer answer;
    answer.data = std::move(result.data);
    answer.attachments = std::move(result.attachments);
    if (!result.error_code.empty()) {
      const Code code = protocol::native::code_named(result.error_code).value_or(Code::INTERNAL);
      answer.fault = Fault{code, std::move(result.error_message), 0};
    }
    router_.result(key, result.call_id, std::move(answer), home.now());
  });
}

bool Node::handled(std::string_view event, std::string_view tenant) {
  const std::lock_guard lock(handled_mutex_);
  return std::any_of(handled_.begin(), handled_.end(), [&](const auto& instance) {
    const auto& [of, builtin] = instance.second;
    return (of.empty() || of == tenant) && (builtin & builtin_bit(event)) != 0;
  });
}

void Node::service_gone(IoThread& from, ConnectionId id) {
  {
    const std::lock_guard lock(handled_mutex_);
    handled_.erase(client_key(from.index(), id));
  }
  run_on_zero(from, [this, key = client_key(from.index(), id)](IoThread& home) { router_.gone(key, home.now()); });
}

void Node::client_gone(IoThread& from, ConnectionId id) {
  if (!services_used_.load(std::memory_order_relaxed)) return;
  run_on_zero(from, [this, key = client_key(from.index(), id)](IoThread&) { router_.connection_gone(key); });
}

void Node::ask(IoThread& from, shard::ClientAsk ask, shard::AskDone done) {
  run_on_zero(from, [this, ask = std::make_shared<const shard::ClientAsk>(std::move(ask)), back = from.index(),
                     done = std::move(done)](IoThread& home) mutable {
    gather<shard::Recipients>(
        home, [ask](IoThread& there) { return there.shard().recipients(*ask); },
        [this, ask, back, &home, done = std::move(done)](std::vector<shard::Recipients> found) mutable {
          auto tell = [this, back, done = std::move(done)](std::expected<std::vector<shard::Answered>, Fault> answers) mutable {
            run_on_at_once(
                back, [done = std::move(done), answers = std::move(answers)](IoThread&) mutable { done(std::move(answers)); });
          };
          auto outs = asks_.begin(std::move(found), ask->asker, home.shard().settings().limits, std::move(tell));
          for (std::size_t shard = 0; shard < outs.size(); ++shard) {
            if (outs[shard].empty()) continue;
            run_on_at_once(static_cast<std::uint16_t>(shard), [ask, of = std::move(outs[shard])](IoThread& there) {
              there.shard().ask_clients(of, *ask->what, ask->timeout_ms);
            });
          }
        });
  });
}

void Node::answered(IoThread& from, const shard::AskPlace& place, shard::ClientAnswer answer) {
  run_on_zero(from, [this, place, answer = std::move(answer)](IoThread& home) mutable {
    asks_.answer(place, std::move(answer), home.shard().settings().limits);
  });
}

void Node::set_handler(const std::string& group, const std::string& event, Server::AsyncHandler handler, bool retryable) {
  services_used_ = true;
  run_on(0, [this, group, event, handler = std::move(handler), retryable](IoThread& home) mutable {
    const std::uint64_t key = local_instance | ++last_local_;
    local_[key] = std::move(handler);
    {
      const std::lock_guard lock(handled_mutex_);
      handled_[key] = {{}, builtins_of({event})};
    }
    if (const auto refused = router_.handle(key, group, {}, {event}, retryable, true, home.now())) {
      log_.error("a handler is refused", {{"event", event}, {"reason", refused->message}});
    }
  });
}

void Node::tick_services(Now now) { router_.on_tick(now); }

void Node::invoke(broker::InstanceId instance, const broker::ServiceCall& call, std::uint32_t deadline_ms) {
  if ((instance & local_instance) != 0) {
    auto found = local_.find(instance);
    if (found == local_.end()) return;
    shard::ClientEvent event;
    event.connection = connection_of(call.connection);
    event.name = call.event;
    event.data = call.data;
    event.attachments = call.attachments;
    event.tenant = call.tenant;
    return found->second(std::move(event), [this, instance, id = call.id](shard::EventAnswer answer) {
      run_on(0, [this, instance, id, answer = std::move(answer)](IoThread& home) mutable {
        router_.result(instance, id, {std::move(answer.data), std::move(answer.fault), std::move(answer.attachments)},
                       home.now());
      });
    });
  }
  const auto shard = static_cast<std::uint16_t>(instance >> 56);
  const ConnectionId id = connection_of(instance);
  run_on_at_once(shard, [id, call, deadline_ms](IoThread& there) {
    there.shard().invoke(id, call.id, call.event, call.data, call.attachments, deadline_ms);
  });
}

void Node::answer(const broker::ServiceCall& call, broker::ServiceAnswer answer) {
  run_on_at_once(call.shard, [id = connection_of(call.connection), request = call.request,
                              answer = std::move(answer)](IoThread& there) mutable {
    there.shard().answer_event(id, request, {std::move(answer.data), std::move(answer.fault), std::move(answer.attachments)});
  });
}

void Node::run_on_at_once(std::uint16_t shard, Task task) {
  // The router runs on shard 0's thread: what concerns that shard needs no mailbox.
  if (shard == 0) return task(*threads_[0]);
  run_on(shard, std::move(task));
}

}  // namespace sparc::server
