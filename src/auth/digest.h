#pragma once
// Hashes of secrets: tokens and API keys are remembered by them, never as text.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/identity.h"

namespace sparc::auth {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::string_view bytes);

/// Names a token: 128 bits of SHA-256.
struct TokenHash {
  std::uint64_t words[2] = {};
  friend bool operator==(const TokenHash&, const TokenHash&) = default;
};

struct TokenHashHash {
  std::size_t operator()(const TokenHash& hash) const noexcept { return mix(hash.words[0], hash.words[1]); }
};

/// What `Identity::token_hash` holds and revocations are kept by: the hash of everything before the last dot, or of the whole
/// text where there is none. The signature is left out because whoever has an ES256 token can write a second valid signature
/// under the same claims, and would otherwise escape the revocation of the first.
/// Thread: any.
[[nodiscard]] TokenHash hash_token(std::string_view token);
/// The hash of the whole text, signature included.
[[nodiscard]] TokenHash hash_text(std::string_view text);

[[nodiscard]] inline TokenHash hash_of(const Identity& identity) { return {{identity.token_hash[0], identity.token_hash[1]}}; }

/// The one other spelling of an ES256 or ES384 token that verifies too (signature (r, n-s) for (r, s)): who looks a token up by
/// its text, as `blacklist:<token>` does, looks this up beside it. Signatures of the other algorithms have one spelling; where
/// theirs is of an ECDSA signature's size (64 or 96 bytes) the answer is a token that does not verify, else it is nothing.
[[nodiscard]] std::optional<std::string> other_spelling(std::string_view token);

}  // namespace sparc::auth
