#pragma once
// Public keys from their encodings, checked. Included by this layer's .cc files only.

#include <optional>
#include <string_view>
#include <vector>

#include "auth/key_set.h"
#include "auth/openssl.h"
#include "base/result.h"

namespace sparc::auth {

/// Keys of every block of a PEM text; Error where there is none, or one that is not a public key.
[[nodiscard]] Result<std::vector<PkeyPtr>> read_pem(std::string_view text);

/// From big-endian integers and coordinates (RFC 7518 sections 6.2.1 and 6.3.1, RFC 8037 section 2).
[[nodiscard]] Result<PkeyPtr> rsa_key(std::string_view modulus, std::string_view exponent);
[[nodiscard]] Result<PkeyPtr> ec_key(std::string_view curve, std::string_view x, std::string_view y);
[[nodiscard]] Result<PkeyPtr> ed25519_key(std::string_view x);

/// The algorithm that the key is for: `wanted` if it is one of its type, else its type's default. Error: a weak or unknown key,
/// or an algorithm of another type.
[[nodiscard]] Result<Algorithm> pin_algorithm(EVP_PKEY* key, std::optional<Algorithm> wanted);

}  // namespace sparc::auth
