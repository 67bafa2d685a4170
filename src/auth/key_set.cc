#include "auth/key_set.h"

#include <algorithm>
#include <cstring>

#include "auth/digest.h"
#include "auth/key_material.h"
#include "auth/openssl.h"

namespace sparc::auth {
namespace {

constexpr std::string_view names[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"};

std::size_t hash_bytes(Algorithm algorithm) {
  return algorithm == Algorithm::HS512 ? 64 : algorithm == Algorithm::HS384 ? 48 : 32;
}

void append_field(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

void append_key(std::string& out, const VerificationKey& key) {
  append_field(out, key.kid);
  append_field(out, name_of(key.algorithm));
  out += key.purpose == KeyPurpose::user ? 'u' : 's';
  if (!key.public_key) return append_field(out, key.secret);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.public_key.get(), &der);
  append_field(out, std::string_view(reinterpret_cast<const char*>(der), size > 0 ? static_cast<std::size_t>(size) : 0));
  OPENSSL_free(der);
}

}  // namespace

std::string_view name_of(Algorithm algorithm) { return names[static_cast<std::size_t>(algorithm)]; }

std::optional<Algorithm> algorithm_named(std::string_view name) {
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<Algorithm>(found - std::begin(names));
}

bool KeySet::serves(KeyPurpose purpose) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const VerificationKey& key) { return key.purpose == purpose; });
}

Result<void> KeySetBuilder::add_secret(KeyPurpose purpose, std::string_view secret, std::string_view kid, Algorithm algorithm) {
  if (!is_symmetric(algorithm)) return fail("a secret is for HS256, HS384 or HS512, not for " + std::string(name_of(algorithm)));
  if (secret.empty()) return fail("an empty secret is refused");
  if (secret.find("-----BEGIN ") != std::string_view::npos) {
    return fail(
        "the secret is the text of a PEM key; configure it as a public key, so that it verifies signatures of its own kind");
  }
  if (keys_.size() >= keys_max) return fail("more than 64 keys");
  const std::size_t wanted = hash_bytes(algorithm);
  if (secret.size() < wanted) {
    warnings_.push_back("the " + std::string(name_of(algorithm)) + " secret has " + std::to_string(secret.size()) +
                        " bytes; under " + std::to_string(wanted) + " it can be guessed from any token (RFC 7518 section 3.2)");
  }
  keys_.push_back({std::string(kid), algorithm, purpose, nullptr, std::string(secret)});
  return {};
}

Result<void> KeySetBuilder::add_pem(KeyPurpose purpose, std::string_view text, std::string_view kid,
                                    std::optional<Algorithm> algorithm) {
  auto keys = read_pem(text);
  if (!keys) return std::unexpected(keys.error());
  if (!kid.empty() && keys->size() > 1) return fail("one key id was given for a PEM text with several keys");
  const std::size_t before = keys_.size();
  for (PkeyPtr& key : *keys) {
    std::shared_ptr<EVP_PKEY> shared(key.release(), EVP_PKEY_free);
    if (auto added = add_public(purpose, std::move(shared), kid, algorithm); !added) {
      keys_.resize(before);
      return added;
    }
  }
  return {};
}

Result<void> KeySetBuilder::add_public(KeyPurpose purpose, std::shared_ptr<evp_pkey_st> key, std::string_view kid,
                                       std::optional<Algorithm> algorithm) {
  if (keys_.size() >= keys_max) return fail("more than 64 keys");
  auto pinned = pin_algorithm(key.get(), algorithm);
  if (!pinned) return std::unexpected(pinned.error());
  keys_.push_back({std::string(kid), *pinned, purpose, std::move(key), {}});
  return {};
}

std::shared_ptr<const KeySet> KeySetBuilder::build() {
  std::string text;
  for (const VerificationKey& key : keys_) append_key(text, key);
  const Sha256 digest = sha256(text);
  OPENSSL_cleanse(text.data(), text.size());
  KeySet::Fingerprint fingerprint;
  std::memcpy(fingerprint.data(), digest.data(), fingerprint.size());
  auto set = std::make_shared<const KeySet>(std::move(keys_), fingerprint);
  keys_.clear();
  return set;
}

}  // namespace sparc::auth
