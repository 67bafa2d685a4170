#include "server/mapping.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "auth/scopes.h"

namespace sparc::server {
namespace {

session::LanePolicy lane_of(const config::Namespace& ns) {
  switch (ns.lane_policy) {
    case config::LanePolicy::catch_up: return session::LanePolicy::catch_up;
    case config::LanePolicy::drop_oldest: return session::LanePolicy::drop_oldest;
    case config::LanePolicy::conflate: return session::LanePolicy::conflate;
    case config::LanePolicy::disconnect: return session::LanePolicy::disconnect;
    case config::LanePolicy::automatic: break;
  }
  return ns.history ? session::LanePolicy::catch_up : session::LanePolicy::drop_oldest;
}

shard::NamespaceSettings namespace_of(const config::Namespace& from, const Limits& limits) {
  shard::NamespaceSettings to;
  to.name = from.name;
  to.history = from.history;
  to.priority = static_cast<std::uint8_t>(255 - from.priority);  // there the higher, here the lower goes first
  to.lane = lane_of(from);
  to.lane_bytes_max = from.lane_bytes != 0 ? from.lane_bytes : limits.lane_bytes_max;
  to.batch_ms = from.batch_max_delay_ms;
  to.user_rate = from.rate_limit;
  to.room_strategy =
      from.room_strategy == config::RoomStrategy::custom ? shard::RoomStrategy::custom : shard::RoomStrategy::identity;
  to.outage = from.outage == config::Outage::deliver ? shard::Outage::deliver : shard::Outage::hold;
  for (const auto& topic : from.topics) to.vocabulary.topics.push_back({topic.name, topic.patterns});
  for (const auto& field : from.fields) to.vocabulary.fields.push_back({field.name, field.paths});
  for (const auto& rule : from.events) {
    to.events.push_back({rule.pattern, rule.history ? std::nullopt : std::optional<bool>(false), rule.is_volatile,
                         !rule.latest.empty(), rule.latest, rule.ttl_ms});
  }
  return to;
}

shard::SocketIoSettings socketio_of(const config::SocketIo& from, std::size_t message_bytes_max) {
  shard::SocketIoSettings to;
  to.path = from.path;
  to.ping_interval_ms = from.ping_interval_ms;
  to.ping_timeout_ms = from.ping_timeout_ms;
  to.upgrade_timeout_ms = from.upgrade_timeout_ms;
  to.connect_timeout_ms = from.connect_timeout_ms;
  to.max_payload_bytes = std::min<std::size_t>(from.max_payload_bytes, message_bytes_max);  // as a body and a message it has both
  to.parser =
      from.parser == config::SocketIoParser::msgpack ? protocol::socketio::Parser::msgpack : protocol::socketio::Parser::standard;
  to.recovery_ms = from.recovery_ms;
  to.polling = from.polling;
  return to;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("cannot read key file " + path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<void> add_keys(auth::KeySetBuilder& builder, auth::KeyPurpose purpose, const config::TokenKeys& keys,
                      const std::vector<std::string>& documents) {
  if (!keys.secret.empty()) {
    if (auto added = builder.add_secret(purpose, keys.secret); !added) return added;
  }
  for (const std::string& file : keys.public_key_files) {
    auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    if (auto added = builder.add_pem(purpose, *text); !added) return fail(file + ": " + added.error().message);
  }
  for (const std::string& document : documents) {
    if (auto added = builder.add_jwks(purpose, document); !added) return added;
  }
  return {};
}

/// What older clients know the refusal of a shipped rule by, while its roles are the shipped ones.
std::string refusal_of(const std::string& ns, const config::EventRule& rule) {
  for (auth::EventRule& shipped : auth::shipped_events()) {
    if (shipped.ns == ns && shipped.pattern == rule.pattern && shipped.roles == rule.send_roles)
      return std::move(shipped.refusal);
  }
  return {};
}

Result<std::shared_ptr<const auth::Policy>> policy_of(const config::Config& config) {
  auth::PolicyConfig policy;
  policy.public_rooms = config.public_rooms;
  policy.shipped_rules = false;  // the configuration's defaults have them
  switch (config.camera_ownership) {
    case config::CameraOwnership::required: policy.ownership = auth::OwnershipMode::required; break;
    case config::CameraOwnership::if_known: policy.ownership = auth::OwnershipMode::if_known; break;
    case config::CameraOwnership::automatic:
    case config::CameraOwnership::off: policy.ownership = auth::OwnershipMode::off; break;
  }
  for (const config::Namespace& ns : config.namespaces) {
    if (!ns.roles.empty()) policy.namespaces.push_back({ns.name, ns.roles});
    for (const config::EventRule& rule : ns.events) {
      if (!rule.send_roles.empty() || rule.ownership)
        policy.events.push_back({ns.name, rule.pattern, rule.send_roles, rule.ownership, refusal_of(ns.name, rule)});
    }
  }
  for (auth::EventRule& rule : auth::shipped_events()) policy.events.push_back(std::move(rule));
  for (const config::RoomRule& rule : config.rooms) {
    policy.rooms.push_back({rule.ns, rule.pattern, rule.roles, rule.ownership, rule.presence, rule.history});
  }
  return auth::Policy::make(std::move(policy));
}

}  // namespace

std::shared_ptr<const shard::Settings> settings_of(const config::Config& config, std::uint16_t shards) {
  auto out = std::make_shared<shard::Settings>();
  out->limits = config.limits;
  // What is a node's is divided: the kernel spreads connections evenly over the shards.
  auto share = [shards](auto whole) { return whole == 0 ? whole : std::max<decltype(whole)>(1, (whole + shards - 1) / shards); };
  out->limits.node_handshakes.points = share(config.limits.node_handshakes.points);
  out->limits.address_handshakes.points = share(config.limits.address_handshakes.points);
  out->limits.outbox_node_bytes_max = share(config.limits.outbox_node_bytes_max);
  out->token_cookie = config.token_cookie;
  for (const config::Namespace& ns : config.namespaces) out->namespaces.push_back(namespace_of(ns, config.limits));
  out->public_rooms = config.public_rooms;
  for (const config::Anonymous& a : config.anonymous) {
    Identity identity;
    identity.user_id = "anonymous";
    identity.tenant_id = a.tenant;
    identity.roles = Roles(a.roles);
    identity.anonymous = true;
    out->anonymous.push_back({a.path, std::move(identity), a.namespaces});
  }
  out->views = config.views;
  out->socketio = socketio_of(config.socketio, config.limits.message_bytes_max);
  out->cors_origins = config.cors_origins;
  out->ping_interval_ms = config.ping_interval_ms;
  out->ping_timeout_ms = config.ping_timeout_ms;
  out->token_expiring_ms = config.token_expiring_s * 1000;
  out->drain_ms = config.drain_ms;
  out->dev_echo = config.dev_echo;
  out->log_access = config.log_access;
  out->deflate = config.deflate_enabled;
  out->deflate_bytes_min = config.deflate_threshold_bytes;
  out->deflate_window_bits = config.deflate_window_bits;
  return out;
}

broker::MemoryBrokerSettings broker_settings_of(const config::Config& config, const shard::Settings& settings,
                                                std::uint16_t shards) {
  broker::MemoryBrokerSettings out;
  out.shards = shards;
  out.limits = config.limits;
  for (const shard::NamespaceSettings& ns : settings.namespaces) {
    broker::NamespaceBrokerSettings to;
    to.name = ns.name;
    to.history = ns.history;
    out.namespaces.push_back(std::move(to));
  }
  return out;
}

Result<shard::Authority> authority_of(const config::Config& config, const KeyDocuments& documents,
                                      std::vector<std::string>& warnings) {
  shard::Authority out;
  auth::KeySetBuilder builder;
  if (auto added = add_keys(builder, auth::KeyPurpose::user, config.jwt, documents.user); !added)
    return std::unexpected(added.error());
  if (auto added = add_keys(builder, auth::KeyPurpose::service, config.service_jwt, documents.service); !added) {
    return std::unexpected(added.error());
  }
  warnings.insert(warnings.end(), builder.warnings().begin(), builder.warnings().end());
  out.keys = builder.build();

  auto claims = std::make_shared<auth::ClaimRules>();
  claims->user_id = config.claims.user_id;
  claims->tenant_id = config.claims.tenant_id;
  claims->organization_id = config.claims.organization_id;
  claims->roles = config.claims.roles;
  claims->leeway_ms = config.jwt.leeway_ms;
  claims->audiences = config.claims.audiences;
  claims->issuers = config.claims.issuers;
  claims->expiry_required = config.claims.expiry_required;
  out.claims = std::move(claims);

  std::vector<auth::ApiKeyConfig> keys;
  if (!config.api_key.empty()) keys.push_back({"WEBSOCKET_API_KEY", config.api_key, auth::all_scopes, ""});
  for (const config::ApiKey& key : config.api_keys) {
    std::uint8_t scopes = 0;
    for (const std::string& name : key.scopes) {
      if (const auto scope = auth::scope_named(name)) scopes |= static_cast<std::uint8_t>(*scope);
    }
    keys.push_back({key.name, key.key, scopes, key.tenant});
  }
  auto api_keys = auth::ApiKeys::make(keys, warnings);
  if (!api_keys) return std::unexpected(api_keys.error());
  out.api_keys = std::make_shared<const auth::ApiKeys>(std::move(*api_keys));

  auto policy = policy_of(config);
  if (!policy) return std::unexpected(policy.error());
  out.policy = std::move(*policy);
  return out;
}

}  // namespace sparc::server
