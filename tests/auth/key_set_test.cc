#include "auth/key_set.h"

#include <gmock/gmock.h>

#include "base/prefixes.h"
#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string jwks(std::initializer_list<std::string> keys) {
  std::string out = R"({"keys":[)";
  for (const std::string& key : keys) out += (out.back() == '[' ? "{" : ",{") + key + '}';
  return out + "]}";
}

std::string error_of(const Result<void>& result) { return result ? "" : result.error().message; }

TEST(KeySet, AlgorithmsAreKnownByTheirExactNamesAndNoneIsNone) {
  for (const char* name : {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"}) {
    ASSERT_TRUE(algorithm_named(name));
    EXPECT_EQ(name_of(*algorithm_named(name)), name);
  }
  for (const char* name : {"none", "None", "NONE", "", "hs256", "HS256 ", "PS256", "ES512", "eddsa"})
    EXPECT_FALSE(algorithm_named(name)) << name;
}

TEST(KeySet, AShortSecretIsAcceptedWithAWarningAndALongOneWithout) {
  KeySetBuilder builder;
  EXPECT_TRUE(builder.add_secret(KeyPurpose::user, "test-secret"));
  ASSERT_EQ(builder.warnings().size(), 1U);
  EXPECT_THAT(builder.warnings()[0], HasSubstr("11 bytes"));
  EXPECT_THAT(builder.warnings()[0], Not(HasSubstr("test-secret")));
  EXPECT_TRUE(builder.add_secret(KeyPurpose::user, std::string(32, 'x')));
  EXPECT_EQ(builder.warnings().size(), 1U);
  EXPECT_EQ(builder.build()->keys().size(), 2U);
}

TEST(KeySet, ASecretIsNeverTheTextOfAKeyNorEmptyNorForAPublicKeyAlgorithm) {
  KeySetBuilder builder;
  EXPECT_THAT(error_of(builder.add_secret(KeyPurpose::user, ec_key_for_tests().public_pem())), HasSubstr("PEM"));
  EXPECT_FALSE(builder.add_secret(KeyPurpose::user, "\n  " + ec_key_for_tests().private_pem()));
  EXPECT_FALSE(builder.add_secret(KeyPurpose::user, ""));
  EXPECT_FALSE(builder.add_secret(KeyPurpose::user, secret, {}, Algorithm::RS256));
  EXPECT_EQ(builder.size(), 0U);
}

TEST(KeySet, APemTextGivesEachOfItsKeysTheAlgorithmOfItsType) {
  KeySetBuilder builder;
  const std::string text = rsa_key_for_tests().public_pem() + "some text between\n" + ec_key_for_tests().certificate_pem() +
                           ed25519_key_for_tests().public_pem() + PrivateKey::ec("P-384").public_pem();
  ASSERT_TRUE(builder.add_pem(KeyPurpose::user, text));
  const auto set = builder.build();
  ASSERT_EQ(set->keys().size(), 4U);
  EXPECT_EQ(set->keys()[0].algorithm, Algorithm::RS256);
  EXPECT_EQ(set->keys()[1].algorithm, Algorithm::ES256);
  EXPECT_EQ(set->keys()[2].algorithm, Algorithm::EdDSA);
  EXPECT_EQ(set->keys()[3].algorithm, Algorithm::ES384);
}

TEST(KeySet, AnAlgorithmCanBePinnedOnlyWithinTheKeysType) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_pem(KeyPurpose::user, rsa_key_for_tests().public_pem(), "k", Algorithm::RS512));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, rsa_key_for_tests().public_pem(), "k", Algorithm::HS256));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, rsa_key_for_tests().public_pem(), "k", Algorithm::ES256));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem(), "k", Algorithm::ES384));
  const auto set = builder.build();
  ASSERT_EQ(set->keys().size(), 1U);
  EXPECT_EQ(set->keys()[0].algorithm, Algorithm::RS512);
}

TEST(KeySet, WeakAndUnsupportedAndPrivateKeysAreRefusedAndAddNothing) {
  KeySetBuilder builder;
  EXPECT_THAT(error_of(builder.add_pem(KeyPurpose::user, PrivateKey::rsa(1'024).public_pem())), HasSubstr("1024 bits"));
  EXPECT_THAT(error_of(builder.add_pem(KeyPurpose::user, PrivateKey::ec("secp256k1").public_pem())), HasSubstr("secp256k1"));
  EXPECT_THAT(error_of(builder.add_pem(KeyPurpose::user, ec_key_for_tests().private_pem())), HasSubstr("PRIVATE KEY"));
  EXPECT_THAT(error_of(builder.add_pem(KeyPurpose::user, "no key here")), HasSubstr("no PEM"));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem() + PrivateKey::rsa(1'024).public_pem()));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem() + ec_key_for_tests().public_pem(), "one-id"));
  EXPECT_EQ(builder.size(), 0U);
}

TEST(KeySet, AJwksGivesKeysTheirIdsAndDefaultAlgorithms) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_jwks(KeyPurpose::service,
                               jwks({rsa_key_for_tests().jwk() + R"(,"kid":"r")", ec_key_for_tests().jwk() + R"(,"kid":"e")",
                                     ed25519_key_for_tests().jwk(), R"("kty":"oct","k":")" + base64url(secret) + '"',
                                     rsa_key_for_tests().jwk() + R"(,"alg":"RS384","use":"sig","key_ops":["verify"])"})));
  EXPECT_THAT(builder.warnings(), IsEmpty());
  const auto set = builder.build();
  ASSERT_EQ(set->keys().size(), 5U);
  EXPECT_EQ(set->keys()[0].algorithm, Algorithm::RS256);
  EXPECT_EQ(set->keys()[0].kid, "r");
  EXPECT_EQ(set->keys()[1].algorithm, Algorithm::ES256);
  EXPECT_EQ(set->keys()[2].algorithm, Algorithm::EdDSA);
  EXPECT_EQ(set->keys()[3].algorithm, Algorithm::HS256);
  EXPECT_EQ(set->keys()[3].secret, secret);
  EXPECT_EQ(set->keys()[4].algorithm, Algorithm::RS384);
  EXPECT_TRUE(set->serves(KeyPurpose::service));
  EXPECT_FALSE(set->serves(KeyPurpose::user));
}

TEST(KeySet, KeysOfAJwksThatAreNotForSignaturesOrOfUnknownTypesAreLeftOutInSilence) {
  KeySetBuilder builder;
  const std::string good = ec_key_for_tests().jwk();
  ASSERT_TRUE(builder.add_jwks(KeyPurpose::user, jwks({rsa_key_for_tests().jwk() + R"(,"use":"enc")", R"("kty":"LMS","pub":"x")",
                                                       rsa_key_for_tests().jwk() + R"(,"key_ops":["encrypt"])", good})));
  EXPECT_THAT(builder.warnings(), IsEmpty());
  EXPECT_EQ(builder.size(), 1U);
}

TEST(KeySet, UnusableKeysOfAJwksAreLeftOutWithAWarningEach) {
  const std::string ec = ec_key_for_tests().jwk();
  const std::string off_curve = R"("kty":"EC","crv":"P-256","x":")" + base64url(std::string(32, '\1')) + R"(","y":")" +
                                base64url(std::string(32, '\2')) + '"';
  const std::string bad[] = {
      PrivateKey::rsa(1'024).jwk(),
      rsa_key_for_tests().jwk() + R"(,"alg":"PS256")",
      rsa_key_for_tests().jwk() + R"(,"alg":"HS256")",
      ec + R"(,"alg":"RS256")",
      ec + R"(,"crv":"P-256")",  // a member twice
      off_curve,
      R"("kty":"EC","crv":"P-521","x":"AAAA","y":"AAAA")",
      R"("kty":"OKP","crv":"X25519","x":")" + base64url(std::string(32, 'x')) + '"',
      R"("kty":"OKP","crv":"Ed25519","x":"AAAA")",
      R"("kty":"RSA","n":"AQAB","e":"not base64!")",
      R"("kty":"RSA","e":"AQAB")",
      R"("kty":"oct","k":"")",
      R"("kty":"oct","k":5)",
      R"("kty":"oct","alg":"RS256","k":"AAAA")",
  };
  for (const std::string& key : bad) {
    KeySetBuilder builder;
    EXPECT_TRUE(builder.add_jwks(KeyPurpose::user, jwks({key, ec}))) << key;
    EXPECT_EQ(builder.size(), 1U) << key;
    EXPECT_EQ(builder.warnings().size(), 1U) << key;
    KeySetBuilder alone;
    EXPECT_FALSE(alone.add_jwks(KeyPurpose::user, jwks({key}))) << key;
  }
}

TEST(KeySet, WhatIsNoJwksIsAnError) {
  const std::string ec = "{" + ec_key_for_tests().jwk() + "}";
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"keys":[]})"), std::string(R"({"keys":{}})"),
        R"({"keys":[)" + ec, R"({"keys":[)" + ec + R"(],"keys":[]})", std::string(R"({"keys":[1,"a",null]})"),
        R"({"keys":[)" + std::string(100, '[') + std::string(100, ']') + "," + ec + "]}",
        std::string(KeySetBuilder::text_bytes_max + 1, ' ')}) {
    KeySetBuilder builder;
    EXPECT_FALSE(builder.add_jwks(KeyPurpose::user, text)) << text.substr(0, 80);
    EXPECT_EQ(builder.size(), 0U);
  }
}

TEST(KeySet, EveryPrefixOfAJwksIsAnError) {
  for_each_prefix(jwks({ec_key_for_tests().jwk(), ed25519_key_for_tests().jwk()}), [](std::string_view prefix) {
    KeySetBuilder builder;
    EXPECT_FALSE(builder.add_jwks(KeyPurpose::user, std::string(prefix))) << prefix;
    EXPECT_EQ(builder.size(), 0U);
  });
}

TEST(KeySet, MoreThanSixtyFourKeysAreRefused) {
  KeySetBuilder builder;
  for (std::size_t i = 0; i < KeySetBuilder::keys_max; ++i)
    ASSERT_TRUE(builder.add_secret(KeyPurpose::user, std::string(secret) + std::to_string(i)));
  EXPECT_FALSE(builder.add_secret(KeyPurpose::user, secret));
  EXPECT_FALSE(builder.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem()));
  EXPECT_FALSE(builder.add_jwks(KeyPurpose::user, jwks({ec_key_for_tests().jwk()})));
  EXPECT_EQ(builder.size(), 64U);
}

TEST(KeySet, TheFingerprintIsThatOfTheKeysAndNotOfTheirSpelling) {
  auto of = [](auto&& add) {
    KeySetBuilder builder;
    EXPECT_TRUE(add(builder));
    return builder.build()->fingerprint();
  };
  const auto pem = of([](KeySetBuilder& b) { return b.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem()); });
  EXPECT_EQ(pem, of([](KeySetBuilder& b) { return b.add_jwks(KeyPurpose::user, jwks({ec_key_for_tests().jwk()})); }));
  EXPECT_NE(pem, of([](KeySetBuilder& b) { return b.add_pem(KeyPurpose::service, ec_key_for_tests().public_pem()); }));
  EXPECT_NE(pem, of([](KeySetBuilder& b) { return b.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem(), "id"); }));
  EXPECT_NE(pem, of([](KeySetBuilder& b) { return b.add_secret(KeyPurpose::user, secret); }));
}

}  // namespace
}  // namespace sparc::auth
