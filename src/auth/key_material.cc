#include "auth/key_material.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <cstring>

namespace sparc::auth {
namespace {

constexpr int rsa_bits_min = 2'048;
constexpr int rsa_bits_max = 8'192;  // bounds what one verification costs
constexpr int rsa_exponent_bits_max = 64;

struct PemBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
};

PkeyPtr key_of(const PemBlock& block) {
  const unsigned char* at = block.data;
  const std::string_view name = block.name;
  if (name == PEM_STRING_PUBLIC) return PkeyPtr(d2i_PUBKEY(nullptr, &at, block.size));
  if (name == PEM_STRING_RSA_PUBLIC) return PkeyPtr(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, block.size));
  CertificatePtr certificate(d2i_X509(nullptr, &at, block.size));
  return PkeyPtr(certificate ? X509_get_pubkey(certificate.get()) : nullptr);
}

bool is_public(std::string_view name) {
  return name == PEM_STRING_PUBLIC || name == PEM_STRING_RSA_PUBLIC || name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD;
}

Result<PkeyPtr> from_params(const char* type, OSSL_PARAM_BLD* builder) {
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return fail("the key's numbers make no key of its type");
  }
  return PkeyPtr(key);
}

Result<void> check_rsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < rsa_bits_min || bits > rsa_bits_max) {
    return fail("an RSA key of " + std::to_string(bits) + " bits is refused; allowed are 2048 to 8192");
  }
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1) return fail("an RSA key without exponent is refused");
  NumberPtr exponent(number);
  if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) || BN_num_bits(exponent.get()) > rsa_exponent_bits_max) {
    return fail("an RSA key whose exponent is not an odd number from 3 to 2^64 is refused");
  }
  return {};
}

Result<Algorithm> ec_algorithm(EVP_PKEY* key) {
  char group[64] = {};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) return fail("an EC key without a named curve is refused");
  const bool p256 = std::strcmp(group, SN_X9_62_prime256v1) == 0;
  if (!p256 && std::strcmp(group, SN_secp384r1) != 0)
    return fail("EC curve " + std::string(group) + " is not supported; P-256 and P-384 are");
  PkeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1) return fail("an EC key whose point is not on its curve is refused");
  return p256 ? Algorithm::ES256 : Algorithm::ES384;
}

}  // namespace

Result<std::vector<PkeyPtr>> read_pem(std::string_view text) {
  ErrorQueueGuard guard;
  if (text.size() > KeySetBuilder::text_bytes_max) return fail("the PEM text is longer than 1 MiB");
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::vector<PkeyPtr> keys;
  while (bio && keys.size() <= KeySetBuilder::keys_max) {
    PemBlock block;
    if (PEM_read_bio(bio.get(), &block.name, &block.header, &block.data, &block.size) != 1) break;
    if (!is_public(block.name)) {
      return fail("PEM block \"" + std::string(block.name) +
                  "\" is neither a public key nor a certificate; verification needs no more");
    }
    PkeyPtr key = key_of(block);
    if (!key) return fail("PEM block \"" + std::string(block.name) + "\" does not hold a key that can be read");
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return fail("the text holds no PEM public key or certificate");
  return keys;
}

Result<PkeyPtr> rsa_key(std::string_view modulus, std::string_view exponent) {
  ErrorQueueGuard guard;
  if (modulus.size() > rsa_bits_max / 8 + 1 || exponent.size() > rsa_exponent_bits_max / 8 + 1) {
    return fail("an RSA key of more than 8192 bits, or with an exponent of more than 64, is refused");
  }
  NumberPtr n(BN_bin2bn(octets(modulus), static_cast<int>(modulus.size()), nullptr));
  NumberPtr e(BN_bin2bn(octets(exponent), static_cast<int>(exponent.size()), nullptr));
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_is_odd(n.get()) == 0 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return fail("an RSA key with such a modulus is refused");
  }
  return from_params("RSA", builder.get());
}

Result<PkeyPtr> ec_key(std::string_view curve, std::string_view x, std::string_view y) {
  ErrorQueueGuard guard;
  const bool p256 = curve == "P-256";
  if (!p256 && curve != "P-384") return fail("EC curve is not supported; P-256 and P-384 are");
  const std::size_t size = p256 ? 32 : 48;
  if (x.size() != size || y.size() != size) return fail("an EC coordinate must have the length of its curve's field");
  std::string point = "\x04";
  point.append(x).append(y);
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, p256 ? SN_X9_62_prime256v1 : SN_secp384r1, 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return fail("an EC key with such a point is refused");
  }
  return from_params("EC", builder.get());
}

Result<PkeyPtr> ed25519_key(std::string_view x) {
  ErrorQueueGuard guard;
  if (x.size() != 32) return fail("an Ed25519 key has 32 bytes");
  PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(x), x.size()));
  if (!key) return fail("an Ed25519 key with such bytes is refused");
  return key;
}

Result<Algorithm> pin_algorithm(EVP_PKEY* key, std::optional<Algorithm> wanted) {
  ErrorQueueGuard guard;
  Algorithm natural = Algorithm::RS256;
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    if (auto checked = check_rsa(key); !checked) return std::unexpected(checked.error());
    if (wanted == Algorithm::RS384 || wanted == Algorithm::RS512) natural = *wanted;
  } else if (EVP_PKEY_is_a(key, "EC") == 1) {
    auto algorithm = ec_algorithm(key);
    if (!algorithm) return algorithm;
    natural = *algorithm;
  } else if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    natural = Algorithm::EdDSA;
  } else {
    return fail("the key's type is not supported; RSA, EC and Ed25519 are");
  }
  if (wanted && *wanted != natural) {
    return fail("algorithm " + std::string(name_of(*wanted)) + " does not fit the key, whose own is " +
                std::string(name_of(natural)));
  }
  return natural;
}

}  // namespace sparc::auth
