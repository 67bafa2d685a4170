#pragma once
// From a token's text to who it speaks for: JWS compact serialisation (RFC 7515), claims of RFC 7519, advice of RFC 8725.

#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>
#include <variant>

#include "auth/claims.h"
#include "auth/key_set.h"
#include "auth/signature.h"
#include "auth/token_cache.h"
#include "base/clock.h"
#include "base/codes.h"
#include "base/identity.h"

namespace sparc::auth {

inline constexpr std::size_t token_bytes_max = 8'192;  // unless limits.token_bytes_max says otherwise

/// Why a token was not accepted.
struct Refusal {
  Fault fault;  // UNAUTHENTICATED or TOKEN_EXPIRED
  /// No key of the set is the one the token was signed with, so that fresh keys may help: ask for them
  /// (JwksCache::on_unknown_key) and verify again when they come. False for every token that fresh keys would not save.
  bool unknown_key = false;
};

/// Whether a credential has the form of a token, rather than of an API key.
[[nodiscard]] bool looks_like_token(std::string_view text);

/// Verifies tokens against a set of keys.
///
/// Limits:   a token of `bytes_max` bytes; a token is tried with at most 8 keys of its key id, and with at most 8 that have
///           no id.
/// Errors:   a Refusal; the fault's text names the claim and repeats nothing of the token.
/// Cache:    identities of tokens with public-key signatures, by hash; `exp` is looked at each time, a change of keys empties it.
///           Tokens with a shared secret are verified each time: that takes about 3 us, where keeping each costs half a kilobyte.
/// Thread:   confined to one; the key set is shared.
class TokenVerifier {
 public:
  static constexpr std::size_t keys_tried_max = 8;
  static constexpr std::size_t cache_entries_default = 10'000;

  explicit TokenVerifier(std::shared_ptr<const KeySet> keys, std::size_t cache_entries_max = cache_entries_default,
                         std::size_t bytes_max = token_bytes_max);

  /// From now on. A set with the same keys changes nothing.
  void set_keys(std::shared_ptr<const KeySet> keys);

  /// A user's token, signed by a key for users. `Identity::expires_ms` is `exp` itself, so a token accepted within the leeway has
  /// expired by it; `token_hash` is hash_token(token). Revocation is the caller's to ask (RevocationSet).
  [[nodiscard]] std::expected<Identity, Refusal> verify_user(std::string_view token,
                                                             const std::shared_ptr<const ClaimRules>& rules, Now now);
  /// A service's token: signed by a key for services, `aud` with `sparc-service`, `sub` its name.
  [[nodiscard]] std::expected<ServiceIdentity, Refusal> verify_service(std::string_view token, Now now,
                                                                       std::int64_t leeway_ms = ClaimRules{}.leeway_ms);

  /// Either, for wires where both may come: a user's token, else a service's (where there are keys for services). Of two refusals
  /// the user's is answered, unless the service's token has merely expired; `unknown_key` of either.
  [[nodiscard]] std::expected<std::variant<Identity, ServiceIdentity>, Refusal> verify(
      std::string_view token, const std::shared_ptr<const ClaimRules>& rules, Now now);

  [[nodiscard]] const KeySet& keys() const { return signatures_.keys(); }
  [[nodiscard]] std::uint64_t cache_hits() const { return cache_hits_; }
  [[nodiscard]] std::size_t cache_size() const { return cache_.size(); }

 private:
  /// The parts of a token, as views of it.
  struct Parts {
    std::string_view header, claims, signature, signed_part;
  };
  [[nodiscard]] std::expected<Parts, Refusal> split(std::string_view token) const;
  [[nodiscard]] std::expected<void, Refusal> check_signature(const Parts& parts, const TokenHeader& header, KeyPurpose purpose);

  SignatureVerifier signatures_;
  std::size_t bytes_max_;
  ClaimReader reader_;
  TokenCache cache_;
  std::uint64_t cache_hits_ = 0;
};

}  // namespace sparc::auth
