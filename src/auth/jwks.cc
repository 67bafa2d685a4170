// JWK Sets (RFC 7517) into keys.

#include <simdjson.h>

#include <algorithm>

#include "auth/base64url.h"
#include "auth/key_material.h"
#include "auth/key_set.h"

namespace sparc::auth {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t depth_max = 16;

bool distinct_names(dom::object object) {
  std::vector<std::string_view> names;
  for (auto member : object) names.push_back(member.key);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) == names.end();
}

std::string_view text_member(dom::object jwk, std::string_view name) {
  std::string_view text;
  if (jwk.at_key(name).get_string().get(text) != simdjson::SUCCESS) return {};
  return text;
}

Result<std::string> bytes_member(dom::object jwk, std::string_view name) {
  auto bytes = base64url_decode(text_member(jwk, name));
  if (!bytes || bytes->empty()) return fail("member \"" + std::string(name) + "\" is missing or not base64url");
  return std::move(*bytes);
}

/// Whether the key is for verifying signatures at all (RFC 7517 sections 4.2 and 4.3).
bool for_signatures(dom::object jwk) {
  dom::element use, operations;
  if (jwk.at_key("use").get(use) == simdjson::SUCCESS && text_member(jwk, "use") != "sig") return false;
  if (jwk.at_key("key_ops").get(operations) != simdjson::SUCCESS) return true;
  dom::array list;
  if (operations.get_array().get(list) != simdjson::SUCCESS) return false;
  return std::any_of(list.begin(), list.end(), [](dom::element item) {
    std::string_view text;
    return item.get_string().get(text) == simdjson::SUCCESS && text == "verify";
  });
}

Result<PkeyPtr> public_key(dom::object jwk, std::string_view type) {
  if (type == "RSA") {
    auto n = bytes_member(jwk, "n");
    auto e = bytes_member(jwk, "e");
    if (!n || !e) return std::unexpected(n ? e.error() : n.error());
    return rsa_key(*n, *e);
  }
  auto x = bytes_member(jwk, "x");
  if (!x) return std::unexpected(x.error());
  if (type == "EC") {
    auto y = bytes_member(jwk, "y");
    if (!y) return std::unexpected(y.error());
    return ec_key(text_member(jwk, "crv"), *x, *y);
  }
  if (text_member(jwk, "crv") != "Ed25519") return fail("OKP curve is not supported; Ed25519 is");
  return ed25519_key(*x);
}

bool known_type(std::string_view type) { return type == "RSA" || type == "EC" || type == "OKP" || type == "oct"; }

/// A key with its members; `usable` is false for one that is left out on purpose.
struct Jwk {
  bool usable = false;
  std::string kid;
  std::optional<Algorithm> algorithm;
  std::string secret;  // of an oct key
  std::shared_ptr<EVP_PKEY> key;
};

Result<Jwk> read_jwk(dom::element item) {
  dom::object object;
  if (item.get_object().get(object) != simdjson::SUCCESS || !distinct_names(object)) {
    return fail("it is not a JSON object with distinct members");
  }
  Jwk jwk;
  const std::string_view type = text_member(object, "kty");
  if (!known_type(type) || !for_signatures(object)) return jwk;
  jwk.usable = true;
  jwk.kid = text_member(object, "kid");
  dom::element alg;
  if (object.at_key("alg").get(alg) == simdjson::SUCCESS) {
    jwk.algorithm = algorithm_named(text_member(object, "alg"));
    if (!jwk.algorithm) return fail("its \"alg\" is not supported");
  }
  if (type == "oct") {
    auto secret = bytes_member(object, "k");
    if (!secret) return std::unexpected(secret.error());
    jwk.secret = std::move(*secret);
    return jwk;
  }
  auto key = public_key(object, type);
  if (!key) return std::unexpected(key.error());
  jwk.key = std::shared_ptr<EVP_PKEY>(key->release(), EVP_PKEY_free);
  return jwk;
}

Result<dom::array> key_list(dom::parser& parser, std::string_view text) {
  dom::element root;
  dom::object document;
  dom::array list;
  if (parser.allocate(text.size() + 1, depth_max) != simdjson::SUCCESS ||
      parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS ||
      root.get_object().get(document) != simdjson::SUCCESS || !distinct_names(document) ||
      document.at_key("keys").get_array().get(list) != simdjson::SUCCESS) {
    return fail("the text is not a JWKS: a JSON object with an array \"keys\" (RFC 7517 section 5)");
  }
  return list;
}

}  // namespace

Result<void> KeySetBuilder::add_jwks(KeyPurpose purpose, std::string_view text) {
  if (text.size() > text_bytes_max) return fail("the JWKS is longer than 1 MiB");
  dom::parser parser;
  auto list = key_list(parser, text);
  if (!list) return std::unexpected(list.error());
  const std::size_t before = keys_.size();
  std::size_t position = 0;
  for (dom::element item : *list) {
    const std::size_t at = position++;
    Result<void> added;
    if (auto jwk = read_jwk(item); !jwk) {
      added = std::unexpected(jwk.error());
    } else if (jwk->usable) {
      added = jwk->key ? add_public(purpose, std::move(jwk->key), jwk->kid, jwk->algorithm)
                       : add_secret(purpose, jwk->secret, jwk->kid, jwk->algorithm.value_or(Algorithm::HS256));
    }
    if (!added && warnings_.size() < warnings_max) {
      warnings_.push_back("key " + std::to_string(at) + " of the JWKS is left out: " + added.error().message);
    }
  }
  if (keys_.size() == before) return fail("the JWKS holds no key that can be used");
  return {};
}

}  // namespace sparc::auth
