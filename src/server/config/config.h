#pragma once
// What an operator can set, as plain values. The table in options.cc says for each of them its key, environment variable, flag,
// unit, bounds and help; docs/configuration.md is made from it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "protocol/view.h"

namespace sparc::config {

enum class LanePolicy : std::uint8_t { automatic, catch_up, drop_oldest, conflate, disconnect };
enum class RoomStrategy : std::uint8_t { tenant, organization, custom };
enum class Outage : std::uint8_t { deliver, hold };
enum class CameraOwnership : std::uint8_t { automatic, off, if_known, required };
enum class LogLevel : std::uint8_t { debug, info, warn, error, off };
enum class LogFormat : std::uint8_t { text, json };

/// A name that clients use for a group of event patterns ("incidents" for "incident:*").
struct Topic {
  std::string name;
  std::vector<std::string> patterns;  // never empty after loading: an entry without patterns takes the topic away
};

/// A field that filters may name: the first of `paths` that the payload has is its value. A path is a member name, or a JSON
/// pointer when it begins with '/'.
struct FilterField {
  std::string name;
  std::vector<std::string> paths;  // never empty after loading: an entry without paths takes the field away
};

/// How events of a pattern travel, and who may send them. The first rule of a namespace that matches an event applies.
struct EventRule {
  std::string pattern;
  std::vector<std::string> latest;      // paths of the key of which only the newest value matters; empty: every event counts
  bool is_volatile = false;             // dropped for a connection where anything waits
  std::uint32_t ttl_ms = 0;             // 0: does not expire while it waits
  bool history = true;                  // false: never appended to the stream
  bool ownership = false;               // of the camera that the payload's cameraId names, where a client sends it
  std::vector<std::string> send_roles;  // of clients that may send it; empty: everybody in the namespace
};

struct Namespace {
  std::string name;
  bool enabled = true;  // always true after loading: the others are left out
  bool history = false;
  std::uint8_t priority = 10;                      // the higher goes first
  LanePolicy lane_policy = LanePolicy::automatic;  // after loading: catch_up with history, else drop_oldest, unless chosen
  std::size_t lane_bytes = 0;                      // 0: limits.lane_bytes_max
  std::uint32_t batch_max_delay_ms = 0;            // 0: what is pending leaves at the end of the loop's turn
  Rate rate_limit;                                 // client frames of one user in this namespace; 0 points: unlimited
  RoomStrategy room_strategy = RoomStrategy::tenant;
  std::vector<std::string> roles;  // that may join; empty: every authenticated identity
  Outage outage = Outage::hold;
  std::vector<Topic> topics;
  std::vector<FilterField> fields;
  std::vector<EventRule> events;
};

/// Who may join rooms of a pattern. The first rule that matches (namespace, room) applies; without one: FORBIDDEN.
struct RoomRule {
  std::string ns = "*";  // a namespace, or "*" for every one
  std::string pattern;
  bool enabled = true;             // always true after loading
  std::vector<std::string> roles;  // empty: every role of the tenant
  bool ownership = false;          // the id after the colon is a camera whose owner is checked
  bool presence = false;
  bool history = true;  // false: events addressed to such rooms are not appended
};

/// What somebody without a token is on a path.
struct Anonymous {
  std::string path;
  std::string tenant;
  std::vector<std::string> roles;
  std::vector<std::string> namespaces;  // never empty after loading
};

struct ApiKey {
  std::string name;
  std::string key;                  // secret
  std::vector<std::string> scopes;  // publish, read, disconnect, rollout, handle
  std::string tenant;               // empty: every tenant
};

/// Where the keys come from that tokens are verified with.
struct TokenKeys {
  std::string secret;                         // HMAC; empty: none
  std::vector<std::string> public_key_files;  // PEM
  std::string jwks_url;
  std::string jwks_file;
  std::uint32_t jwks_refresh_ms = 600'000;
  std::vector<std::string> audience;  // empty: not looked at
  std::string issuer;                 // empty: not looked at
  std::uint32_t leeway_ms = 5'000;    // for exp, nbf and iat

  [[nodiscard]] bool any() const {
    return !secret.empty() || !public_key_files.empty() || !jwks_url.empty() || !jwks_file.empty();
  }
};

/// What a user's token must say, and under which names; the first claim that is present wins.
struct TokenClaims {
  std::vector<std::string> user_id{"userId"};
  std::vector<std::string> tenant_id{"tenantId"};
  std::vector<std::string> organization_id{"organizationId"};
  std::vector<std::string> roles{"roles"};
  std::vector<std::string> audiences;  // one of them must be in `aud`; empty: not looked at
  std::vector<std::string> issuers;    // one of them must be `iss`; empty: not looked at
  bool expiry_required = false;        // false: a token without `exp` never expires
};

/// One of the three old services: where it still runs, and what its clients are when they have no token.
struct LegacyService {
  std::string url;
  std::string anonymous_tenant;  // empty: a client without a token is refused
};

enum class SocketIoParser : std::uint8_t { standard, msgpack };

/// The Engine.IO and Socket.IO server of older clients. The defaults are those of the reference.
struct SocketIo {
  std::string path = "/socket.io/";  // every path that begins so
  std::uint32_t ping_interval_ms = 25'000;
  std::uint32_t ping_timeout_ms = 20'000;
  std::uint32_t upgrade_timeout_ms = 10'000;
  std::uint32_t connect_timeout_ms = 45'000;
  std::size_t max_payload_bytes = 1'000'000;
  SocketIoParser parser = SocketIoParser::standard;
  std::uint32_t recovery_ms = 120'000;  // 0: off
  bool polling = true;
};

struct Config {
  // listening
  std::string host = "0.0.0.0";
  std::uint16_t port = 3100;  // 0: a free one
  std::string admin_host = "127.0.0.1";
  std::optional<std::uint16_t> admin_port;  // a second address for /api, /admin and /metrics; absent: they are on `port`
  std::uint32_t shards = 0;                 // 0: as many as cores
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::vector<std::string> trusted_proxies;  // addresses or networks (CIDR)
  std::vector<std::string> cors_origins;     // beside the same host; "*" for any

  // connections
  std::uint32_t ping_interval_ms = 30'000;
  std::uint32_t ping_timeout_ms = 5'000;
  std::uint32_t token_expiring_s = 60;  // how long before a token's end its connection is told
  bool deflate_enabled = false;
  std::size_t deflate_threshold_bytes = 1'024;
  std::uint8_t deflate_window_bits = 12;
  std::uint32_t drain_ms = 5'000;

  // identity
  TokenKeys jwt;
  TokenClaims claims;
  std::string token_cookie;  // a cookie that may carry the token; empty: none
  TokenKeys service_jwt;     // their tokens have the audience sparc-service
  std::string api_key;       // secret; all scopes, every tenant
  std::vector<ApiKey> api_keys;
  std::vector<Anonymous> anonymous;
  CameraOwnership camera_ownership = CameraOwnership::automatic;  // after loading: off without Redis, required with it

  // what there is
  std::vector<Namespace> namespaces;
  std::vector<RoomRule> rooms;
  std::vector<std::string> public_rooms;

  // older clients
  std::vector<protocol::View> views;  // the first that matches
  SocketIo socketio;

  // where publications go
  std::string redis_url;      // secret; empty: in memory
  std::string snapshot_file;  // the memory broker's state over a restart; empty: none

  // migration
  bool use_unified = true;
  bool legacy_enabled = true;  // whether the old clients' paths are served
  LegacyService legacy_alerts;
  LegacyService legacy_monitoring;
  LegacyService legacy_video;

  // operation
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  bool log_access = false;
  bool dev_keys = false;  // well-known keys where none are set, on a loopback address only
  bool dev_echo = false;  // /echo, and an event `echo` that the server answers itself

  Limits limits;
};

/// What the server does when nothing is configured: namespaces video, alerts and monitoring with their topics, fields and rules.
[[nodiscard]] Config shipped_defaults();

/// The keys of `dev_keys`. Everybody knows them.
inline constexpr std::string_view dev_jwt_secret = "sparc-development-secret-that-everybody-knows";
inline constexpr std::string_view dev_api_key = "sparc-development-api-key";

}  // namespace sparc::config
