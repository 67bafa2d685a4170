#pragma once
// What the shards of one node share.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "auth/revocation.h"
#include "base/hash.h"
#include "broker/memory/memory_broker.h"
#include "broker/memory/service_router.h"
#include "net/address.h"
#include "net/tls.h"
#include "server/io_thread.h"
#include "server/log.h"
#include "server/mapping.h"
#include "server/server.h"

namespace sparc::server {

class KeyKeeper;

/// Built and torn down by Server. Threads reach each other through `run_on` and `gather`; what is guarded by a mutex is touched when
/// connections open and close, never per message.
class Node final : public broker::Post, private broker::ServiceRouter::Out {
 public:
  Node(const config::Config& config, ServerEvents events);
  ~Node() override;
  [[nodiscard]] Result<void> start();
  void drain(std::uint32_t window_ms);
  void wait();
  void stop();
  void reload(const config::Loaded& loaded);
  void refuse_reload(std::string_view reason);

  [[nodiscard]] bool post(std::uint16_t from, std::uint16_t to, broker::Message& message) override;

  void run_on(std::uint16_t shard, Task task) { threads_[shard]->post(std::move(task)); }
  /// Asks every thread; `done` runs on the asker's with the answers in the order of the shards.
  template <class T>
  void gather(IoThread& asker, std::function<T(IoThread&)> ask, std::move_only_function<void(std::vector<T>)> done);

  [[nodiscard]] std::vector<std::unique_ptr<IoThread>>& threads() { return threads_; }
  [[nodiscard]] const std::vector<std::unique_ptr<IoThread>>& threads() const { return threads_; }
  [[nodiscard]] broker::MemoryBroker& broker() { return *broker_; }
  [[nodiscard]] std::shared_ptr<const shard::Settings> settings() const;
  [[nodiscard]] shard::Authority authority() const;
  [[nodiscard]] std::shared_ptr<const net::TlsContext> tls() const;
  /// Whether /api, /admin and /metrics are served on an address of their own.
  [[nodiscard]] bool has_admin_address() const { return has_admin_address_; }
  [[nodiscard]] const ServerEvents& events() const { return events_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool exempt(const net::Address& peer) const;
  [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_acquire); }

  /// Counts connections of the node against limits.connections_max. False: there are as many as there may be.
  [[nodiscard]] bool open_connection();
  void close_connection() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  /// The address that a trusted proxy names in X-Forwarded-For; nothing where the peer is not one.
  [[nodiscard]] std::optional<net::Address> forwarded(Headers headers) const;
  [[nodiscard]] std::expected<void, Fault> admit(const std::string& tenant);
  void release(const std::string& tenant);
  [[nodiscard]] bool revoked(const Identity& identity);
  /// Until it would be refused anyway.
  void revoke(std::string_view token, Now now);
  struct Revocations {
    std::size_t kept = 0;
    std::uint64_t displaced = 0;
  };
  [[nodiscard]] Revocations revocations() const;
  [[nodiscard]] bool refresh_keys();
  /// Documents changed: every shard gets a new key set. Any thread.
  void use_documents(KeyDocuments documents);

  // Services: the router lives on the thread of shard 0.
  void service_event(IoThread& from, shard::ClientEvent event);
  void service_handle(IoThread& from, ConnectionId id, std::string tenant, protocol::Handle handle, shard::Host::Handled done);
  void service_result(IoThread& from, ConnectionId id, protocol::Result result);
  void service_gone(IoThread& from, ConnectionId id);
  void client_gone(IoThread& from, ConnectionId id);
  /// Asks of all threads are counted on that of shard 0. `done` runs on `from`.
  void ask(IoThread& from, shard::ClientAsk ask, shard::AskDone done);
  void answered(IoThread& from, const shard::AskPlace& place, shard::ClientAnswer answer);
  /// Whether a service of this node registered for the built-in event, for that tenant.
  [[nodiscard]] bool handled(std::string_view event, std::string_view tenant);
  void set_handler(const std::string& group, const std::string& event, Server::AsyncHandler handler, bool retryable);
  void tick_services(Now now);
  /// On the thread of shard 0.
  [[nodiscard]] broker::ServiceRouter::Counters service_counters() const { return router_.counters(); }
  [[nodiscard]] std::uint64_t asks_refused() const { return asks_.refused(); }
  [[nodiscard]] std::int64_t services_due() const { return router_.next_due_ms(); }

 private:
  // broker::ServiceRouter::Out, on shard 0's thread
  void invoke(broker::InstanceId instance, const broker::ServiceCall& call, std::uint32_t deadline_ms) override;
  void answer(const broker::ServiceCall& call, broker::ServiceAnswer answer) override;
  void run_on_zero(IoThread& from, Task task);
  void run_on_at_once(std::uint16_t shard, Task task);
  [[nodiscard]] Result<void> restore_snapshot();
  [[nodiscard]] Result<void> listen();
  [[nodiscard]] Result<std::shared_ptr<const net::TlsContext>> load_tls(const config::Config& config);
  void write_snapshot();

  config::Config config_;           // the main thread's once the others run: it changes with a reload
  bool has_admin_address_ = false;  // since before the threads run
  ServerEvents events_;
  Log log_;
  net::SystemEntropy entropy_;  // of the constructing thread, then of shard 0's
  std::string id_;
  mutable std::mutex settings_mutex_;  // at start, reload and key rotation
  std::shared_ptr<const shard::Settings> settings_;
  shard::Authority authority_;
  std::shared_ptr<const net::TlsContext> tls_;
  KeyDocuments documents_;
  std::vector<net::Cidr> proxies_;
  std::unique_ptr<broker::MemoryBroker> broker_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::unique_ptr<KeyKeeper> keys_;

  std::atomic<std::size_t> connections_{0};
  std::mutex tenants_mutex_;
  std::unordered_map<std::string, std::size_t, StringHash, std::equal_to<>> tenants_;
  mutable std::mutex revoked_mutex_;
  auth::RevocationSet revoked_;
  std::atomic<bool> any_revoked_{false};

  broker::ServiceRouter router_;
  shard::PendingAsks asks_;
  std::unordered_map<std::uint64_t, Server::AsyncHandler> local_;  // by instance
  std::uint64_t last_local_ = 0;
  std::mutex handled_mutex_;
  struct Handled {
    std::string tenant;         // empty: any
    std::uint32_t builtin = 0;  // built-in events that it takes over
  };
  std::unordered_map<std::uint64_t, Handled> handled_;  // by instance; how many there may be is the router's to say
  std::atomic<bool> services_used_{false};              // a handler was registered: clients' ends matter to the router

  std::atomic<bool> draining_{false};
  std::atomic<std::uint32_t> drain_ms_{0};
  std::mutex wait_mutex_;
  bool ended_ = false;
};

template <class T>
void Node::gather(IoThread& asker, std::function<T(IoThread&)> ask, std::move_only_function<void(std::vector<T>)> done) {
  struct State {
    std::vector<T> answers;
    std::size_t missing;
    std::move_only_function<void(std::vector<T>)> done;
  };
  auto state = std::make_shared<State>(State{std::vector<T>(threads_.size()), threads_.size(), std::move(done)});
  auto take = [state](std::size_t index, T answer) {  // on the asker's thread
    state->answers[index] = std::move(answer);
    if (--state->missing == 0) state->done(std::move(state->answers));
  };
  const std::uint16_t back = asker.index();
  for (const auto& thread : threads_) {
    if (thread.get() == &asker) continue;
    thread->post([this, ask, take, back](IoThread& there) {
      run_on(back, [take, index = there.index(), answer = ask(there)](IoThread&) mutable { take(index, std::move(answer)); });
    });
  }
  take(asker.index(), ask(asker));
}

}  // namespace sparc::server
