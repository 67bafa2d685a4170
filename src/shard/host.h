#pragma once
// What lies beyond a shard: the sockets below it, the node around it. Drivers (server, simulator, fuzzer, addon) implement these.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/codes.h"
#include "base/identity.h"
#include "base/ip_address.h"
#include "base/publication.h"
#include "base/slab.h"
#include "http/request_parser.h"
#include "protocol/command.h"
#include "shard/asks.h"

namespace sparc::shard {

/// Where a connection comes from.
struct Peer {
  IpAddress address;
  bool exempt = false;  // loopback or a trusted proxy: no limit per source
  bool proxy = false;   // a trusted one: its X-Forwarded-For is believed
  bool admin = false;   // came by the operators' address: served while draining
};

/// The sockets. Calls on the shard's thread.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Bytes taken, at once or into a record under way; fewer than given: on_writable follows. Negative: the connection is broken.
  virtual std::ptrdiff_t send(std::uint32_t slot, std::string_view bytes) = 0;
  /// Closes the socket after what was sent; no callback follows. The slot may be used again.
  virtual void close(ConnectionId id) = 0;
  /// Ends the sending side behind what was sent; reading goes on, so that a last answer survives bytes that the peer still sends.
  virtual void finish(ConnectionId id) { (void)id; }
  virtual void pause_reading(ConnectionId id) = 0;
  virtual void resume_reading(ConnectionId id) = 0;
  /// Gives the socket to another shard, which goes on with `bytes` as if they had just come; the slot is free then. False: it stays.
  [[nodiscard]] virtual bool hand_over(ConnectionId id, std::uint16_t shard, std::string bytes) {
    (void)id, (void)shard, (void)bytes;
    return false;
  }
};

/// An event that a client sent, for the services.
struct ClientEvent {
  ConnectionId connection;
  std::optional<std::int64_t> request;  // who waits for a reply; absent: nobody
  NamespaceId ns = 0;
  std::string name;  // video:stream:start
  std::string data;  // a JSON object with the verified identity in it
  std::vector<std::string> attachments;
  std::string tenant;
};

/// The answer to a client event. Neither: handled, nothing to say.
struct EventAnswer {
  std::string data;
  std::optional<Fault> fault;
  std::vector<std::string> attachments = {};  // what placeholders in `data` name
};

/// A connection in a namespace, as hooks and lists show it.
struct ClientInfo {
  std::string id;
  std::string user_id, tenant_id, organization_id;
  std::vector<std::string> roles;
  std::vector<std::pair<std::string, std::vector<std::string>>> subscriptions;  // namespace, rooms
  std::int64_t connected_ms = 0, last_activity_ms = 0;
  std::string address;
};

struct PresenceEntry {
  std::string user_id;
  std::uint32_t connections = 0;
  std::int64_t since_ms = 0;
};

/// A handler that runs on the shard's thread: must not block. Nothing: not handled here.
using InlineHandler = std::function<std::optional<EventAnswer>(const ClientEvent&)>;

/// The node. Calls on the shard's thread; answers come through the shard's methods, at once or later.
class Host {
 public:
  virtual ~Host() = default;
  /// A request that is no WebSocket upgrade. Answered by Shard::respond with the same `exchange`. The request is valid during the call.
  virtual void on_request(ConnectionId id, std::uint64_t exchange, const http::Request& request) = 0;
  /// The client behind a trusted proxy, by its X-Forwarded-For; nothing: not said.
  [[nodiscard]] virtual std::optional<Peer> forwarded(Headers headers) {
    (void)headers;
    return std::nullopt;
  }
  /// The connection has an identity: may the tenant have one more? Every grant is given back by `release`.
  [[nodiscard]] virtual std::expected<void, Fault> admit(const Identity& identity) = 0;
  virtual void release(const Identity& identity) = 0;
  [[nodiscard]] virtual bool revoked(const Identity& identity) = 0;
  /// A token was signed by a key that is not known. True: keys are being fetched, Shard::keys_changed will follow.
  [[nodiscard]] virtual bool refresh_keys() = 0;

  [[nodiscard]] virtual const InlineHandler* inline_handler(std::string_view event) = 0;
  /// Answered by Shard::answer_event where `event.request` is set.
  virtual void client_event(ClientEvent event) = 0;
  /// `done` runs on this shard's thread, with what forbade some of the events.
  using Handled = std::move_only_function<void(std::optional<Fault>)>;
  virtual void service_handle(ConnectionId id, const ServiceIdentity& service, protocol::Handle handle, Handled done) = 0;
  virtual void service_result(ConnectionId id, protocol::Result result) = 0;
  virtual void service_gone(ConnectionId id) = 0;
  /// Every shard of the node is asked for the recipients (Shard::recipients), then told to ask them (Shard::ask_clients). `done`
  /// runs on this shard's thread, when each has answered.
  virtual void ask(ClientAsk ask, AskDone done) = 0;
  /// A client of this shard answered, or is not going to: exactly once for each that Shard::ask_clients was told.
  virtual void answered(const AskPlace& place, ClientAnswer answer) = 0;
  /// A user's connection ended: its events need no order any more.
  virtual void client_gone(ConnectionId id) { (void)id; }
  virtual void service_watch(ConnectionId id, const ServiceIdentity& service, bool connected, bool disconnected) = 0;

  virtual void client_connected(const ClientInfo& client, NamespaceId ns) = 0;
  virtual void client_disconnected(const ClientInfo& client, NamespaceId ns, std::string_view reason) = 0;
  virtual void message_sent(NamespaceId ns, std::string_view event) = 0;
  /// Who is in a room on every shard of the node. `done` runs on this shard's thread.
  virtual void presence(StreamKey stream, std::string room, std::move_only_function<void(std::vector<PresenceEntry>)> done) = 0;

  /// A request as the log tells it: never its query, which may hold a token.
  struct Access {
    std::string address;  // of the client, also behind a trusted proxy
    std::string method;
    std::string path;
  };
  /// When a request is answered; only with `Settings::log_access`.
  virtual void access(const Access& asked, std::string_view status) = 0;
  /// Something that an auditor wants to know: refused rooms, refused tokens, evictions, cross-tenant attempts.
  virtual void audit(std::string_view what, const Peer& peer, const Identity& identity, std::string_view detail) = 0;
};

}  // namespace sparc::shard
