#include "auth/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <array>
#include <cassert>
#include <vector>

#include "auth/openssl.h"

namespace sparc::auth {
namespace {

const char* digest_name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::HS384:
    case Algorithm::RS384:
    case Algorithm::ES384: return "SHA384";
    case Algorithm::HS512:
    case Algorithm::RS512: return "SHA512";
    case Algorithm::EdDSA: return nullptr;
    case Algorithm::HS256:
    case Algorithm::RS256:
    case Algorithm::ES256: break;
  }
  return "SHA256";
}

MacContextPtr mac_context(const VerificationKey& key) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  MacContextPtr context(EVP_MAC_CTX_new(hmac));
  std::string digest = digest_name(key.algorithm);
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                               OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_init(context.get(), octets(key.secret), key.secret.size(), params) != 1) return nullptr;
  return context;
}

/// DER of an ECDSA signature (RFC 3279 section 2.2.3) from r and s of at most 48 bytes each: every length fits one byte.
class DerSignature {
 public:
  explicit DerSignature(std::string_view raw) {
    const std::size_t half = raw.size() / 2;
    bytes_[0] = 0x30;
    size_ = 2;
    append_integer(raw.substr(0, half));
    append_integer(raw.substr(half));
    bytes_[1] = static_cast<unsigned char>(size_ - 2);
  }
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size_}; }

 private:
  void append_integer(std::string_view value) {
    while (value.size() > 1 && value.front() == '\0') value.remove_prefix(1);
    const bool pad = (static_cast<unsigned char>(value.front()) & 0x80) != 0;
    bytes_[size_++] = 0x02;
    bytes_[size_++] = static_cast<unsigned char>(value.size() + (pad ? 1 : 0));
    if (pad) bytes_[size_++] = 0;
    for (char c : value) bytes_[size_++] = static_cast<unsigned char>(c);
  }
  std::array<unsigned char, 2 + 2 * (2 + 49)> bytes_{};
  std::size_t size_ = 0;
};

std::size_t ecdsa_bytes(Algorithm algorithm) {
  return algorithm == Algorithm::ES256 ? 64 : algorithm == Algorithm::ES384 ? 96 : 0;
}

}  // namespace

struct SignatureVerifier::State {
  std::vector<MacContextPtr> macs;  // by index of the key; null for public keys
  DigestContextPtr digest{EVP_MD_CTX_new()};
};

SignatureVerifier::SignatureVerifier(std::shared_ptr<const KeySet> keys)
    : keys_(std::move(keys)), state_(std::make_unique<State>()) {
  assert(keys_);
  for (const VerificationKey& key : keys_->keys())
    state_->macs.push_back(is_symmetric(key.algorithm) ? mac_context(key) : nullptr);
}

SignatureVerifier::~SignatureVerifier() = default;
SignatureVerifier::SignatureVerifier(SignatureVerifier&&) noexcept = default;
SignatureVerifier& SignatureVerifier::operator=(SignatureVerifier&&) noexcept = default;

bool SignatureVerifier::verify(std::size_t index, std::string_view input, std::string_view signature) {
  const VerificationKey& key = keys_->keys()[index];
  return is_symmetric(key.algorithm) ? verify_mac(index, input, signature) : verify_public(key, input, signature);
}

bool SignatureVerifier::verify_mac(std::size_t index, std::string_view input, std::string_view signature) {
  EVP_MAC_CTX* context = state_->macs[index].get();
  std::array<unsigned char, 64> expected;
  std::size_t size = 0;
  // Without a key, init begins anew with the one given at construction.
  if (context == nullptr || EVP_MAC_init(context, nullptr, 0, nullptr) != 1 ||
      EVP_MAC_update(context, octets(input), input.size()) != 1 ||
      EVP_MAC_final(context, expected.data(), &size, expected.size()) != 1) {
    ERR_clear_error();
    return false;
  }
  return signature.size() == size && CRYPTO_memcmp(signature.data(), expected.data(), size) == 0;
}

bool SignatureVerifier::verify_public(const VerificationKey& key, std::string_view input, std::string_view signature) {
  ErrorQueueGuard guard;
  EVP_MD_CTX* context = state_->digest.get();
  if (context == nullptr || signature.empty()) return false;
  EVP_MD_CTX_reset(context);
  if (EVP_DigestVerifyInit_ex(context, nullptr, digest_name(key.algorithm), nullptr, nullptr, key.public_key.get(), nullptr) !=
      1) {
    return false;
  }
  const std::size_t raw = ecdsa_bytes(key.algorithm);
  if (raw == 0) return EVP_DigestVerify(context, octets(signature), signature.size(), octets(input), input.size()) == 1;
  if (signature.size() != raw) return false;
  const DerSignature der(signature);
  return EVP_DigestVerify(context, octets(der.bytes()), der.bytes().size(), octets(input), input.size()) == 1;
}

}  // namespace sparc::auth
