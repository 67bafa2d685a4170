#pragma once
// Development tokens: what `sparc-websocket token` prints, and what tests log in with.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace sparc::auth {

/// A user's claims; empty members are left out, except roles.
struct UserClaims {
  std::string user_id;
  std::string tenant_id;
  std::string organization_id;
  std::vector<std::string> roles;
  std::int64_t lifetime_s = 3'600;  // 0: never expires
};

/// A service's claims.
struct ServiceClaims {
  std::string name;
  std::string scope;                // space-separated
  std::string tenant_id;            // empty: every tenant
  std::int64_t lifetime_s = 3'600;  // 0: never expires
};

/// JSON texts of claims, with `iat` and `exp` from `now`.
[[nodiscard]] std::string claims_json(const UserClaims& claims, Now now);
[[nodiscard]] std::string claims_json(const ServiceClaims& claims, Now now);

/// An HS256 token over `claims`, a JSON object's text as given. `kid` empty: none.
[[nodiscard]] std::string sign_hs256(std::string_view secret, std::string_view claims, std::string_view kid = {});

}  // namespace sparc::auth
