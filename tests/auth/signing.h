#pragma once
// Keys made at run time, and tokens signed with them: the other side of the verifier.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "auth/base64url.h"
#include "auth/key_set.h"
#include "auth/token_verifier.h"

namespace sparc::auth::testing {

inline constexpr std::int64_t wall = 1'767'225'600'000;  // 2026-01-01
inline constexpr Now now{1'000'000, wall};

inline std::string base64url(std::string_view bytes) {
  std::string out;
  append_base64url(out, bytes);
  return out;
}

class PrivateKey {
 public:
  static PrivateKey rsa(unsigned bits = 2'048) { return PrivateKey(EVP_RSA_gen(bits)); }
  static PrivateKey ec(const char* curve = "P-256") { return PrivateKey(EVP_EC_gen(curve)); }
  static PrivateKey ed25519() { return PrivateKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

  [[nodiscard]] std::string public_pem() const {
    return written([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
  }
  [[nodiscard]] std::string private_pem() const {
    return written([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }
  [[nodiscard]] std::string certificate_pem() const {
    std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
    X509_set_pubkey(certificate.get(), key_.get());
    X509_sign(certificate.get(), key_.get(), EVP_PKEY_is_a(key_.get(), "ED25519") == 1 ? nullptr : EVP_sha256());
    return written([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  }
  /// Members of a JWK, without braces.
  [[nodiscard]] std::string jwk() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
      return R"("kty":"RSA","n":")" + base64url(number(OSSL_PKEY_PARAM_RSA_N, 0)) + R"(","e":")" +
             base64url(number(OSSL_PKEY_PARAM_RSA_E, 0)) + '"';
    }
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) {
      const bool p256 = EVP_PKEY_get_bits(key_.get()) == 256;
      const int size = p256 ? 32 : 48;
      return std::string(R"("kty":"EC","crv":")") + (p256 ? "P-256" : "P-384") + R"(","x":")" +
             base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, size)) + R"(","y":")" +
             base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, size)) + '"';
    }
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), bytes(raw), &size);
    return R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(raw) + '"';
  }

  /// A token with this header and these claims, whatever they say. `digest` null: Ed25519.
  [[nodiscard]] std::string sign(std::string_view header, std::string_view claims, const EVP_MD* digest = EVP_sha256()) const {
    const std::string input = base64url(header) + '.' + base64url(claims);
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const bool ed = EVP_PKEY_is_a(key_.get(), "ED25519") == 1;
    std::size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(input.data());
    if (EVP_DigestSignInit(context.get(), nullptr, ed ? nullptr : digest, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, data, input.size()) != 1) {
      throw std::runtime_error("signing failed");
    }
    std::string signature(size, '\0');
    EVP_DigestSign(context.get(), bytes(signature), &size, data, input.size());
    signature.resize(size);
    return input + '.' + base64url(EVP_PKEY_is_a(key_.get(), "EC") == 1 ? raw_ecdsa(signature) : signature);
  }

 private:
  explicit PrivateKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {
    if (!key_) throw std::runtime_error("no key");
  }
  static unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
  template <class Write>
  static std::string written(Write&& write) {
    std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
    if (write(bio.get()) != 1) throw std::runtime_error("writing a key failed");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  [[nodiscard]] std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string out(static_cast<std::size_t>(size == 0 ? BN_num_bytes(value) : size), '\0');
    BN_bn2binpad(value, bytes(out), static_cast<int>(out.size()));
    BN_free(value);
    return out;
  }
  [[nodiscard]] std::string raw_ecdsa(std::string_view der) const {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())),
                                                               ECDSA_SIG_free);
    const int half = EVP_PKEY_get_bits(key_.get()) / 8;
    std::string out(static_cast<std::size_t>(2 * half), '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), bytes(out), half);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), bytes(out) + half, half);
    return out;
  }

  std::shared_ptr<EVP_PKEY> key_;
};

// One key of each kind for the whole program: making an RSA key takes long.
inline const PrivateKey& rsa_key_for_tests() {
  static const PrivateKey key = PrivateKey::rsa();
  return key;
}
inline const PrivateKey& ec_key_for_tests() {
  static const PrivateKey key = PrivateKey::ec();
  return key;
}
inline const PrivateKey& ed25519_key_for_tests() {
  static const PrivateKey key = PrivateKey::ed25519();
  return key;
}

inline constexpr std::string_view secret = "a secret of thirty-two bytes or so";

/// A set of one secret for users.
inline std::shared_ptr<const KeySet> secret_keys(std::string_view text = secret, KeyPurpose purpose = KeyPurpose::user) {
  KeySetBuilder builder;
  if (!builder.add_secret(purpose, text)) throw std::runtime_error("the secret was refused");
  return builder.build();
}
inline std::shared_ptr<const KeySet> pem_keys(const PrivateKey& key, KeyPurpose purpose = KeyPurpose::user) {
  KeySetBuilder builder;
  if (!builder.add_pem(purpose, key.public_pem())) throw std::runtime_error("the key was refused");
  return builder.build();
}

inline std::shared_ptr<const ClaimRules> default_rules() {
  static const auto rules = std::make_shared<const ClaimRules>();
  return rules;
}

/// What the claims that every test of a good token uses say.
inline constexpr std::string_view good_claims =
    R"({"userId":"u1","tenantId":"t1","organizationId":"o1","roles":["operator"],"exp":1767229200})";

}  // namespace sparc::auth::testing
