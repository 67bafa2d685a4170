#include "server/io_thread.h"

#include <algorithm>

#include "base/json_text.h"
#include "server/builtin_events.h"
#include "server/node.h"

namespace sparc::server {

IoThread::IoThread(Node& node, std::uint16_t index, std::unique_ptr<net::Loop> loop)
    : node_(node),
      index_(index),
      loop_(std::move(loop)),
      sockets_(std::make_unique<net::Sockets>(*loop_, static_cast<net::SocketEvents&>(*this))),
      api_(*this),
      messages_(node.settings()->limits.mailbox_items_max),
      tasks_(8192) {
  shard::Shard::Parts parts{*this, node.broker().door(index), *this, entropy_, node.id(), index, nullptr};
  loop_->run_once(*this, 0);  // reads the clock
  shard_ = std::make_unique<shard::Shard>(node.settings(), node.authority(), std::move(parts), loop_->now());
  door().set_listener(*shard_);
  door().on_tick(loop_->now());
}

IoThread::~IoThread() { join(); }

broker::MemoryBroker::Door& IoThread::door() { return node_.broker().door(index_); }

Result<void> IoThread::listen(const net::ListenOptions& options) {
  auto acceptor = net::Acceptor::open(*loop_, *this, options);
  if (!acceptor) return std::unexpected(acceptor.error());
  acceptor_ = std::move(*acceptor);
  return {};
}

Result<void> IoThread::listen_admin(const net::ListenOptions& options) {
  auto acceptor = net::Acceptor::open(*loop_, *this, options);
  if (!acceptor) return std::unexpected(acceptor.error());
  admin_ = std::move(*acceptor);
  return {};
}

void IoThread::start() {
  thread_ = std::thread([this] {
    loop_->run(*this);
    acceptor_.reset();
    admin_.reset();
  });
}

void IoThread::join() {
  if (thread_.joinable()) thread_.join();
}

void IoThread::drop_tasks() {
  tasks_.drain([](const Task&) {});
  const std::lock_guard lock(overflow_mutex_);
  overflow_.clear();
}

void IoThread::post(Task task) {
  const auto pushed = has_overflow_.load(std::memory_order_acquire) ? Mailbox<Task>::Push::full : tasks_.push(task);
  if (pushed == Mailbox<Task>::Push::full) {
    const std::lock_guard lock(overflow_mutex_);
    overflow_.push_back(std::move(task));
    has_overflow_.store(true, std::memory_order_release);
  }
  if (pushed != Mailbox<Task>::Push::queued) loop_->wake();
}

bool IoThread::send(IoThread& to, broker::Message& message) {
  switch (to.messages_.push(message)) {
    case Mailbox<broker::Message>::Push::full: return false;
    case Mailbox<broker::Message>::Push::queued_wake: to_wake_.push_back(&to); return true;
    case Mailbox<broker::Message>::Push::queued: return true;
  }
  return true;
}

void IoThread::wake_others() {
  for (IoThread* other : to_wake_) other->loop_->wake();
  to_wake_.clear();
}

void IoThread::run_tasks() {
  tasks_.drain([this](Task task) { task(*this); });
  if (!has_overflow_.load(std::memory_order_acquire)) return;
  std::vector<Task> overflow;
  {
    const std::lock_guard lock(overflow_mutex_);
    overflow.swap(overflow_);
    has_overflow_.store(false, std::memory_order_release);
  }
  for (Task& task : overflow) task(*this);
}

void IoThread::on_wake() {
  if (!shard_) return;
  shard_->set_now(loop_->now());
  door().on_tick(loop_->now());
  constexpr std::size_t messages_a_turn = 4096;  // so that a flood of publications leaves time for sockets
  if (messages_.drain([this](broker::Message message) { door().on_message(std::move(message)); }, messages_a_turn) ==
      messages_a_turn) {
    loop_->stay_awake();
    loop_->wake();
  }
  run_tasks();
}

std::int64_t IoThread::end_of_turn() {
  if (!shard_) return net::no_deadline;
  shard_->set_now(loop_->now());
  door().on_tick(loop_->now());
  if (index_ == 0) node_.tick_services(loop_->now());
  wake_others();  // before what this turn fans out: they have their own
  std::int64_t due = shard_->end_of_turn();
  if (shard_->has_served()) shard_->measure_served(net::Loop::read_now());
  if (!door().flush()) due = std::min(due, loop_->now().monotonic_ms + 1);
  wake_others();
  if (index_ == 0) due = std::min(due, node_.services_due());
  if (draining_ && shard_->drained()) drained_.store(true, std::memory_order_release);
  if (draining_) due = std::min(due, loop_->now().monotonic_ms + 10);
  if (due <= loop_->now().monotonic_ms) loop_->stay_awake();
  return due;
}

void IoThread::drain(std::uint32_t window_ms) {
  draining_ = true;
  if (acceptor_) acceptor_->close();
  shard_->drain(window_ms);
}

void IoThread::on_accept(net::Acceptor& acceptor, net::Fd fd, const net::Address& peer) {
  shard_->set_now(loop_->now());
  const bool admin = &acceptor == admin_.get();
  shard::Peer from{peer.ip(), peer.is_loopback() || node_.exempt(peer)};
  from.proxy = node_.exempt(peer);
  from.admin = admin;
  if (!node_.open_connection()) return shard_->count_refused();
  const auto id = enter(std::move(from));
  if (!id) return node_.close_connection();
  const auto tls = node_.tls();
  if (auto opened = sockets_->open(id->slot, std::move(fd), admin ? nullptr : tls.get()); !opened) {
    node_.close_connection();
    shard_->on_closed(*id, opened.error().message);
  }
}

std::optional<ConnectionId> IoThread::enter(shard::Peer peer) {
  const bool admin = peer.admin;
  const auto id = shard_->on_open(std::move(peer));
  if (!id) return id;
  if (id->slot >= ids_.size()) {
    ids_.resize(id->slot + id->slot / 2 + 64);
    admin_slots_.resize(ids_.size());
  }
  ids_[id->slot] = *id;
  admin_slots_[id->slot] = admin;
  return id;
}

bool IoThread::hand_over(ConnectionId id, std::uint16_t shard, std::string bytes) {
  if (shard >= node_.threads().size() || shard == index_) return false;
  net::DetachedSocket socket = sockets_->detach(id.slot);
  if (!socket) return false;
  node_.threads()[shard]->post(
      [socket = std::move(socket), peer = shard_->peer_of(id), bytes = std::move(bytes)](IoThread& there) mutable {
        there.take_over(std::move(socket), std::move(peer), std::move(bytes));
      });
  return true;
}

void IoThread::take_over(net::DetachedSocket socket, shard::Peer peer, std::string bytes) {
  const auto id = enter(std::move(peer));
  if (!id) return node_.close_connection();
  if (auto attached = sockets_->attach(id->slot, std::move(socket)); !attached) {
    node_.close_connection();
    return shard_->on_closed(*id, attached.error().message);
  }
  shard_->on_bytes(*id, bytes);
}

void IoThread::on_bytes(std::uint32_t slot, std::string_view bytes) {
  shard_->set_now(loop_->now());
  // The view is of this thread's receive buffer, which nobody else reads: frames are unmasked where they lie.
  shard_->on_bytes(ids_[slot], {const_cast<char*>(bytes.data()), bytes.size()});
}

void IoThread::on_writable(std::uint32_t slot) {
  shard_->set_now(loop_->now());
  shard_->on_writable(ids_[slot]);
}

void IoThread::on_closed(std::uint32_t slot, const net::Closing& closing) {
  shard_->set_now(loop_->now());
  node_.close_connection();
  shard_->on_closed(ids_[slot], closing.detail.empty() ? net::name_of(closing.reason) : closing.detail);
}

std::ptrdiff_t IoThread::send(std::uint32_t slot, std::string_view bytes) {
  const net::SendResult sent = sockets_->send(slot, bytes);
  if (sent.status == net::SendStatus::closed) return -1;
  return static_cast<std::ptrdiff_t>(sent.taken);
}

void IoThread::close(ConnectionId id) {
  node_.close_connection();
  sockets_->close(id.slot);
}

std::optional<shard::Peer> IoThread::forwarded(Headers headers) {
  const auto address = node_.forwarded(headers);
  if (!address) return std::nullopt;
  return shard::Peer{address->ip()};
}

void IoThread::on_request(ConnectionId id, std::uint64_t exchange, const http::Request& request) {
  api_.handle(id, exchange, request);
}

std::expected<void, Fault> IoThread::admit(const Identity& identity) { return node_.admit(identity.tenant_id); }
void IoThread::release(const Identity& identity) { node_.release(identity.tenant_id); }
bool IoThread::revoked(const Identity& identity) { return node_.revoked(identity); }
bool IoThread::refresh_keys() { return node_.refresh_keys(); }

const shard::InlineHandler* IoThread::inline_handler(std::string_view event) {
  auto found = inline_handlers_.find(event);
  return found == inline_handlers_.end() ? nullptr : found->second.get();
}

void IoThread::set_inline_handler(const std::string& event, shard::InlineHandler handler) {
  if (handler) {
    inline_handlers_[event] = std::make_shared<shard::InlineHandler>(std::move(handler));
  } else {
    inline_handlers_.erase(event);
  }
}

void IoThread::client_event(shard::ClientEvent event) {
  if (is_builtin_event(event.name) && !node_.handled(event.name, event.tenant) && handle_builtin_event(*shard_, event)) return;
  node_.service_event(*this, std::move(event));
}
void IoThread::service_handle(ConnectionId id, const ServiceIdentity& service, protocol::Handle handle, Handled done) {
  if (handle.group.empty()) handle.group = service.name;
  node_.service_handle(*this, id, service.tenant_id, std::move(handle), std::move(done));
}
void IoThread::service_result(ConnectionId id, protocol::Result result) { node_.service_result(*this, id, std::move(result)); }

void IoThread::ask(shard::ClientAsk ask, shard::AskDone done) { node_.ask(*this, std::move(ask), std::move(done)); }
void IoThread::answered(const shard::AskPlace& place, shard::ClientAnswer answer) {
  node_.answered(*this, place, std::move(answer));
}

void IoThread::service_gone(ConnectionId id) {
  node_.service_gone(*this, id);
  service_watch(id, {}, false, false);
}

void IoThread::client_gone(ConnectionId id) { node_.client_gone(*this, id); }

void IoThread::service_watch(ConnectionId id, const ServiceIdentity& service, bool connected, bool disconnected) {
  const Watch watch{index_, id, service.tenant_id, connected, disconnected};
  for (const auto& thread : node_.threads()) {
    if (thread.get() == this) {
      set_watch(watch);
    } else {
      thread->post([watch](IoThread& there) { there.set_watch(watch); });
    }
  }
}

void IoThread::set_watch(Watch watch) {
  std::erase_if(watches_, [&](const Watch& w) { return w.shard == watch.shard && w.connection == watch.connection; });
  if (watch.connected || watch.disconnected) watches_.push_back(std::move(watch));
}

void IoThread::hook(bool connected, const shard::ClientInfo& client, NamespaceId ns, std::string_view reason) {
  std::string shown;
  for (const Watch& watch : watches_) {
    if (!(connected ? watch.connected : watch.disconnected)) continue;
    if (!watch.tenant.empty() && watch.tenant != client.tenant_id) continue;
    if (shown.empty()) shown = client_json(client);
    auto tell = [id = watch.connection, connected, shown, name = shard_->settings().namespaces[ns].name,
                 why = std::string(reason)](IoThread& there) {
      there.shard().hook(id, connected ? "client:connected" : "client:disconnected", name, shown, why);
    };
    if (watch.shard == index_) {
      tell(*this);
    } else {
      node_.run_on(watch.shard, std::move(tell));
    }
  }
}

void IoThread::client_connected(const shard::ClientInfo& client, NamespaceId ns) {
  if (!watches_.empty()) hook(true, client, ns, {});
  if (node_.events().connected) node_.events().connected(client, shard_->settings().namespaces[ns].name);
}

void IoThread::client_disconnected(const shard::ClientInfo& client, NamespaceId ns, std::string_view reason) {
  if (!watches_.empty()) hook(false, client, ns, reason);
  if (node_.events().disconnected)
    node_.events().disconnected(client, shard_->settings().namespaces[ns].name, std::string(reason));
}

void IoThread::message_sent(NamespaceId ns, std::string_view event) {
  if (node_.events().message_sent) node_.events().message_sent(shard_->settings().namespaces[ns].name, std::string(event));
}

void IoThread::presence(StreamKey stream, std::string room,
                        std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) {
  using Users = std::vector<shard::PresenceEntry>;
  node_.gather<Users>(
      *this, [stream, room](IoThread& there) { return there.shard().presence_of(stream, room); },
      [done = std::move(done)](const std::vector<Users>& parts) mutable {
        Users all;
        for (const Users& part : parts) {
          for (const shard::PresenceEntry& user : part) {
            auto known = std::find_if(all.begin(), all.end(), [&](const auto& other) { return other.user_id == user.user_id; });
            if (known == all.end()) {
              all.push_back(user);
            } else {
              known->connections += user.connections;
              known->since_ms = std::min(known->since_ms, user.since_ms);
            }
          }
        }
        done(std::move(all));
      });
}

void IoThread::access(const Access& asked, std::string_view status) {
  node_.log().info("access", {{"address", asked.address}, {"method", asked.method}, {"path", asked.path}, {"status", status}});
}

void IoThread::audit(std::string_view what, const shard::Peer& peer, const Identity& identity, std::string_view detail) {
  node_.log().info("audit", {{"what", what},
                             {"address", peer.address.text()},
                             {"user", identity.user_id},
                             {"tenant", identity.tenant_id},
                             {"detail", detail}});
}

}  // namespace sparc::server
