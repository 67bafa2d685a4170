#include "client/engine.h"

#include <algorithm>
#include <utility>

#include "client/channel.h"
#include "client/resolve.h"

namespace sparc::client {

Result<std::unique_ptr<Engine>> Engine::create() {
  auto loop = net::Loop::create();
  if (!loop) return std::unexpected(std::move(loop.error()));
  return std::unique_ptr<Engine>(new Engine(std::move(*loop)));
}

Engine::Engine(std::unique_ptr<net::Loop> loop) : loop_(std::move(loop)), sockets_(*loop_, *this) {}

Engine::~Engine() = default;

// Threads.

void Engine::run() {
  loop_->run(*this);
  std::vector<Job> dropped;
  {
    const std::lock_guard lock(jobs_mutex_);
    closed_ = true;
    dropped.swap(jobs_);
  }
  channels_.clear();
}

void Engine::post(Job job) {
  {
    const std::lock_guard lock(jobs_mutex_);
    if (closed_) return;
    jobs_.push_back(std::move(job));
  }
  loop_->wake();
}

void Engine::stop() {
  {
    const std::lock_guard lock(jobs_mutex_);
    stop_asked_ = true;
  }
  loop_->wake();
}

void Engine::on_wake() {
  std::vector<Job> jobs;
  bool stop_asked = false;
  {
    const std::lock_guard lock(jobs_mutex_);
    jobs.swap(jobs_);
    stop_asked = stop_asked_;
  }
  for (auto& job : jobs) job();
  if (stop_asked && !stopping_) {
    stopping_ = true;
    stop_by_ms_ = now().monotonic_ms + linger_ms;
  }
}

std::int64_t Engine::end_of_turn() {
  report_failures();
  drop_unused();
  const std::int64_t next = run_timers();
  if (stopping_ && (sockets_.live() == 0 || now().monotonic_ms >= stop_by_ms_)) loop_->stop();
  return stopping_ ? std::min(next, stop_by_ms_) : next;
}

std::int64_t Engine::run_timers() {
  const std::int64_t at = now().monotonic_ms;
  std::int64_t next = net::no_deadline;
  std::vector<std::shared_ptr<Channel>> due;
  for (const auto& [key, channel] : channels_) {
    if (channel->connection.next_deadline() <= at) due.push_back(channel);
  }
  for (const auto& channel : due) channel->connection.on_tick(now());
  if (!failed_.empty()) next = at;
  for (const auto& [key, channel] : channels_) next = std::min(next, channel->connection.next_deadline());
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const std::int64_t until = slots_[slot].linger_until_ms;
    if (until == 0) continue;
    if (until > at) {
      next = std::min(next, until);
      continue;
    }
    sockets_.close(slot);
    release(slot);
  }
  return next;
}

void Engine::drop_unused() {
  std::erase_if(channels_, [](const auto& entry) { return entry.second->connection.empty(); });
}

Result<std::shared_ptr<SharedConnection>> Engine::connection(const websocket::ClientOptions& options) {
  auto endpoint = parse_url(options.url);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  std::string key = options.url + "\n" + options.ca_file + (options.verify_certificate ? "\nverified\n" : "\nanybody\n");
  const auto& source = options.token.source();
  key += source ? "function " + std::to_string(reinterpret_cast<std::uintptr_t>(source.get())) : "text " + options.token.text();
  auto& channel = channels_[key];
  if (!channel) {
    std::shared_ptr<const net::TlsContext> tls;
    if (endpoint->tls) {
      net::TlsContext::Client client;
      client.verify = options.verify_certificate ? net::TlsContext::Verify::peer : net::TlsContext::Verify::none;
      client.ca_file = options.ca_file;
      auto made = net::TlsContext::client(client);
      if (!made) {
        channels_.erase(key);
        return std::unexpected(std::move(made.error()));
      }
      tls = std::move(*made);
    }
    MachineOptions machine;
    machine.host_field = endpoint->host_field;
    machine.target = endpoint->target;
    machine.token = options.token.text();
    machine.asks_token = source != nullptr;
    machine.auto_reconnect = options.auto_reconnect;
    machine.reconnect_interval_ms = options.reconnect_interval_ms;
    machine.reconnect_attempts = options.reconnect_attempts;
    machine.timeout_ms = options.timeout_ms;
    machine.message_bytes_max = options.message_bytes_max;
    channel = std::make_shared<Channel>(*this, std::move(*endpoint), std::move(tls), options.token, std::move(machine));
  }
  return std::shared_ptr<SharedConnection>(channel, &channel->connection);
}

void Engine::ask_token(const std::shared_ptr<Channel>& channel) {
  worker_.post([this, source = channel->token.source(), weak = std::weak_ptr(channel)] {
    std::expected<std::string, std::string> token;
    try {
      token = (*source)();
      if (token->empty()) token = std::unexpected("the token's function gave none");
    } catch (const std::exception& error) {
      token = std::unexpected(std::string(error.what()));
    } catch (...) {
      token = std::unexpected("the token's function threw something that is no std::exception");
    }
    post([this, weak, token = std::move(token)]() mutable {
      if (const auto alive = weak.lock()) alive->connection.on_token(now(), std::move(token));
    });
  });
}

// Transports.

std::uint32_t Engine::take_slot() {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

std::uint32_t Engine::slot_of(const Channel& channel, LinkId link) const {
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].link == link && slots_[slot].channel.lock().get() == &channel) return slot;
  }
  return no_slot;
}

void Engine::release(std::uint32_t slot) {
  slots_[slot] = {};
  free_slots_.push_back(slot);
}

void Engine::open(const std::shared_ptr<Channel>& channel, LinkId link) {
  const std::uint32_t slot = take_slot();
  slots_[slot].channel = channel;
  slots_[slot].link = link;
  if (const auto numeric = net::Address::parse(channel->endpoint.host, channel->endpoint.port)) {
    slots_[slot].addresses = {*numeric};
    connect_next(slot);
    return;
  }
  worker_.post([this, link, weak = std::weak_ptr(channel), host = channel->endpoint.host, port = channel->endpoint.port] {
    post([this, link, weak, addresses = resolve(host, port)]() mutable {
      const auto alive = weak.lock();
      const std::uint32_t at = alive ? slot_of(*alive, link) : no_slot;
      if (at == no_slot) return;
      if (!addresses) {
        fail_later(at, std::move(addresses.error().message));
        return;
      }
      // Another one first each time, so that one address that swallows packets does not cost every attempt.
      const auto begin = static_cast<std::ptrdiff_t>(attempts_++ % addresses->size());
      std::rotate(addresses->begin(), addresses->begin() + begin, addresses->end());
      slots_[at].addresses = std::move(*addresses);
      connect_next(at);
    });
  });
}

void Engine::connect_next(std::uint32_t slot) {
  Slot& state = slots_[slot];
  const auto channel = state.channel.lock();
  if (!channel) return release(slot);
  std::string detail = "no address";
  while (state.next_address < state.addresses.size()) {
    const net::Address& address = state.addresses[state.next_address++];
    const auto begun = sockets_.connect(slot, address, {channel->tls.get(), channel->endpoint.host});
    if (begun) return;
    detail = begun.error().message;
  }
  fail_later(slot, std::move(detail));
}

/// Told at the end of the turn: the connection may be in the middle of a call.
void Engine::fail_later(std::uint32_t slot, std::string detail) {
  failed_.push_back({slots_[slot].channel, slots_[slot].link, std::move(detail)});
  release(slot);
  loop_->stay_awake();
}

void Engine::report_failures() {
  for (auto& failed : std::exchange(failed_, {})) {
    if (const auto channel = failed.channel.lock()) channel->connection.on_lost(now(), failed.link, failed.detail);
  }
}

void Engine::send(const Channel& channel, LinkId link, std::string bytes) {
  const std::uint32_t slot = slot_of(channel, link);
  if (slot == no_slot) return;
  Slot& state = slots_[slot];
  if (state.out.size() - state.sent + bytes.size() > unsent_bytes_max) {
    sockets_.reset(slot);
    fail_later(slot, "the server does not read what is sent to it");
    return;
  }
  state.out.erase(0, std::exchange(state.sent, 0));
  state.out += bytes;
  flush(slot);
}

void Engine::flush(std::uint32_t slot) {
  Slot& state = slots_[slot];
  while (state.sent < state.out.size()) {
    const auto result = sockets_.send(slot, std::string_view(state.out).substr(state.sent));
    state.sent += result.taken;
    if (result.status != net::SendStatus::ready) break;
  }
  if (state.sent < state.out.size()) return;
  state.out = {};
  state.sent = 0;
  if (state.finishing && !state.ended) finish(slot);
}

/// The sending side has ended; closing over bytes that the server still sends would lose our close frame.
void Engine::finish(std::uint32_t slot) {
  slots_[slot].ended = true;
  sockets_.shutdown_write(slot);
  slots_[slot].linger_until_ms = now().monotonic_ms + linger_ms;
}

void Engine::close(const Channel& channel, LinkId link) {
  const std::uint32_t slot = slot_of(channel, link);
  if (slot == no_slot) return;
  Slot& state = slots_[slot];
  if (!state.connected) {
    if (sockets_.is_open(slot)) sockets_.close(slot);
    release(slot);
    return;
  }
  state.link = 0;
  state.finishing = true;
  if (state.out.empty()) {
    finish(slot);
  } else {
    state.linger_until_ms = now().monotonic_ms + linger_ms;
  }
}

void Engine::on_connected(std::uint32_t slot) {
  slots_[slot].connected = true;
  if (const auto channel = slots_[slot].channel.lock()) channel->connection.on_open(now(), slots_[slot].link);
}

void Engine::on_bytes(std::uint32_t slot, std::string_view bytes) {
  if (slots_[slot].finishing) return;
  if (const auto channel = slots_[slot].channel.lock()) channel->connection.on_bytes(now(), slots_[slot].link, bytes);
}

void Engine::on_writable(std::uint32_t slot) { flush(slot); }

void Engine::on_closed(std::uint32_t slot, const net::Closing& closing) {
  Slot& state = slots_[slot];
  if (state.finishing) return release(slot);
  const bool other_address = closing.reason == net::CloseReason::connect_failed && state.next_address < state.addresses.size();
  if (!state.connected && other_address) return connect_next(slot);
  std::string detail(net::name_of(closing.reason));
  if (!closing.detail.empty()) detail.append(": ").append(closing.detail);
  const auto channel = state.channel.lock();
  const LinkId link = state.link;
  release(slot);
  if (channel) channel->connection.on_lost(now(), link, detail);
}

// The one of the process.

Result<std::shared_ptr<Runtime>> Runtime::shared() {
  static std::mutex mutex;
  static std::weak_ptr<Runtime> current;
  const std::lock_guard lock(mutex);
  if (auto runtime = current.lock()) return runtime;
  auto engine = Engine::create();
  if (!engine) return std::unexpected(std::move(engine.error()));
  std::shared_ptr<Runtime> runtime(new Runtime(std::move(*engine)));
  current = runtime;
  return runtime;
}

Runtime::Runtime(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {
  thread_ = std::thread([engine = engine_] {
    block_signals();
    engine->run();
  });
}

Runtime::~Runtime() {
  engine_->stop();
  if (std::this_thread::get_id() == thread_.get_id() || engine_->on_worker()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

}  // namespace sparc::client
