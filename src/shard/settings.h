#pragma once
// What a shard is told to be. One object for all shards of a node, immutable; a reload makes a new one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/identity.h"
#include "base/limits.h"
#include "base/publication.h"
#include "base/token_bucket.h"
#include "protocol/filter.h"
#include "protocol/socketio/packet.h"
#include "protocol/view.h"
#include "session/outbox.h"

namespace sparc::shard {

enum class RoomStrategy : std::uint8_t { identity, custom };  // custom: only the user's room
enum class Outage : std::uint8_t { deliver, hold };

/// How events of a pattern travel, and who may send them.
struct EventRule {
  std::string pattern;  // metrics:update
  std::optional<bool> history;
  bool is_volatile = false;
  bool latest = false;
  std::vector<std::string> latest_paths;  // where the key stands in the payload: member names or JSON pointers
  std::uint32_t ttl_ms = 0;
};

struct NamespaceSettings {
  std::string name;
  bool history = false;
  std::uint8_t priority = 10;  // lower is more urgent
  session::LanePolicy lane = session::LanePolicy::drop_oldest;
  std::size_t lane_bytes_max = 1'048'576;
  std::uint32_t batch_ms = 0;
  Rate user_rate;  // rateLimitOptions: per user in this namespace
  RoomStrategy room_strategy = RoomStrategy::identity;
  Outage outage = Outage::deliver;
  protocol::FilterVocabulary vocabulary;
  std::vector<EventRule> events;  // the first that matches

  [[nodiscard]] const EventRule* rule_for(std::string_view event) const;
  [[nodiscard]] bool has_latest() const;
};

/// A fixed identity for connections of a path that bring no token.
struct Anonymous {
  std::string path;
  Identity identity;
  std::vector<std::string> namespaces;
};

/// The Engine.IO and Socket.IO server that older clients find. The defaults are those of the reference.
struct SocketIoSettings {
  std::string path = "/socket.io/";  // every path that begins so
  std::uint32_t ping_interval_ms = 25'000;
  std::uint32_t ping_timeout_ms = 20'000;
  std::uint32_t upgrade_timeout_ms = 10'000;  // from the probe's WebSocket to its `5`
  std::uint32_t connect_timeout_ms = 45'000;  // a session without a namespace is closed
  std::size_t max_payload_bytes = 1'000'000;
  protocol::socketio::Parser parser = protocol::socketio::Parser::standard;
  std::uint32_t recovery_ms = 120'000;  // how long a client may be away and recover; 0: connection state recovery is off
  bool polling = true;                  // whether sessions may begin with long-polling
};

struct Settings {
  Limits limits;
  std::vector<NamespaceSettings> namespaces;  // by NamespaceId
  std::vector<std::string> public_rooms;      // system, announcements
  std::vector<Anonymous> anonymous;
  std::vector<protocol::View> views;  // the first that matches; none: old clients are not served
  SocketIoSettings socketio;
  std::vector<std::string> cors_origins;  // exact origins, or "*"
  std::string token_cookie;               // that may carry the token; empty: none
  std::uint32_t ping_interval_ms = 30'000;
  std::uint32_t ping_timeout_ms = 5'000;
  std::uint32_t token_expiring_ms = 60'000;  // told so long before a token expires
  std::uint32_t drain_ms = 5'000;
  bool dev_echo = false;
  bool log_access = false;
  bool deflate = false;
  std::size_t deflate_bytes_min = 256;  // shorter messages are sent as they are
  int deflate_window_bits = 12;

  [[nodiscard]] std::optional<NamespaceId> find_namespace(std::string_view name) const;
  [[nodiscard]] bool is_public_room(std::string_view name) const;
};

}  // namespace sparc::shard
