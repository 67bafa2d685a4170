// Tokens that another implementation signed (vectors/make.mjs).
#include <gtest/gtest.h>

#include "signing.h"
#include "vectors/jose_vectors.h"

namespace sparc::auth {
namespace {

using namespace testing;

void expect_identity(const std::expected<Identity, Refusal>& identity, const char* algorithm) {
  ASSERT_TRUE(identity) << algorithm << ": " << identity.error().fault.message;
  EXPECT_EQ(identity->user_id, "u-1");
  EXPECT_EQ(identity->tenant_id, "t-1");
  EXPECT_EQ(identity->organization_id, "o-1");
  EXPECT_EQ(identity->roles, (Roles{"admin", "operator"}));
  EXPECT_EQ(identity->expires_ms, 4'102'444'800'000);
}

TEST(JoseVectors, EachTokenVerifiesWithItsPemKeyOrTheSecretAlone) {
  for (const auto& vector : vectors::jose_vectors) {
    const auto algorithm = algorithm_named(vector.algorithm);
    ASSERT_TRUE(algorithm);
    KeySetBuilder builder;
    ASSERT_TRUE(is_symmetric(*algorithm) ? builder.add_secret(KeyPurpose::user, vectors::jose_secret, {}, *algorithm)
                                         : builder.add_pem(KeyPurpose::user, vector.pem, {}, *algorithm));
    TokenVerifier verifier(builder.build());
    expect_identity(verifier.verify_user(vector.token, default_rules(), now), vector.algorithm);
    for (const auto& other : vectors::jose_vectors) {
      EXPECT_EQ(verifier.verify_user(other.token, default_rules(), now).has_value(), &other == &vector) << other.algorithm;
    }
  }
}

TEST(JoseVectors, OneJwksVerifiesAllTokensWithPublicKeys) {
  KeySetBuilder builder;
  ASSERT_TRUE(builder.add_jwks(KeyPurpose::user, vectors::jose_jwks));
  EXPECT_TRUE(builder.warnings().empty());
  TokenVerifier verifier(builder.build());
  for (const auto& vector : vectors::jose_vectors) {
    if (*vector.pem == '\0') continue;
    expect_identity(verifier.verify_user(vector.token, default_rules(), now), vector.algorithm);
  }
}

}  // namespace
}  // namespace sparc::auth
