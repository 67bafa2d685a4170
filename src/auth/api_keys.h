#pragma once
// Keys with which services call the API and connect.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/digest.h"
#include "base/identity.h"
#include "base/result.h"

namespace sparc::auth {

struct ApiKeyConfig {
  std::string name;
  std::string key;
  std::uint8_t scopes = 0;  // bits of Scope; `all_scopes` for WEBSOCKET_API_KEY
  std::string tenant;       // empty: every tenant
};

/// The configured keys, kept as SHA-256 digests only. Immutable; swapped as a whole at a reload.
/// Thread: shared by all.
class ApiKeys {
 public:
  static constexpr std::size_t keys_max = 1'000;
  static constexpr std::size_t key_bytes_max = 512;

  /// No keys: nobody is let in.
  ApiKeys() = default;
  /// Errors name the key, never its text: an empty name or key, a key above 512 bytes, two of one name or of one text, a tenant
  /// that is no valid id, more than 1,000. A key with a tenant loses `rollout`; that and keys under 16 bytes are told in
  /// `warnings`.
  [[nodiscard]] static Result<ApiKeys> make(std::span<const ApiKeyConfig> keys, std::vector<std::string>& warnings);

  /// Null: no such key. Takes as long whichever key matches, or none. Valid as long as this object.
  [[nodiscard]] const ServiceIdentity* find(std::string_view key) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Sha256 digest;
    ServiceIdentity identity;
  };
  std::vector<Entry> entries_;
};

}  // namespace sparc::auth
