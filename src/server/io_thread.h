#pragma once
// One thread: a loop, its sockets, its listener, its shard, and the shard's view of the node.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/mailbox.h"
#include "broker/memory/memory_broker.h"
#include "net/acceptor.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/system_entropy.h"
#include "server/api.h"
#include "shard/shard.h"

namespace sparc::server {

class Node;
class IoThread;

/// Work that another thread hands to this one.
using Task = std::move_only_function<void(IoThread&)>;

class IoThread final : public shard::Transport,
                       public shard::Host,
                       private net::Turn,
                       private net::AcceptEvents,
                       private net::SocketEvents {
 public:
  IoThread(Node& node, std::uint16_t index, std::unique_ptr<net::Loop> loop);
  ~IoThread() override;

  // Before the thread runs.
  [[nodiscard]] Result<void> listen(const net::ListenOptions& options);
  [[nodiscard]] Result<void> listen_admin(const net::ListenOptions& options);
  void start();

  /// Runs `task` on this thread, in the order of the posts of one thread. Any thread.
  void post(Task task);
  /// A message of the broker for another thread, which is woken when this turn's work is known: what belongs together arrives
  /// together. False: its mailbox is full. This thread's own.
  [[nodiscard]] bool send(IoThread& to, broker::Message& message);
  void stop() { loop_->stop(); }
  void join();
  /// What was posted and did not run. After `join`.
  void drop_tasks();

  [[nodiscard]] std::uint16_t index() const { return index_; }
  [[nodiscard]] std::uint16_t port() const { return acceptor_->address().port(); }
  [[nodiscard]] std::uint16_t admin_port() const { return admin_ ? admin_->address().port() : std::uint16_t{0}; }
  [[nodiscard]] shard::Shard& shard() { return *shard_; }
  [[nodiscard]] const shard::Shard& shard() const { return *shard_; }
  [[nodiscard]] broker::MemoryBroker::Door& door();
  [[nodiscard]] Node& node() { return node_; }
  [[nodiscard]] Now now() const { return loop_->now(); }
  [[nodiscard]] bool is_admin(ConnectionId id) const { return id.slot < admin_slots_.size() && admin_slots_[id.slot]; }
  void drain(std::uint32_t window_ms);
  [[nodiscard]] bool drained() const { return drained_.load(std::memory_order_acquire); }

  struct Watch {
    std::uint16_t shard = 0;
    ConnectionId connection;
    std::string tenant;
    bool connected = false, disconnected = false;
  };
  void set_watch(Watch watch);
  void set_inline_handler(const std::string& event, shard::InlineHandler handler);

 private:
  // net
  void on_wake() override;
  std::int64_t end_of_turn() override;
  void on_accept(net::Acceptor& acceptor, net::Fd fd, const net::Address& peer) override;
  void on_bytes(std::uint32_t slot, std::string_view bytes) override;
  void on_writable(std::uint32_t slot) override;
  void on_closed(std::uint32_t slot, const net::Closing& closing) override;

  // shard::Transport
  std::ptrdiff_t send(std::uint32_t slot, std::string_view bytes) override;
  void close(ConnectionId id) override;
  void finish(ConnectionId id) override { sockets_->shutdown_write(id.slot); }
  void pause_reading(ConnectionId id) override { sockets_->pause_reading(id.slot); }
  void resume_reading(ConnectionId id) override { sockets_->resume_reading(id.slot); }
  [[nodiscard]] bool hand_over(ConnectionId id, std::uint16_t shard, std::string bytes) override;

  // shard::Host
  void on_request(ConnectionId id, std::uint64_t exchange, const http::Request& request) override;
  std::optional<shard::Peer> forwarded(Headers headers) override;
  std::expected<void, Fault> admit(const Identity& identity) override;
  void release(const Identity& identity) override;
  bool revoked(const Identity& identity) override;
  bool refresh_keys() override;
  const shard::InlineHandler* inline_handler(std::string_view event) override;
  void client_event(shard::ClientEvent event) override;
  void service_handle(ConnectionId id, const ServiceIdentity& service, protocol::Handle handle, Handled done) override;
  void service_result(ConnectionId id, protocol::Result result) override;
  void service_gone(ConnectionId id) override;
  void ask(shard::ClientAsk ask, shard::AskDone done) override;
  void answered(const shard::AskPlace& place, shard::ClientAnswer answer) override;
  void client_gone(ConnectionId id) override;
  void service_watch(ConnectionId id, const ServiceIdentity& service, bool connected, bool disconnected) override;
  void client_connected(const shard::ClientInfo& client, NamespaceId ns) override;
  void client_disconnected(const shard::ClientInfo& client, NamespaceId ns, std::string_view reason) override;
  void message_sent(NamespaceId ns, std::string_view event) override;
  void presence(StreamKey stream, std::string room,
                std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) override;
  void access(const Access& asked, std::string_view status) override;
  void audit(std::string_view what, const shard::Peer& peer, const Identity& identity, std::string_view detail) override;
  void hook(bool connected, const shard::ClientInfo& client, NamespaceId ns, std::string_view reason);
  void run_tasks();
  void wake_others();
  /// The slot of a connection that is new on this thread; nothing: refused.
  [[nodiscard]] std::optional<ConnectionId> enter(shard::Peer peer);
  void take_over(net::DetachedSocket socket, shard::Peer peer, std::string bytes);

  Node& node_;
  std::uint16_t index_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Sockets> sockets_;
  std::unique_ptr<net::Acceptor> acceptor_, admin_;
  net::SystemEntropy entropy_;
  std::unique_ptr<shard::Shard> shard_;
  Api api_;
  Mailbox<broker::Message> messages_;
  Mailbox<Task> tasks_;
  std::mutex overflow_mutex_;  // only where `tasks_` is full
  std::vector<Task> overflow_;
  std::atomic<bool> has_overflow_{false};
  std::vector<IoThread*> to_wake_;  // got messages in this turn, and may sleep
  std::vector<ConnectionId> ids_;   // by slot
  std::vector<bool> admin_slots_;   // came by the second address
  std::vector<Watch> watches_;
  absl::flat_hash_map<std::string, std::shared_ptr<shard::InlineHandler>, StringHash, std::equal_to<>> inline_handlers_;
  std::atomic<bool> drained_{false};
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace sparc::server
