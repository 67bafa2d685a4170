#include <algorithm>
#include <chrono>
#include <iostream>

#include "app/commands.h"
#include "auth/token_signer.h"
#include "base/json_text.h"

namespace sparc::app {
namespace {

Now now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {0, std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

void add_member(std::string& claims, std::string_view name, const std::string& json) {
  claims.pop_back();
  claims += (claims.back() == '{' ? "" : ",") + json_string(name) + ":" + json + "}";
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() == 1 ? "" : ",") + json_string(text);
  return out + "]";
}

/// What the configuration asks of a token beyond the usual names.
void satisfy(std::string& claims, const Arguments& arguments, const config::TokenClaims& asked) {
  const auto also = [&](const std::vector<std::string>& names, std::string_view usual, const std::string& json) {
    if (names.empty() || std::find(names.begin(), names.end(), usual) != names.end()) return;
    add_member(claims, names.front(), json);
  };
  also(asked.user_id, "userId", json_string(arguments.user));
  also(asked.tenant_id, "tenantId", json_string(arguments.tenant));
  if (!arguments.organization.empty()) also(asked.organization_id, "organizationId", json_string(arguments.organization));
  also(asked.roles, "roles", json_list(arguments.roles));
  if (!asked.audiences.empty()) add_member(claims, "aud", json_string(asked.audiences.front()));
  if (!asked.issuers.empty()) add_member(claims, "iss", json_string(asked.issuers.front()));
}

std::string user_claims(const Arguments& arguments, const config::Config& config) {
  auth::UserClaims claims;
  claims.user_id = arguments.user;
  claims.tenant_id = arguments.tenant;
  claims.organization_id = arguments.organization;
  claims.roles = arguments.roles;
  claims.lifetime_s = arguments.lifetime_s;
  std::string json = auth::claims_json(claims, now());
  satisfy(json, arguments, config.claims);
  return json;
}

std::string service_claims(const Arguments& arguments) {
  auth::ServiceClaims claims;
  claims.name = arguments.service;
  for (const auto& scope : arguments.scopes) claims.scope += (claims.scope.empty() ? "" : " ") + scope;
  claims.tenant_id = arguments.tenant;
  claims.lifetime_s = arguments.lifetime_s;
  return auth::claims_json(claims, now());
}

}  // namespace

int token(const Arguments& arguments) {
  const auto loaded = load_configuration(arguments);
  if (!loaded) return loaded.error();
  const bool service = !arguments.service.empty();
  if (!service && arguments.user.empty()) {
    std::cerr << "token: needs --user and --tenant, or --service\n";
    return exit_usage;
  }
  const auto& keys = service ? loaded->config.service_jwt : loaded->config.jwt;
  if (keys.secret.empty()) {
    std::cerr << "token: needs " << (service ? "WEBSOCKET_SERVICE_JWT_SECRET" : "JWT_SECRET, or --dev-keys") << " to sign with\n";
    return exit_usage;
  }
  std::cout << auth::sign_hs256(keys.secret, service ? service_claims(arguments) : user_claims(arguments, loaded->config))
            << "\n";
  return exit_ok;
}

}  // namespace sparc::app
