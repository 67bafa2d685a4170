#include "auth/token_signer.h"

#include <gtest/gtest.h>

#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;

TEST(TokenSigner, AUsersTokenVerifiesAndExpiresWhenItWasToldTo) {
  TokenVerifier verifier(secret_keys());
  const std::string token = sign_hs256(secret, claims_json(UserClaims{"u1", "t1", "o1", {"viewer", "admin"}, 60}, now));
  const auto identity = verifier.verify_user(token, default_rules(), now);
  ASSERT_TRUE(identity) << identity.error().fault.message;
  EXPECT_EQ(identity->user_id, "u1");
  EXPECT_EQ(identity->tenant_id, "t1");
  EXPECT_EQ(identity->organization_id, "o1");
  EXPECT_EQ(identity->roles, (Roles{"admin", "viewer"}));
  EXPECT_EQ(identity->expires_ms, wall + 60'000);
}

TEST(TokenSigner, ALifetimeOfZeroNeverExpiresAndEmptyMembersAreLeftOut) {
  EXPECT_EQ(claims_json(UserClaims{"u1", "t1", "", {}, 0}, now),
            R"({"userId":"u1","tenantId":"t1","roles":[],"iat":1767225600})");
  EXPECT_EQ(claims_json(UserClaims{"", "", "", {"a", "b"}, 1}, now), R"({"roles":["a","b"],"iat":1767225600,"exp":1767225601})");
}

TEST(TokenSigner, QuotesInValuesAreEscaped) {
  EXPECT_EQ(claims_json(UserClaims{"u\"1", "t1", "", {}, 0}, now),
            R"({"userId":"u\"1","tenantId":"t1","roles":[],"iat":1767225600})");
}

TEST(TokenSigner, AServicesTokenMakesAServiceAndNoUser) {
  const std::string token = sign_hs256(secret, claims_json(ServiceClaims{"video-service", "publish handle", "t1"}, now));
  TokenVerifier services(secret_keys(secret, KeyPurpose::service));
  const auto service = services.verify_service(token, now);
  ASSERT_TRUE(service) << service.error().fault.message;
  EXPECT_EQ(service->name, "video-service");
  EXPECT_EQ(service->tenant_id, "t1");
  EXPECT_TRUE(service->may(Scope::publish));
  EXPECT_TRUE(service->may(Scope::handle));
  EXPECT_FALSE(service->may(Scope::read));
  TokenVerifier users(secret_keys());
  EXPECT_FALSE(users.verify_user(token, default_rules(), now));
}

TEST(TokenSigner, AKeyIdIsWrittenIntoTheHeader) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, "another secret of thirty-two bytes", "old"));
  ASSERT_TRUE(builder.add_secret(KeyPurpose::user, secret, "new"));
  TokenVerifier verifier(builder.build());
  EXPECT_TRUE(verifier.verify_user(sign_hs256(secret, good_claims, "new"), default_rules(), now));
  EXPECT_FALSE(verifier.verify_user(sign_hs256(secret, good_claims, "old"), default_rules(), now));
}

}  // namespace
}  // namespace sparc::auth
