#include "auth/token_verifier.h"

#include <gmock/gmock.h>
#include <openssl/err.h>

#include <atomic>
#include <thread>
#include <vector>

#include "auth/digest.h"
#include "auth/token_signer.h"
#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;
using ::testing::HasSubstr;

const std::string es256_token() { return ec_key_for_tests().sign(R"({"alg":"ES256"})", good_claims); }

TEST(TokenVerifier, AnIdentityIsWhatTheTokenSaidWithTheHashOfItsSignedPart) {
  TokenVerifier verifier(secret_keys());
  const std::string token = sign_hs256(secret, good_claims);
  const auto identity = verifier.verify_user(token, default_rules(), now);
  ASSERT_TRUE(identity) << identity.error().fault.message;
  EXPECT_EQ(identity->user_id, "u1");
  EXPECT_EQ(identity->tenant_id, "t1");
  EXPECT_EQ(identity->organization_id, "o1");
  EXPECT_EQ(identity->roles, Roles{"operator"});
  EXPECT_EQ(identity->expires_ms, 1'767'229'200'000);
  EXPECT_FALSE(identity->anonymous);
  EXPECT_EQ(hash_of(*identity), hash_token(token));
  EXPECT_NE(hash_token(token), hash_token(sign_hs256(secret, R"({"userId":"u2"})")));
}

TEST(TokenVerifier, EachKindOfKeyVerifiesItsTokens) {
  const std::tuple<const PrivateKey*, const char*> rows[] = {{&rsa_key_for_tests(), R"({"alg":"RS256"})"},
                                                             {&ec_key_for_tests(), R"({"alg":"ES256"})"},
                                                             {&ed25519_key_for_tests(), R"({"alg":"EdDSA"})"}};
  for (const auto& [key, header] : rows) {
    TokenVerifier verifier(pem_keys(*key));
    EXPECT_TRUE(verifier.verify_user(key->sign(header, good_claims), default_rules(), now)) << header;
  }
}

TEST(TokenVerifier, ATokenNamesTheKeyItWasSignedWithOrIsTriedWithAllOfItsAlgorithm) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, "the first secret of all of them here", "a"));
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, secret, "b"));
  TokenVerifier verifier(builder.build());
  EXPECT_TRUE(verifier.verify_user(sign_hs256(secret, good_claims, "b"), default_rules(), now));
  EXPECT_TRUE(verifier.verify_user(sign_hs256(secret, good_claims), default_rules(), now));
  EXPECT_FALSE(verifier.verify_user(sign_hs256(secret, good_claims, "a"), default_rules(), now));
}

TEST(TokenVerifier, AKeyWithoutIdVerifiesTokensThatNameAKeyNobodyHas) {
  TokenVerifier verifier(secret_keys());
  EXPECT_TRUE(verifier.verify_user(sign_hs256(secret, good_claims, "from-the-issuer"), default_rules(), now));
}

TEST(TokenVerifier, OnlyATokenThatFreshKeysCouldSaveIsRefusedAsOfAnUnknownKey) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_pem(KeyPurpose::user, ec_key_for_tests().public_pem(), "known"));
  TokenVerifier verifier(builder.build());
  const PrivateKey rotated = PrivateKey::ec();
  auto refused = [&](const std::string& token) {
    const auto identity = verifier.verify_user(token, default_rules(), now);
    EXPECT_FALSE(identity);
    EXPECT_EQ(identity.error().fault.code, Code::UNAUTHENTICATED);
    return identity.error().unknown_key;
  };
  EXPECT_TRUE(refused(rotated.sign(R"({"alg":"ES256","kid":"new"})", good_claims)));
  EXPECT_TRUE(refused(rsa_key_for_tests().sign(R"({"alg":"RS256"})", good_claims)));     // no key of that algorithm yet
  EXPECT_FALSE(refused(rotated.sign(R"({"alg":"ES256","kid":"known"})", good_claims)));  // forged
  EXPECT_FALSE(refused(rotated.sign(R"({"alg":"ES256"})", good_claims)));
  EXPECT_FALSE(refused(sign_hs256(secret, good_claims, "known")));  // another algorithm than the key's
  EXPECT_FALSE(refused("no token"));
}

TEST(TokenVerifier, AnEmptySetVerifiesNothing) {
  TokenVerifier verifier(KeySetBuilder{}.build());
  EXPECT_FALSE(verifier.verify_user(sign_hs256("", good_claims), default_rules(), now));
  EXPECT_FALSE(verifier.verify_service(sign_hs256("", claims_json(ServiceClaims{"s"}, now)), now));
}

TEST(TokenVerifier, KeysForUsersMakeNoServiceAndKeysForServicesNoUser) {
  const std::string service = sign_hs256(secret, claims_json(ServiceClaims{"video-service", "publish"}, now));
  const std::string user = sign_hs256(secret, good_claims);
  TokenVerifier users(secret_keys()), services(secret_keys(secret, KeyPurpose::service));
  EXPECT_TRUE(users.verify_user(user, default_rules(), now));
  EXPECT_FALSE(users.verify_service(service, now));
  EXPECT_FALSE(services.verify_user(user, default_rules(), now));
  EXPECT_TRUE(services.verify_service(service, now));
}

TEST(TokenVerifier, WhereOneSecretIsForBothTheAudienceStillDivides) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, secret));
  ASSERT_TRUE(builder.add_secret(KeyPurpose::service, secret));
  TokenVerifier verifier(builder.build());
  const std::string both =
      R"({"aud":["app","sparc-service"],"sub":"s","scope":"publish","userId":"u1","tenantId":"t1","roles":["admin"]})";
  EXPECT_FALSE(verifier.verify_user(sign_hs256(secret, both), default_rules(), now));
  EXPECT_TRUE(verifier.verify_service(sign_hs256(secret, both), now));
  const auto user = verifier.verify_service(
      sign_hs256(secret, R"({"sub":"u1","scope":"publish","userId":"u1","tenantId":"t1","roles":["admin"]})"), now);
  ASSERT_FALSE(user);
  EXPECT_THAT(user.error().fault.message, HasSubstr("aud"));
}

TEST(TokenVerifier, WhereBothMayComeEachTokenIsWhatItsKeyMakesIt) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, secret));
  ASSERT_TRUE(builder.add_pem(KeyPurpose::service, ec_key_for_tests().public_pem(), "services"));
  TokenVerifier verifier(builder.build());
  auto service_token = [](std::int64_t lifetime_s, const char* kid) {
    return ec_key_for_tests().sign(std::string(R"({"alg":"ES256","kid":")") + kid + "\"}",
                                   claims_json(ServiceClaims{"video-service", "publish", "", lifetime_s}, now));
  };
  const auto user = verifier.verify(sign_hs256(secret, good_claims), default_rules(), now);
  ASSERT_TRUE(user);
  EXPECT_EQ(std::get<Identity>(*user).user_id, "u1");
  const auto service = verifier.verify(service_token(60, "services"), default_rules(), now);
  ASSERT_TRUE(service);
  EXPECT_EQ(std::get<ServiceIdentity>(*service).name, "video-service");
  const auto expired = verifier.verify(service_token(-60, "services"), default_rules(), now);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().fault.code, Code::TOKEN_EXPIRED);
  EXPECT_FALSE(expired.error().unknown_key);
  const auto forged = verifier.verify(sign_hs256("another secret", good_claims), default_rules(), now);
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().fault.code, Code::UNAUTHENTICATED);
  const auto rotated =
      verifier.verify(PrivateKey::ec().sign(R"({"alg":"ES256","kid":"new"})", good_claims), default_rules(), now);
  ASSERT_FALSE(rotated);
  EXPECT_TRUE(rotated.error().unknown_key);
}

TEST(TokenVerifier, VerifiersOfSeveralThreadsShareOneSetOfKeys) {
  const auto keys = pem_keys(ec_key_for_tests());
  const std::string token = es256_token();
  std::vector<std::jthread> threads;
  std::atomic<int> accepted = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      TokenVerifier verifier(keys, 0);
      for (int round = 0; round < 20; ++round) accepted += verifier.verify_user(token, default_rules(), now).has_value() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(accepted, 80);
}

TEST(TokenVerifier, ATokenOf8192BytesIsReadAndALongerOneIsNot) {
  TokenVerifier verifier(secret_keys());
  auto token_of = [](std::size_t wanted) {
    for (std::size_t pad = 5'000; pad < 7'000; ++pad) {
      std::string token =
          sign_hs256(secret, R"({"userId":"u1","tenantId":"t1","roles":[],"pad":")" + std::string(pad, 'x') + "\"}");
      if (token.size() >= wanted) return token;
    }
    return std::string();
  };
  const std::string longest = token_of(token_bytes_max - 1), longer = token_of(token_bytes_max + 1);
  ASSERT_LE(longest.size(), token_bytes_max);
  EXPECT_TRUE(verifier.verify_user(longest, default_rules(), now));
  const auto refused = verifier.verify_user(longer, default_rules(), now);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().fault.message, HasSubstr("8192"));
}

TEST(TokenVerifier, ATokenWithAPublicKeySignatureIsVerifiedOnceAndThenRemembered) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  const std::string token = es256_token();
  const auto first = verifier.verify_user(token, default_rules(), now);
  const auto second = verifier.verify_user(token, default_rules(), now);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(verifier.cache_hits(), 1U);
  EXPECT_EQ(second->user_id, first->user_id);
  EXPECT_EQ(hash_of(*second), hash_of(*first));
}

TEST(TokenVerifier, ARememberedTokenStillExpires) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  const std::string token = es256_token();
  const std::int64_t expires = 1'767'229'200'000;
  ASSERT_TRUE(verifier.verify_user(token, default_rules(), now));
  EXPECT_TRUE(verifier.verify_user(token, default_rules(), {0, expires + 4'999}));
  for (int i = 0; i < 2; ++i) {
    const auto late = verifier.verify_user(token, default_rules(), {0, expires + 5'000});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().fault.code, Code::TOKEN_EXPIRED);
  }
  EXPECT_EQ(verifier.cache_size(), 0U);
}

TEST(TokenVerifier, ARememberedTokenIsForgottenWhenTheKeysChange) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  const std::string token = es256_token();
  ASSERT_TRUE(verifier.verify_user(token, default_rules(), now));
  verifier.set_keys(pem_keys(ec_key_for_tests()));  // the same keys, loaded again
  EXPECT_EQ(verifier.cache_size(), 1U);
  verifier.set_keys(pem_keys(PrivateKey::ec()));
  EXPECT_EQ(verifier.cache_size(), 0U);
  EXPECT_FALSE(verifier.verify_user(token, default_rules(), now));
}

TEST(TokenVerifier, TheSameClaimsWithAnotherSignatureAreNotRemembered) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  const std::string token = es256_token();
  ASSERT_TRUE(verifier.verify_user(token, default_rules(), now));
  const std::string forged = token.substr(0, token.rfind('.') + 1) + base64url(std::string(64, '\1'));
  EXPECT_FALSE(verifier.verify_user(forged, default_rules(), now));
}

TEST(TokenVerifier, ATokenIsRememberedPerRulesThatItWasReadWith) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()));
  ClaimRules old_view;
  old_view.tenant_id = {"organizationId"};
  const auto rules = std::make_shared<const ClaimRules>(old_view);
  const std::string token = es256_token();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(verifier.verify_user(token, default_rules(), now)->tenant_id, "t1");
    EXPECT_EQ(verifier.verify_user(token, rules, now)->tenant_id, "o1");
  }
  EXPECT_EQ(verifier.cache_hits(), 2U);
}

TEST(TokenVerifier, TheCacheForgetsWhatWasNotUsedForLongest) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()), 2);
  const std::string a = es256_token(), b = es256_token(), c = es256_token();  // ECDSA signs differently each time
  ASSERT_TRUE(verifier.verify_user(a, default_rules(), now));
  ASSERT_TRUE(verifier.verify_user(b, default_rules(), now));
  ASSERT_TRUE(verifier.verify_user(a, default_rules(), now));
  ASSERT_TRUE(verifier.verify_user(c, default_rules(), now));  // b goes
  EXPECT_EQ(verifier.cache_size(), 2U);
  EXPECT_EQ(verifier.cache_hits(), 1U);
  ASSERT_TRUE(verifier.verify_user(a, default_rules(), now));
  EXPECT_EQ(verifier.cache_hits(), 2U);
  ASSERT_TRUE(verifier.verify_user(b, default_rules(), now));
  EXPECT_EQ(verifier.cache_hits(), 2U);
}

TEST(TokenVerifier, ACacheOfNoEntriesKeepsNone) {
  TokenVerifier verifier(pem_keys(ec_key_for_tests()), 0);
  const std::string token = es256_token();
  EXPECT_TRUE(verifier.verify_user(token, default_rules(), now));
  EXPECT_TRUE(verifier.verify_user(token, default_rules(), now));
  EXPECT_EQ(verifier.cache_hits(), 0U);
}

TEST(TokenVerifier, TokensWithASharedSecretAreNotKept) {
  TokenVerifier verifier(secret_keys());
  ASSERT_TRUE(verifier.verify_user(sign_hs256(secret, good_claims), default_rules(), now));
  EXPECT_EQ(verifier.cache_size(), 0U);
}

TEST(TokenVerifier, AFailedCheckLeavesNoErrorBehindForTheTlsOfTheSameThread) {
  ERR_clear_error();
  for (const auto& [key, header] :
       {std::pair{&rsa_key_for_tests(), R"({"alg":"RS256"})"}, std::pair{&ec_key_for_tests(), R"({"alg":"ES256"})"}}) {
    TokenVerifier verifier(pem_keys(*key));
    std::string token = key->sign(header, good_claims);
    const std::size_t at = token.rfind('.') + 5;
    token[at] = token[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verifier.verify_user(token, default_rules(), now));
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST(TokenVerifier, ATokenIsToldFromAnApiKeyByItsForm) {
  EXPECT_TRUE(looks_like_token(es256_token()));
  EXPECT_FALSE(looks_like_token("sk_live_0123456789"));
  EXPECT_FALSE(looks_like_token("eyJ.only-two"));
  EXPECT_FALSE(looks_like_token(""));
}

}  // namespace
}  // namespace sparc::auth
