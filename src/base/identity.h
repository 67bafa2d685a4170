#pragma once
// Who a connection is, as its token said.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sparc {

/// Ids of users, tenants and organizations: [A-Za-z0-9_.@+-]{1,128}.
inline bool valid_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '@' ||
           c == '+' || c == '-';
  });
}

struct Identity {
  std::string user_id;
  std::string tenant_id;
  std::string organization_id;      // empty: none
  std::vector<std::string> roles;   // sorted, unique
  std::int64_t expires_ms = 0;      // Unix milliseconds; 0: never
  std::uint64_t token_hash[2] = {}; // 128 bits of SHA-256 of the token, for revocation
  bool anonymous = false;           // a configured identity of a path, without a token

  [[nodiscard]] bool has_role(std::string_view role) const {
    return std::any_of(roles.begin(), roles.end(), [&](const std::string& r) { return r == role; });
  }
};

/// What an API key or a service token may do.
enum class Scope : std::uint8_t { publish = 1, read = 2, disconnect = 4, rollout = 8, handle = 16 };

struct ServiceIdentity {
  std::string name;       // of the key, or the token's subject
  std::uint8_t scopes = 0;  // bits of Scope
  std::string tenant_id;  // empty: every tenant
  std::int64_t expires_ms = 0;
  std::uint64_t token_hash[2] = {};  // as of Identity; zero: an API key

  [[nodiscard]] bool may(Scope scope) const { return (scopes & static_cast<std::uint8_t>(scope)) != 0; }
};

}  // namespace sparc
