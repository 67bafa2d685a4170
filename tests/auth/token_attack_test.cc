// What somebody tries who holds no key.
#include <gmock/gmock.h>

#include "auth/digest.h"
#include "auth/revocation.h"
#include "auth/token_signer.h"
#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;

struct Signed {
  std::string name;
  std::shared_ptr<const KeySet> keys;
  std::string token;
};

std::vector<Signed> one_of_each() {
  return {{"HS256", secret_keys(), sign_hs256(secret, good_claims)},
          {"RS256", pem_keys(rsa_key_for_tests()), rsa_key_for_tests().sign(R"({"alg":"RS256"})", good_claims)},
          {"ES256", pem_keys(ec_key_for_tests()), ec_key_for_tests().sign(R"({"alg":"ES256"})", good_claims)},
          {"EdDSA", pem_keys(ed25519_key_for_tests()), ed25519_key_for_tests().sign(R"({"alg":"EdDSA"})", good_claims)}};
}

void expect_refused(TokenVerifier& verifier, const std::string& token, const std::string& what) {
  const auto identity = verifier.verify_user(token, default_rules(), now);
  ASSERT_FALSE(identity) << what;
  EXPECT_EQ(identity.error().fault.code, Code::UNAUTHENTICATED) << what;
}

TEST(TokenAttack, ATokenChangedInAnyBitIsNeverAccepted) {
  for (const Signed& good : one_of_each()) {
    TokenVerifier verifier(good.keys);
    for (std::size_t at = 0; at < good.token.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string token = good.token;
        token[at] = static_cast<char>(token[at] ^ 1 << bit);
        expect_refused(verifier, token, good.name + " bit " + std::to_string(bit) + " of byte " + std::to_string(at));
      }
    }
    EXPECT_TRUE(verifier.verify_user(good.token, default_rules(), now)) << good.name;
  }
}

TEST(TokenAttack, ATokenCutAnywhereOrExtendedIsNeverAccepted) {
  for (const Signed& good : one_of_each()) {
    TokenVerifier verifier(good.keys);
    for (std::size_t size = 0; size < good.token.size(); ++size) expect_refused(verifier, good.token.substr(0, size), good.name);
    for (const char* more : {"=", "==", " ", "\n", ".", "A", "AAAA", ".AAAA"}) {
      expect_refused(verifier, good.token + more, good.name + more);
      expect_refused(verifier, more + good.token, good.name + more);
    }
    expect_refused(verifier, good.token + std::string(1, '\0'), good.name);
  }
}

TEST(TokenAttack, AnHmacWithThePublicKeysTextIsNoSignatureOfThatKey) {
  for (const PrivateKey* key : {&rsa_key_for_tests(), &ec_key_for_tests(), &ed25519_key_for_tests()}) {
    TokenVerifier verifier(pem_keys(*key));
    const std::string pem = key->public_pem();
    expect_refused(verifier, sign_hs256(pem, good_claims), "the whole text");
    expect_refused(verifier, sign_hs256(pem.substr(0, pem.size() - 1), good_claims), "without the last line break");
    expect_refused(verifier, sign_hs256("", good_claims), "the empty secret");
  }
}

TEST(TokenAttack, NoneInAnySpellingIsNoAlgorithm) {
  for (const Signed& good : one_of_each()) {
    TokenVerifier verifier(good.keys);
    const std::size_t dot = good.token.rfind('.');
    for (const char* alg : {"none", "None", "NONE", "nOnE", ""}) {
      const std::string unsigned_part = base64url(std::string(R"({"alg":")") + alg + "\"}") + '.' + base64url(good_claims) + '.';
      expect_refused(verifier, unsigned_part, alg);
      expect_refused(verifier, unsigned_part + good.token.substr(dot + 1), alg);
    }
  }
}

TEST(TokenAttack, TheHeadersAlgorithmMustBeTheKeysOwn) {
  const PrivateKey& rsa = rsa_key_for_tests();
  TokenVerifier verifier(pem_keys(rsa));
  expect_refused(verifier, rsa.sign(R"({"alg":"RS512"})", good_claims, EVP_sha512()), "RS512 with a key for RS256");
  expect_refused(verifier, rsa.sign(R"({"alg":"ES256"})", good_claims), "ES256 with an RSA key");
  expect_refused(verifier, rsa.sign(R"({"alg":"RS256"})", good_claims, EVP_sha1()), "RS256 over SHA-1");
  TokenVerifier ec(pem_keys(ec_key_for_tests()));
  expect_refused(ec, ec_key_for_tests().sign(R"({"alg":"EdDSA"})", good_claims), "EdDSA with an EC key");
}

TEST(TokenAttack, EmptyAndZeroSignaturesVerifyNothing) {
  for (const Signed& good : one_of_each()) {
    TokenVerifier verifier(good.keys);
    const std::string head = good.token.substr(0, good.token.rfind('.') + 1);
    for (std::size_t size : {0, 1, 32, 63, 64, 65, 256, 1'024, 1'025}) {
      for (char byte : {'\0', '\1', '\xff'})
        expect_refused(verifier, head + base64url(std::string(size, byte)), good.name + std::to_string(size));
    }
  }
}

TEST(TokenAttack, AnEcdsaSignatureInDerIsNotTheRawOneOfJws) {
  const std::string token = ec_key_for_tests().sign(R"({"alg":"ES256"})", good_claims);
  const std::size_t dot = token.rfind('.');
  const std::string raw = *base64url_decode(std::string_view(token).substr(dot + 1));
  std::string der("\x30\x46\x02\x21\x00", 5);
  der.append(raw, 0, 32).append("\x02\x21\x00", 3).append(raw, 32, 32);
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  expect_refused(verifier, token.substr(0, dot + 1) + base64url(der), "DER");
}

TEST(TokenAttack, AKeyInTheHeaderIsNotLookedAt) {
  const PrivateKey own = PrivateKey::ec();
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  expect_refused(verifier, own.sign(R"({"alg":"ES256","jwk":{)" + own.jwk() + "}}", good_claims), "jwk");
  expect_refused(
      verifier,
      own.sign(R"({"alg":"ES256","jku":"https://attacker.example/keys.json","x5u":"https://attacker.example/c"})", good_claims),
      "jku");
}

TEST(TokenAttack, AHeaderThatIsNotOnePlainObjectIsRefusedAlthoughTheSignatureIsGood) {
  const PrivateKey& key = ec_key_for_tests();
  TokenVerifier verifier(pem_keys(key));
  std::string deep = R"({"alg":"ES256","x":)";
  deep.append(100, '[').append(100, ']') += '}';
  for (const std::string& header :
       {std::string(R"({"alg":"ES256","crit":["b64"],"b64":false})"), std::string(R"({"alg":"ES256","crit":[]})"),
        std::string(R"({"alg":"none","alg":"ES256"})"), std::string(R"({"alg":"ES256","alg":"ES256"})"),
        std::string(R"({"alg":"ES256","\u0061lg":"none"})"), std::string(R"(["alg","ES256"])"), std::string(R"("ES256")"),
        std::string(R"({"alg":["ES256"]})"), std::string(R"({"alg":null})"), std::string("{}"), std::string(),
        std::string(R"({"alg":"ES256"}{})"), std::string(R"({"alg":"ES256",})"), std::string(R"({"alg":"ES256","kid":7})"),
        std::string("{\"alg\":\"ES256\",\"x\":\"\xff\"}"), deep}) {
    expect_refused(verifier, key.sign(header, good_claims), header);
  }
}

TEST(TokenAttack, ClaimsThatAreNotOnePlainObjectAreRefusedAlthoughTheSignatureIsGood) {
  TokenVerifier verifier(secret_keys());
  std::string deep = R"({"userId":"u1","tenantId":"t1","roles":[],"x":)";
  deep.append(1'000, '[').append(1'000, ']') += '}';
  for (const std::string& claims :
       {std::string(R"({"userId":"u1","tenantId":"t1","roles":[],"tenantId":"t2"})"),
        std::string(R"({"userId":"u1","tenantId":"t1","roles":[],"tenant\u0049d":"t2"})"), std::string("[]"), std::string(),
        std::string("null"), std::string(R"({"userId":"u1","tenantId":"t1","roles":[]}x)"),
        std::string("{\"userId\":\"u1\",\"tenantId\":\"t1\",\"roles\":[],\"x\":\"\xc3\x28\"}"), deep}) {
    expect_refused(verifier, sign_hs256(secret, claims), claims.substr(0, 80));
  }
}

TEST(TokenAttack, TheOtherSpellingOfAnEcdsaSignatureVerifiesButDoesNotEscapeARevocation) {
  for (const char* curve : {"P-256", "P-384"}) {
    const bool p256 = std::string_view(curve) == "P-256";
    const PrivateKey key = PrivateKey::ec(curve);
    TokenVerifier verifier(pem_keys(key));
    const std::string token =
        key.sign(p256 ? R"({"alg":"ES256"})" : R"({"alg":"ES384"})", good_claims, p256 ? EVP_sha256() : EVP_sha384());
    const auto twin = other_spelling(token);
    ASSERT_TRUE(twin);
    EXPECT_NE(*twin, token);
    EXPECT_EQ(other_spelling(*twin), token);
    const auto identity = verifier.verify_user(*twin, default_rules(), now);
    ASSERT_TRUE(identity) << identity.error().fault.message;
    RevocationSet revoked;
    revoked.add(hash_token(token), identity->expires_ms, now);
    EXPECT_TRUE(revoked.contains(hash_of(*identity)));
  }
}

TEST(TokenAttack, WhatIsNoEcdsaTokenHasNoOtherSpellingThatVerifies) {
  EXPECT_FALSE(other_spelling(""));
  EXPECT_FALSE(other_spelling("a.b.c"));
  EXPECT_FALSE(other_spelling("a.b." + base64url(std::string(64, '\0'))));
  EXPECT_FALSE(other_spelling("a.b." + base64url(std::string(64, '\xff'))));
  EXPECT_FALSE(other_spelling(sign_hs256(secret, good_claims)));
  TokenVerifier verifier(pem_keys(ed25519_key_for_tests()));
  if (const auto twin = other_spelling(ed25519_key_for_tests().sign(R"({"alg":"EdDSA"})", good_claims))) {
    EXPECT_FALSE(verifier.verify_user(*twin, default_rules(), now));
  }
}

}  // namespace
}  // namespace sparc::auth
