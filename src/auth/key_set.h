#pragma once
// The keys that tokens are verified with. Each key knows its one algorithm; a token's header chooses among keys, never how a key
// is used (RFC 8725 section 3.1).

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct evp_pkey_st;

namespace sparc::auth {

/// RFC 7518 section 3.1 and RFC 8037 section 3.1. `none` has no place here.
enum class Algorithm : std::uint8_t { HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, EdDSA };

[[nodiscard]] std::string_view name_of(Algorithm algorithm);
/// By its exact registered name; nothing for any other, `none` among them.
[[nodiscard]] std::optional<Algorithm> algorithm_named(std::string_view name);
[[nodiscard]] constexpr bool is_symmetric(Algorithm algorithm) { return algorithm <= Algorithm::HS512; }

/// Whose tokens a key signs. A user's token never makes a service, nor the other way round.
enum class KeyPurpose : std::uint8_t { user, service };

struct VerificationKey {
  std::string kid;                         // empty: none
  Algorithm algorithm = Algorithm::HS256;  // the only one it verifies
  KeyPurpose purpose = KeyPurpose::user;
  std::shared_ptr<evp_pkey_st> public_key;  // null for HS*
  std::string secret;                       // HS* only
};

/// An immutable set of keys, swapped as a whole when keys rotate.
/// Thread: shared by all.
class KeySet {
 public:
  using Fingerprint = std::array<std::uint8_t, 16>;

  KeySet(std::vector<VerificationKey> keys, Fingerprint fingerprint) : keys_(std::move(keys)), fingerprint_(fingerprint) {}
  [[nodiscard]] const std::vector<VerificationKey>& keys() const { return keys_; }
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] bool serves(KeyPurpose purpose) const;
  /// Equal for sets that verify the same tokens.
  [[nodiscard]] const Fingerprint& fingerprint() const { return fingerprint_; }

 private:
  std::vector<VerificationKey> keys_;
  Fingerprint fingerprint_;
};

/// Collects keys from configuration and from JWKS documents.
///
/// Limits:   64 keys; a PEM or JWKS text of 1 MiB; RSA of 2048 to 8192 bits with an exponent below 2^64.
/// Errors:   a key that cannot be used is an Error and adds nothing. In a JWKS, single keys that cannot be used are left out
///           (with a warning where that is not by intent); a document without any usable key is an Error.
class KeySetBuilder {
 public:
  static constexpr std::size_t keys_max = 64;
  static constexpr std::size_t text_bytes_max = 1'048'576;
  static constexpr std::size_t warnings_max = 64;

  /// A shared secret. Shorter than the hash's output (32 bytes for HS256): accepted with a warning. Empty, or the text of a PEM
  /// key (which for a public key anybody may know): Error.
  [[nodiscard]] Result<void> add_secret(KeyPurpose purpose, std::string_view secret, std::string_view kid = {},
                                        Algorithm algorithm = Algorithm::HS256);
  /// Every public key and certificate of a PEM text: RSA (RS256 unless `algorithm` says RS384 or RS512), P-256 (ES256), P-384
  /// (ES384), Ed25519 (EdDSA). Of a certificate only the key counts; its dates and issuer do not. A private key is an Error.
  [[nodiscard]] Result<void> add_pem(KeyPurpose purpose, std::string_view text, std::string_view kid = {},
                                     std::optional<Algorithm> algorithm = {});
  /// A JWK Set (RFC 7517 section 5) with RSA, EC P-256 and P-384, OKP Ed25519 and oct keys. `alg` pins a key's algorithm; without
  /// it RS256, ES256, ES384, EdDSA, HS256 by type. Keys with `use` other than `sig`, or `key_ops` without `verify`, are left out.
  [[nodiscard]] Result<void> add_jwks(KeyPurpose purpose, std::string_view text);

  /// One sentence each, for the log.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  /// Hands over what was collected; the builder is empty afterwards.
  [[nodiscard]] std::shared_ptr<const KeySet> build();

 private:
  Result<void> add_public(KeyPurpose purpose, std::shared_ptr<evp_pkey_st> key, std::string_view kid,
                          std::optional<Algorithm> algorithm);

  std::vector<VerificationKey> keys_;
  std::vector<std::string> warnings_;
};

}  // namespace sparc::auth
