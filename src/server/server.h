#pragma once
// One node: its shards, their threads and sockets, and the broker between them.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/config/load.h"
#include "shard/host.h"
#include "shard/shard.h"

namespace sparc::server {

class Node;

/// What an embedding program wants to hear. Called on a shard's thread: must not block.
struct ServerEvents {
  std::function<void(const shard::ClientInfo&, const std::string& ns)> connected;
  std::function<void(const shard::ClientInfo&, const std::string& ns, const std::string& reason)> disconnected;
  std::function<void(const std::string& ns, const std::string& event)> message_sent;  // empty: costs nothing
};

/// Thread: any, unless said otherwise.
class Server {
 public:
  /// Binds, restores the snapshot, starts the threads. Errors say what could not be done and what to change.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(const config::Config& config, ServerEvents events = {});
  /// Stops without a drain, unless there was one.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Clients leave within the window; then the snapshot is written, if one is configured. Returns at once; idempotent.
  void drain(std::uint32_t window_ms);
  /// Until the drain is over and every thread has ended.
  void wait();
  /// Certificates, keys, limits and policies; what needs a restart (listeners, shards, namespaces) is left as it is and logged.
  void reload(const config::Loaded& loaded);
  /// Says in the log that nothing was changed, and why.
  void refuse_reload(std::string_view reason);

  /// `done` on a shard's thread.
  void publish(shard::PublishRequest request, shard::PublishDone done);
  /// `done` on a shard's thread.
  void ask(shard::AskRequest request, shard::AskDone done);
  /// A handler that runs on the shard of the client that sent the event; replaces one of the same name. An empty one removes it.
  void set_inline_handler(const std::string& event, const shard::InlineHandler& handler);
  /// A handler in this process as one instance of a group; `handler` runs on a shard's thread, must not block, and answers when it likes.
  using AsyncHandler = std::function<void(shard::ClientEvent, std::function<void(shard::EventAnswer)>)>;
  void set_handler(const std::string& group, const std::string& event, AsyncHandler handler, bool retryable);
  /// `done` on a shard's thread, with everyone of the node.
  void clients(std::function<void(std::vector<shard::ClientInfo>)> done);
  /// Connections joined to each namespace now.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> namespaces() const;
  [[nodiscard]] std::uint64_t sessions() const;
  [[nodiscard]] std::string metrics() const;

 private:
  explicit Server(std::unique_ptr<Node> node);
  std::unique_ptr<Node> node_;
};

}  // namespace sparc::server
