#include "auth/api_keys.h"

#include <openssl/crypto.h>

#include "auth/scopes.h"

namespace sparc::auth {
namespace {

constexpr std::size_t key_bytes_advised = 16;

std::string quoted(std::string_view name) { return "API key \"" + std::string(name) + "\""; }

}  // namespace

Result<ApiKeys> ApiKeys::make(std::span<const ApiKeyConfig> keys, std::vector<std::string>& warnings) {
  if (keys.size() > keys_max) return fail("more than 1000 API keys");
  ApiKeys out;
  for (const ApiKeyConfig& config : keys) {
    if (config.name.empty()) return fail("an API key has no name");
    if (config.key.empty() || config.key.size() > key_bytes_max) return fail(quoted(config.name) + " must have 1 to 512 bytes");
    if (!config.tenant.empty() && !valid_id(config.tenant)) return fail(quoted(config.name) + ": the tenant is not a valid id");
    const Sha256 digest = sha256(config.key);
    for (const Entry& other : out.entries_) {
      if (other.identity.name == config.name) return fail(quoted(config.name) + " is configured twice");
      if (other.digest == digest)
        return fail(quoted(config.name) + " and " + quoted(other.identity.name) + " have the same text");
    }
    if (config.key.size() < key_bytes_advised) {
      warnings.push_back(quoted(config.name) + " has " + std::to_string(config.key.size()) +
                         " bytes; under 16 it can be guessed");
    }
    const std::uint8_t scopes = scopes_within(config.scopes, config.tenant);
    if (scopes != config.scopes) warnings.push_back(quoted(config.name) + " has a tenant and therefore no scope rollout");
    out.entries_.push_back({digest, ServiceIdentity{config.name, scopes, config.tenant, 0}});
  }
  return out;
}

const ServiceIdentity* ApiKeys::find(std::string_view key) const {
  if (key.empty() || key.size() > key_bytes_max) return nullptr;
  const Sha256 digest = sha256(key);
  const ServiceIdentity* found = nullptr;
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry.identity;
  }
  return found;
}

}  // namespace sparc::auth
