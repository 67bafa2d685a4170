#include "auth/digest.h"

#include <openssl/ec.h>

#include <cstring>

#include "auth/base64url.h"
#include "auth/openssl.h"

namespace sparc::auth {
namespace {

// Fetched once: an implicit fetch at each use costs more than hashing a token.
const EVP_MD* sha256_method() {
  static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

TokenHash shortened(const Sha256& digest) {
  TokenHash hash;
  std::memcpy(hash.words, digest.data(), sizeof hash.words);
  return hash;
}

/// Field size of the curve, by the signature's size alone: r and s in equal halves (RFC 7518 section 3.4).
int curve_of(std::size_t signature_bytes) {
  if (signature_bytes == 64) return NID_X9_62_prime256v1;
  if (signature_bytes == 96) return NID_secp384r1;
  return NID_undef;
}

/// n - s in `half` bytes; nothing where s is not in 1..n-1.
std::optional<std::string> mirrored(std::string_view s, int curve) {
  std::unique_ptr<EC_GROUP, Frees<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(curve));
  NumberPtr value(BN_bin2bn(octets(s), static_cast<int>(s.size()), nullptr)), other(BN_new());
  if (!group || !value || !other) return std::nullopt;
  const BIGNUM* order = EC_GROUP_get0_order(group.get());
  if (BN_is_zero(value.get()) || BN_cmp(value.get(), order) >= 0) return std::nullopt;
  std::string out(s.size(), '\0');
  if (BN_sub(other.get(), order, value.get()) != 1 ||
      BN_bn2binpad(other.get(), reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) < 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
  thread_local DigestContextPtr context(EVP_MD_CTX_new());
  Sha256 digest{};
  if (!context || EVP_DigestInit_ex(context.get(), sha256_method(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    throw std::bad_alloc();  // SHA-256 over memory has no other way to fail
  }
  return digest;
}

TokenHash hash_token(std::string_view token) { return hash_text(token.substr(0, token.rfind('.'))); }

TokenHash hash_text(std::string_view text) { return shortened(sha256(text)); }

std::optional<std::string> other_spelling(std::string_view token) {
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos || token.size() - dot > 129) return std::nullopt;
  const auto signature = base64url_decode(token.substr(dot + 1));
  if (!signature) return std::nullopt;
  const int curve = curve_of(signature->size());
  if (curve == NID_undef) return std::nullopt;
  const std::size_t half = signature->size() / 2;
  const auto s = mirrored(std::string_view(*signature).substr(half), curve);
  if (!s) return std::nullopt;
  std::string out(token.substr(0, dot + 1));
  append_base64url(out, signature->substr(0, half) + *s);
  return out;
}

}  // namespace sparc::auth
