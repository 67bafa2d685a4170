#pragma once
// The unified WebSocket service in a C++ program: the same server as the sparc-websocket binary, in this process.

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sparc/websocket/error.h"

namespace sparc::websocket {

/// A namespace beside, or merged over, the shipped ones (video, alerts, monitoring). What is not set stays as shipped.
struct NamespaceOptions {
  std::string name;
  std::optional<bool> history;
  std::optional<std::string> room_strategy;                           // tenant, organization, custom
  std::optional<std::pair<std::uint32_t, std::uint32_t>> rate_limit;  // points, duration in ms; per user
  std::optional<std::uint32_t> batch_max_delay_ms;
};

/// Every field: what is set here, else the environment's, else the default (docs/configuration.md).
struct ServiceOptions {
  std::optional<std::uint16_t> port;      // WEBSOCKET_PORT, 3100; 0 binds a free one, see UnifiedWebSocketService::port
  std::optional<std::string> host;        // 0.0.0.0
  std::optional<std::string> jwt_secret;  // JWT_SECRET
  std::optional<std::string> api_key;     // WEBSOCKET_API_KEY
  std::vector<std::string> cors_origins;  // empty: CORS_ORIGINS
  std::vector<NamespaceOptions> namespaces;
  std::optional<std::uint32_t> ping_interval_ms;  // WEBSOCKET_PING_INTERVAL, 30000
  std::optional<std::uint32_t> ping_timeout_ms;   // WEBSOCKET_PING_TIMEOUT, 5000
  std::optional<std::size_t> max_payload_size;    // WEBSOCKET_MAX_PAYLOAD_SIZE, 1048576 bytes
  std::optional<std::uint32_t> shards;            // one per core
  std::string service = "service";                // group of this process's handlers
  std::string config_file;                        // TOML; between the environment and these options
};

/// A connected client.
struct ConnectedClient {
  std::string id;
  std::string user_id, tenant_id, organization_id;
  std::vector<std::string> roles;
  std::vector<std::pair<std::string, std::vector<std::string>>> subscriptions;  // namespace, rooms
  std::int64_t connected_at_ms = 0, last_activity_ms = 0;                       // Unix time
};

/// What became of a broadcast.
struct BroadcastResult {
  std::optional<Error> error;
  std::string epoch;  // empty: nothing is kept of this event
  std::uint64_t offset = 0;
  bool queued = false;  // waits for the broker, or for start()
};

/// What a client answered to `ask`. Neither data nor error: understood, nothing to say.
struct ClientAnswer {
  std::string connection_id;  // ConnectedClient::id
  std::string user_id, tenant_id;
  std::string data;                      // JSON
  std::string more_args;                 // of a Socket.IO acknowledgement with several arguments: JSON texts joined by commas
  std::vector<std::string> attachments;  // binary parts that placeholders in the two name
  std::optional<Error> error;  // its own, or why there is no answer: TIMEOUT, UNAVAILABLE (it left), NO_HANDLER (it cannot)
};
using ClientAnswers = Result<std::vector<ClientAnswer>>;

/// An event that a client sent: `stream:start` in namespace `video` is `video:stream:start`.
struct ServiceEvent {
  std::string name;
  std::string data;  // a JSON object with the verified socketId, userId, tenantId, organizationId, roles in it
  std::string tenant_id;
};

/// What a handler answers. Neither: handled, nothing to say.
struct HandlerResult {
  std::string data;  // JSON
  std::optional<Error> error;
};

struct Metrics {
  std::uint64_t total_clients = 0;
  std::vector<std::pair<std::string, std::uint64_t>> namespaces;  // connected clients of each
};

/// Where a handler runs.
enum class RunOn : std::uint8_t {
  executor,  // a thread of the service's own; may block
  shard,     // `inline`: the client's shard; must not block, and costs no hand-over
};

/// Constructing starts no thread and opens nothing.
///
/// Errors:   start() returns them; broadcasts carry them in their result; handlers' exceptions become INTERNAL for the client.
/// Thread:   every call from any thread. Listeners run on the service's threads and must not block.
class UnifiedWebSocketService {
 public:
  explicit UnifiedWebSocketService(ServiceOptions options = {});
  virtual ~UnifiedWebSocketService();
  UnifiedWebSocketService(const UnifiedWebSocketService&) = delete;
  UnifiedWebSocketService& operator=(const UnifiedWebSocketService&) = delete;

  /// Idempotent.
  [[nodiscard]] Result<void> start();
  /// Drains within the window (ms; 5,000 unless said otherwise), then stops. Idempotent; start() works again after it.
  void stop(std::optional<std::uint32_t> drain_ms = std::nullopt);
  /// The bound port; 0 before start().
  [[nodiscard]] std::uint16_t port() const;

  /// `room`: a full name (tenant:t1, tenant:t1/camera:7, tenant:t1/user:u1), a public room, or user:<id> and org:<id>. `data` is
  /// JSON, passed on byte for byte. The future is ready when the broker accepted it. Before start() it is queued, at most 10,000.
  virtual std::future<BroadcastResult> broadcast(std::string_view ns, std::string_view room, std::string_view event,
                                                 std::string_view data);
  std::future<BroadcastResult> broadcast_to_tenant(std::string_view tenant_id, std::string_view ns, std::string_view event,
                                                   std::string_view data);
  /// Without `tenant_id`: inside a handler the tenant of its event; elsewhere the directory of connected users is asked, and two
  /// tenants with that id are an error.
  std::future<BroadcastResult> broadcast_to_user(std::string_view user_id, std::string_view ns, std::string_view event,
                                                 std::string_view data, std::string_view tenant_id = {});
  std::future<BroadcastResult> broadcast_to_organization(std::string_view organization_id, std::string_view ns,
                                                         std::string_view event, std::string_view data,
                                                         std::string_view tenant_id = {});
  std::future<BroadcastResult> broadcast_to_room(std::string_view tenant_id, std::string_view ns, std::string_view room,
                                                 std::string_view event, std::string_view data);
  std::future<BroadcastResult> broadcast_to_role(std::string_view tenant_id, std::string_view role, std::string_view ns,
                                                 std::string_view event, std::string_view data);

  /// Asks everybody in `room` (as of `broadcast`) and waits for an answer of each: native clients answer with `result`, Socket.IO
  /// clients by the acknowledgement (`emitWithAck`). Ready when all have answered or `timeout` (limits.ask_ms unless said) is over.
  /// Nobody there: an empty list. An error: nobody was asked. Nothing of it is kept for who comes later. Not to be waited for in a
  /// listener or a handler that runs on a shard: the answers come by that thread.
  std::future<ClientAnswers> ask(std::string_view ns, std::string_view room, std::string_view event, std::string_view data,
                                 std::optional<std::chrono::milliseconds> timeout = std::nullopt);
  /// The same of one connection: the `socketId` of a ServiceEvent, ConnectedClient::id.
  std::future<ClientAnswers> ask_client(std::string_view connection_id, std::string_view ns, std::string_view event,
                                        std::string_view data, std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  /// Handles a client event. `retryable`: may run twice when an instance dies.
  void on(std::string event, std::function<HandlerResult(const ServiceEvent&)> handler, RunOn where = RunOn::executor,
          bool retryable = false);
  void on_client_connected(std::function<void(const ConnectedClient&, const std::string& ns)> listener);
  void on_client_disconnected(
      std::function<void(const ConnectedClient&, const std::string& ns, const std::string& reason)> listener);
  /// Once per publication that the broker accepted; costs nothing without a listener. Set before start().
  void on_message_sent(std::function<void(const std::string& ns, const std::string& event)> listener);
  void on_error(std::function<void(const Error&)> listener);

  [[nodiscard]] std::vector<ConnectedClient> get_connected_clients() const;
  [[nodiscard]] std::vector<std::string> get_namespaces() const;
  [[nodiscard]] Metrics get_metrics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparc::websocket
