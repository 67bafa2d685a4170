#include "server/config/options.h"

#include "server/config/checks.h"
#include "server/config/names.h"
#include "server/config/records.h"
#include "server/config/view_rows.h"

namespace sparc::config {
namespace {

Fields listening() {
  return {
      field<&Config::host>("host", "The address that clients connect to.").checked(check_host),
      field<&Config::port>("port", "Its port; 0: a free one, which the `listening` line names."),
      field<&Config::admin_host>("admin.host", "The address of `admin.port`.").checked(check_host),
      field<&Config::admin_port>(
          "admin.port", "A port of its own for `/api`, `/admin` and `/metrics`, which then are not on `port`; 0: a free one."),
      field<&Config::shards>("shards", "Threads that serve connections; 0: one per core.").at_most(64),
      field<&Config::tls_certificate_file>("tls.certificate_file", "PEM chain; with `tls.key_file`, `port` speaks TLS."),
      field<&Config::tls_key_file>("tls.key_file", "PEM private key of the certificate."),
      field<&Config::trusted_proxies>("trusted_proxies", "Addresses or networks whose `X-Forwarded-For` is believed.")
          .checked(check_network),
      field<&Config::cors_origins>(
          "cors_origins", "Origins that browsers may connect from, beside the host itself and clients that send none; `*`: any.")
          .checked(check_origin)
          .variable("CORS_ORIGINS"),
  };
}

Fields connections() {
  return {
      field<&Config::ping_interval_ms>("ping_interval_ms", "How often a quiet connection is asked for a sign of life.")
          .in("milliseconds")
          .at_least(10)
          .variable("WEBSOCKET_PING_INTERVAL"),
      field<&Config::ping_timeout_ms>("ping_timeout_ms", "How long it has to give one before it is closed.")
          .in("milliseconds")
          .at_least(10)
          .variable("WEBSOCKET_PING_TIMEOUT"),
      field<&Config::token_expiring_s>("token_expiring_s", "How long before its token ends a connection is told.")
          .in("seconds")
          .at_most(86'400),
      field<&Config::deflate_enabled>("deflate.enabled", "Whether clients may have their messages compressed (RFC 7692)."),
      field<&Config::deflate_threshold_bytes>("deflate.threshold_bytes", "Smaller messages go as they are.").in("bytes"),
      field<&Config::deflate_window_bits>("deflate.window_bits",
                                          "Window of the compressors: more is smaller messages and more memory per thread.")
          .in("bits")
          .between(9, 15),
      field<&Config::drain_ms>("drain_ms", "Within this, a stopping server asks its clients to go elsewhere.")
          .in("milliseconds")
          .at_most(3'600'000),
  };
}

/// Where the keys of a kind of token come from.
template <auto Keys>
Fields token_keys(const std::string& prefix) {
  return {
      field<Keys, &TokenKeys::secret>(prefix + ".secret", "Verifies HS256, HS384 and HS512. Under 32 bytes there is a warning.")
          .kept_secret(),
      field<Keys, &TokenKeys::public_key_files>(prefix + ".public_key_files", "PEM files: RSA, EC or Ed25519 public keys."),
      field<Keys, &TokenKeys::jwks_url>(prefix + ".jwks_url", "A key set (RFC 7517) that is fetched and refreshed.")
          .checked(check_http_url),
      field<Keys, &TokenKeys::jwks_file>(prefix + ".jwks_file", "A key set in a file."),
      field<Keys, &TokenKeys::jwks_refresh_ms>(prefix + ".jwks_refresh_ms", "How often the key set is fetched.")
          .in("milliseconds")
          .at_least(1'000),
      field<Keys, &TokenKeys::leeway_ms>(prefix + ".leeway_ms", "How far clocks may differ.").in("milliseconds").at_most(600'000),
  };
}

Fields user_tokens() {
  Fields fields = token_keys<&Config::jwt>("jwt");
  fields.front().variable("JWT_SECRET");
  fields.insert(
      fields.end(),
      {
          field<&Config::claims, &TokenClaims::user_id>("jwt.claims.user_id",
                                                        "Claims that name the user, the first present wins."),
          field<&Config::claims, &TokenClaims::tenant_id>("jwt.claims.tenant_id", "The same for the tenant."),
          field<&Config::claims, &TokenClaims::organization_id>("jwt.claims.organization_id", "The same for the organization."),
          field<&Config::claims, &TokenClaims::roles>("jwt.claims.roles", "The same for the roles."),
          field<&Config::claims, &TokenClaims::audiences>("jwt.audience",
                                                          "A token's `aud` must have one of these; empty: not looked at."),
          field<&Config::claims, &TokenClaims::issuers>("jwt.issuer",
                                                        "A token's `iss` must be one of these; empty: not looked at."),
          field<&Config::claims, &TokenClaims::expiry_required>("jwt.expiry_required",
                                                                "Whether a token without `exp` is refused."),
          field<&Config::token_cookie>("jwt.cookie", "A cookie that may carry the token; empty: none.").checked(check_cookie),
      });
  return fields;
}

Fields services() {
  Fields fields = token_keys<&Config::service_jwt>("service_jwt");
  fields.insert(fields.begin(), {
                                    field<&Config::api_key>("api_key", "A key with all scopes for every tenant.")
                                        .checked(check_api_key)
                                        .kept_secret()
                                        .variable("WEBSOCKET_API_KEY"),
                                    field<&Config::api_keys>("api_keys", "Keys of services."),
                                });
  return fields;
}

Fields access() {
  return {
      field<&Config::anonymous>("anonymous", "Paths where a connection without a token has an identity."),
      field<&Config::camera_ownership>(
          "camera_ownership",
          "Whether a camera must be known to belong to the tenant; `automatic`: `off` without Redis, `required` with it.")
          .variable("WEBSOCKET_CAMERA_OWNERSHIP"),
  };
}

Fields content() {
  return {
      field<&Config::namespaces>("namespaces", "Merged over the shipped `video`, `alerts` and `monitoring` by name."),
      field<&Config::rooms>("rooms", "Who may join which rooms; the first that matches applies, yours before the shipped ones."),
      field<&Config::public_rooms>("public_rooms", "Rooms of every tenant and namespace, without history.").checked(check_room),
  };
}

Fields older_clients() {
  using IO = SocketIo;
  const auto ms = [](Field field) { return field.in("milliseconds").at_least(1); };
  return {
      field<&Config::views>(
          "views",
          "How older clients see namespaces; the first that matches applies, yours before the shipped ones, over which "
          "they are merged by name."),
      field<&Config::socketio, &IO::path>("socketio.path", "Where Socket.IO clients connect: every path that begins so.")
          .checked(check_path),
      ms(field<&Config::socketio, &IO::ping_interval_ms>("socketio.ping_interval_ms", "How often Socket.IO clients are pinged.")),
      ms(field<&Config::socketio, &IO::ping_timeout_ms>("socketio.ping_timeout_ms",
                                                        "How long they have to answer before they are closed.")),
      ms(field<&Config::socketio, &IO::upgrade_timeout_ms>("socketio.upgrade_timeout_ms",
                                                           "How long the change from long-polling to WebSocket may take.")),
      ms(field<&Config::socketio, &IO::connect_timeout_ms>("socketio.connect_timeout_ms",
                                                           "A session that has joined no namespace within this is closed.")),
      field<&Config::socketio, &IO::max_payload_bytes>(
          "socketio.max_payload_bytes",
          "One packet with its attachments, and a poll's body; never above `limits.message_bytes_max`.")
          .in("bytes")
          .between(1, 1'073'741'824),
      field<&Config::socketio, &IO::parser>("socketio.parser", "`msgpack`: of clients that use `socket.io-msgpack-parser`."),
      field<&Config::socketio, &IO::recovery_ms>(
          "socketio.recovery_ms", "How long a client may be away and get what it missed; 0: connection state recovery is off.")
          .in("milliseconds"),
      field<&Config::socketio, &IO::polling>("socketio.polling", "Whether they may connect by long-polling."),
  };
}

Fields broker() {
  return {
      field<&Config::redis_url>("redis_url", "Joins the nodes of a cluster; empty: this node alone, in memory.")
          .checked(check_redis_url)
          .kept_secret()
          .variable("REDIS_URL"),
      field<&Config::snapshot_file>("snapshot_file", "Keeps what is in memory over a restart; empty: it is lost."),
  };
}

template <auto Service>
void append_legacy(Fields& fields, const std::string& prefix) {
  fields.insert(
      fields.end(),
      {
          field<Service, &LegacyService::url>(prefix + ".url", "Where the old service runs.").checked(check_http_url),
          field<Service, &LegacyService::anonymous_tenant>(
              prefix + ".anonymous_tenant", "The tenant of its old clients that have no token; empty: they are refused.")
              .checked(check_id),
      });
}

Fields migration() {
  Fields fields = {
      field<&Config::use_unified>("use_unified",
                                  "`false` hands clients to the old services, whose `legacy.<service>.url` it needs.")
          .variable("USE_UNIFIED_WEBSOCKET"),
      field<&Config::legacy_enabled>("legacy.enabled", "Whether the old clients' paths and protocols are served."),
  };
  append_legacy<&Config::legacy_alerts>(fields, "legacy.alerts");
  append_legacy<&Config::legacy_monitoring>(fields, "legacy.monitoring");
  append_legacy<&Config::legacy_video>(fields, "legacy.video");
  return fields;
}

Fields operation() {
  return {
      field<&Config::log_level>("log.level", "What is logged at least."),
      field<&Config::log_format>("log.format", "One line each, for people or for programs."),
      field<&Config::log_access>("log.access", "Whether connections and requests are logged."),
      field<&Config::dev_keys>("dev_keys",
                               "Keys that everybody knows where none are set. Refused unless `host` is a loopback address, which "
                               "it is by default then."),
      field<&Config::dev_echo>("dev.echo",
                               "Every message on /echo comes back as it came, without a token, and every namespace answers the "
                               "event `echo` with its data: for conformance suites and benchmarks."),
  };
}

std::string upper_with_underscores(std::string_view key) {
  std::string out;
  for (char c : key) out += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string with_dashes(std::string_view key) {
  std::string out;
  for (char c : key) out += c == '.' || c == '_' ? '-' : c;
  return out;
}

std::vector<Option> make_options() {
  const std::pair<std::string_view, Fields> groups[] = {
      {"Listening", listening()},         {"Connections", connections()}, {"User tokens", user_tokens()},
      {"Services", services()},           {"Access", access()},           {"Namespaces and rooms", content()},
      {"Older clients", older_clients()}, {"Broker", broker()},           {"Migration", migration()},
      {"Operation", operation()},         {"Limits", limits()},
  };
  std::vector<Option> out;
  for (const auto& [group, fields] : groups) {
    for (const auto& field : fields) {
      std::string variable =
          field.meta.variable.empty() ? "WEBSOCKET_" + upper_with_underscores(field.name) : std::string(field.meta.variable);
      out.push_back({group, field, std::move(variable), "--" + with_dashes(field.name)});
    }
  }
  return out;
}

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> table = make_options();
  return table;
}

const Option* find_option(std::string_view key) {
  for (const auto& option : options()) {
    if (option.field.name == key) return &option;
  }
  return nullptr;
}

const Fields& config_fields() {
  static const Fields fields = [] {
    Fields out;
    for (const auto& option : options()) out.push_back(option.field);
    return out;
  }();
  return fields;
}

}  // namespace sparc::config
