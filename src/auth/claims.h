#pragma once
// What a token's two JSON parts say, once read strictly: one object each, no name twice, nothing nested deeper than 16.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_set.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/identity.h"

namespace sparc::auth {

/// The audience of a service's token; a token with it is never a user's.
inline constexpr std::string_view service_audience = "sparc-service";

/// How a view reads a user's token. Immutable once shared with a verifier.
struct ClaimRules {
  // Names of the claims; the first that is present (and not null) wins.
  std::vector<std::string> user_id{"userId"};
  std::vector<std::string> tenant_id{"tenantId"};
  std::vector<std::string> organization_id{"organizationId"};
  std::vector<std::string> roles{"roles"};  // an array of strings, or one string
  bool roles_required = true;               // false: missing roles mean none (views of old clients)
  bool expiry_required = false;             // false: a token without `exp` never expires
  std::int64_t leeway_ms = 5'000;           // for `exp`, `nbf` and `iat`: how far the issuer's clock may be off
  std::vector<std::string> audiences;       // one of them must be in `aud`; empty: not asked
  std::vector<std::string> issuers;         // one of them must be `iss`; empty: not asked
};

struct TokenHeader {
  Algorithm algorithm = Algorithm::HS256;
  std::optional<std::string> kid;
};

/// Reads base64url segments of at most `segment_bytes_max` characters. Faults are UNAUTHENTICATED (TOKEN_EXPIRED for `exp`), name
/// the claim and never repeat its value.
/// Thread: confined to one.
class ClaimReader {
 public:
  explicit ClaimReader(std::size_t segment_bytes_max);
  ~ClaimReader();
  ClaimReader(ClaimReader&&) noexcept;
  ClaimReader& operator=(ClaimReader&&) noexcept;

  [[nodiscard]] std::expected<TokenHeader, Fault> header(std::string_view segment);
  /// `token_hash` is left for the caller.
  [[nodiscard]] std::expected<Identity, Fault> user(std::string_view segment, const ClaimRules& rules, Now now);
  /// Claims `sub` (the name), `scope` (space-separated; unknown ones are ignored; absent: none), `tenantId?`.
  [[nodiscard]] std::expected<ServiceIdentity, Fault> service(std::string_view segment, std::int64_t leeway_ms, Now now);
  /// When the token says it expires, in Unix milliseconds. 0: it does not say so.
  [[nodiscard]] std::int64_t expiry(std::string_view segment);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// ClaimReader::expiry of a whole token that nobody verified: for how long its revocation must be known.
[[nodiscard]] std::int64_t said_expiry_ms(std::string_view token);

}  // namespace sparc::auth
