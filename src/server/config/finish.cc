#include "server/config/finish.h"

#include <algorithm>
#include <set>

#include "base/pattern.h"
#include "server/config/checks.h"
#include "server/config/views.h"

namespace sparc::config {
namespace {

constexpr std::size_t namespaces_max = 64;
constexpr std::size_t secret_bytes_advised = 32;
constexpr std::size_t api_key_bytes_advised = 16;

class Finisher {
 public:
  Finisher(Loaded& loaded, std::vector<Problem>& problems) : loaded_(loaded), config_(loaded.config), problems_(problems) {}

  void run() {
    settle();
    loaded_.stated = config_;
    leave_out_what_is_off();
    check_namespaces();
    check_rooms();
    check_views(config_, [this](std::string message) { fault("views", std::move(message)); });
    check_anonymous();
    check_transport();
    check_migration();
    check_keys();
  }

 private:
  void fault(const std::string& key, std::string message) {
    const auto origin = loaded_.origins.find(key);
    problems_.push_back({origin == loaded_.origins.end() ? "" : origin->second, key, std::move(message)});
  }

  void settle() {
    if (config_.dev_keys) use_development_keys();
    if (config_.camera_ownership == CameraOwnership::automatic) {
      config_.camera_ownership = config_.redis_url.empty() ? CameraOwnership::off : CameraOwnership::required;
    }
    for (auto& ns : config_.namespaces) {
      if (ns.lane_policy != LanePolicy::automatic) continue;
      ns.lane_policy = ns.history ? LanePolicy::catch_up : LanePolicy::drop_oldest;
    }
    settle_anonymous_tenants(config_, [this](std::string key, std::string message) { fault(key, std::move(message)); });
  }

  void leave_out_what_is_off() {
    leave_out_views_that_are_off(config_);
    std::erase_if(config_.namespaces, [](const Namespace& ns) { return !ns.enabled; });
    std::erase_if(config_.rooms, [](const RoomRule& rule) { return !rule.enabled; });
    for (auto& ns : config_.namespaces) {
      std::erase_if(ns.topics, [](const Topic& topic) { return topic.patterns.empty(); });
      std::erase_if(ns.fields, [](const FilterField& field) { return field.paths.empty(); });
    }
  }

  [[nodiscard]] bool has_namespace(const std::string& name) const {
    return std::any_of(config_.namespaces.begin(), config_.namespaces.end(),
                       [&](const Namespace& ns) { return ns.name == name; });
  }

  void check_namespaces() {
    if (config_.namespaces.empty()) fault("namespaces", "at least one must be enabled");
    if (config_.namespaces.size() > namespaces_max) fault("namespaces", "at most " + std::to_string(namespaces_max));
    for (const auto& ns : config_.namespaces) {
      if (ns.name.empty()) fault("namespaces", "a name is empty");
      if (ns.lane_policy == LanePolicy::catch_up && !ns.history) {
        fault("namespaces", "\"" + ns.name + "\": lane.policy catch-up needs history = true, from which it catches up");
      }
    }
  }

  void check_rooms() {
    for (const auto& rule : config_.rooms) {
      if (rule.pattern.empty()) fault("rooms", "a pattern is empty");
      if (rule.ns != "*" && !has_namespace(rule.ns)) {
        fault("rooms", "\"" + rule.pattern + "\": there is no namespace \"" + rule.ns + "\"");
      }
    }
    for (const auto& room : config_.public_rooms) {
      for (const char* reserved : {"tenant:", "org:", "user:", "role:"}) {
        if (room.starts_with(reserved)) fault("public_rooms", "\"" + room + "\": " + reserved + " is kept for identities");
      }
    }
  }

  void check_anonymous() {
    for (const auto& identity : config_.anonymous) {
      if (identity.path.empty() || identity.tenant.empty()) fault("anonymous", "path and tenant must not be empty");
      if (identity.namespaces.empty()) fault("anonymous", "\"" + identity.path + "\": namespaces must name at least one");
      for (const auto& ns : identity.namespaces) {
        if (!has_namespace(ns)) fault("anonymous", "\"" + identity.path + "\": there is no namespace \"" + ns + "\"");
      }
    }
  }

  void check_transport() {
    if (config_.tls_certificate_file.empty() != config_.tls_key_file.empty()) {
      fault(config_.tls_key_file.empty() ? "tls.key_file" : "tls.certificate_file",
            "is missing: TLS needs the certificate and its key");
    }
    if (config_.admin_port && config_.port != 0 && *config_.admin_port == config_.port) {
      fault("admin.port", "must differ from port, or be left out");
    }
    if (loaded_.origins.contains("socketio.max_payload_bytes") &&
        config_.socketio.max_payload_bytes > config_.limits.message_bytes_max) {
      fault("socketio.max_payload_bytes",
            "must not be above limits.message_bytes_max, which bounds messages and bodies of all clients");
    }
    for (const std::string_view served : {"/ws", "/healthz", "/readyz", "/metrics", "/api/v1/", "/admin/"}) {
      if (served.starts_with(config_.socketio.path))
        fault("socketio.path", std::string(served) + " is under it, and is served already");
    }
    const bool any_origin =
        std::find(config_.cors_origins.begin(), config_.cors_origins.end(), "*") != config_.cors_origins.end();
    if (any_origin && !config_.token_cookie.empty()) {
      fault("cors_origins", "* lets any page use the visitor's jwt.cookie: list the origins");
    }
    for (const auto& [name, keys] : {std::pair("jwt", &config_.jwt), std::pair("service_jwt", &config_.service_jwt)}) {
      if (keys->jwks_url.starts_with("http://"))
        warn(std::string(name) + ".jwks_url: keys fetched without TLS can be replaced on the way");
    }
  }

  void check_migration() {
    if (config_.use_unified) return;
    if (config_.legacy_alerts.url.empty() && config_.legacy_monitoring.url.empty() && config_.legacy_video.url.empty()) {
      fault("use_unified", "false needs legacy.alerts.url, legacy.monitoring.url or legacy.video.url");
    }
  }

  void check_keys() {
    for (const auto& [name, keys] : {std::pair("jwt", &config_.jwt), std::pair("service_jwt", &config_.service_jwt)}) {
      const std::size_t size = keys->secret.size();
      if (size != 0 && size < secret_bytes_advised) {
        warn(std::string(name) + ".secret: under " + std::to_string(secret_bytes_advised) + " bytes it can be guessed");
      }
    }
    std::set<std::string> keys;
    if (!config_.api_key.empty()) {
      keys.insert(config_.api_key);
      if (config_.api_key.size() < api_key_bytes_advised) warn_of_short_key("api_key");
    }
    for (const auto& entry : config_.api_keys) {
      if (entry.key.size() < api_key_bytes_advised) warn_of_short_key("api_keys \"" + entry.name + "\"");
      if (entry.key.empty()) fault("api_keys", "\"" + entry.name + "\": the key is empty");
      if (!keys.insert(entry.key).second) fault("api_keys", "\"" + entry.name + "\": another entry has the same key");
    }
    if (!config_.jwt.secret.empty() && config_.jwt.secret == config_.service_jwt.secret) {
      fault("service_jwt.secret", "must not be the secret of user tokens: whoever mints those could mint services");
    }
  }

  void use_development_keys() {
    if (!loaded_.origins.contains("host")) config_.host = "127.0.0.1";
    if (!config_.jwt.any()) config_.jwt.secret = dev_jwt_secret;
    if (config_.api_key.empty() && config_.api_keys.empty()) config_.api_key = dev_api_key;
  }

  void warn_of_short_key(const std::string& name) {
    warn(name + ": under " + std::to_string(api_key_bytes_advised) + " characters it can be guessed");
  }
  void warn(std::string message) { loaded_.warnings.push_back(std::move(message)); }

  Loaded& loaded_;
  Config& config_;
  std::vector<Problem>& problems_;
};

}  // namespace

void finish(Loaded& loaded, std::vector<Problem>& problems) { Finisher(loaded, problems).run(); }

std::vector<Problem> problems_of_serving(const Loaded& loaded) {
  const Config& config = loaded.config;
  std::vector<Problem> problems;
  if (!config.jwt.any() && config.anonymous.empty()) {
    problems.push_back({"", "jwt.secret",
                        "no key to verify tokens with: set JWT_SECRET, jwt.public_key_files, jwt.jwks_url or "
                        "jwt.jwks_file; to try the server, --dev-keys"});
  }
  const bool known_key =
      config.jwt.secret == dev_jwt_secret || config.service_jwt.secret == dev_jwt_secret || config.api_key == dev_api_key ||
      std::any_of(config.api_keys.begin(), config.api_keys.end(), [](const ApiKey& k) { return k.key == dev_api_key; });
  const bool reachable = !is_loopback(config.host) || (config.admin_port && !is_loopback(config.admin_host));
  if (known_key && reachable) {
    problems.push_back({"", "dev_keys",
                        "everybody knows the development keys, so host must be a loopback address; to be reached by "
                        "others, set JWT_SECRET and WEBSOCKET_API_KEY"});
  }
  return problems;
}

}  // namespace sparc::config
