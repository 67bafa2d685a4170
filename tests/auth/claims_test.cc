#include "auth/claims.h"

#include <gmock/gmock.h>

#include "auth/token_signer.h"
#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class Claims : public ::testing::Test {
 protected:
  std::expected<Identity, Refusal> read(std::string_view claims, ClaimRules rules = {}) {
    return verifier_.verify_user(sign_hs256(secret, claims), std::make_shared<const ClaimRules>(std::move(rules)), now);
  }
  std::expected<ServiceIdentity, Refusal> read_service(std::string_view claims) {
    return services_.verify_service(sign_hs256(secret, claims), now);
  }
  /// The claims are refused as UNAUTHENTICATED with a text that names `claim`.
  void expect_refused(std::string_view claims, std::string_view claim, const ClaimRules& rules = {}) {
    const auto identity = read(claims, rules);
    ASSERT_FALSE(identity) << claims;
    EXPECT_EQ(identity.error().fault.code, Code::UNAUTHENTICATED) << claims;
    EXPECT_THAT(identity.error().fault.message, HasSubstr("claim " + std::string(claim) + " ")) << claims;
  }
  /// Good claims and one more member.
  static std::string with(std::string_view member) {
    return R"({"userId":"u1","tenantId":"t1","roles":["a"],)" + std::string(member) + "}";
  }

  TokenVerifier verifier_{secret_keys()};
  TokenVerifier services_{secret_keys(secret, KeyPurpose::service)};
};

TEST_F(Claims, AMissingClaimIsNamed) {
  expect_refused(R"({"tenantId":"t1","roles":[]})", "userId");
  expect_refused(R"({"userId":"u1","roles":[]})", "tenantId");
  expect_refused(R"({"userId":"u1","tenantId":"t1"})", "roles");
  expect_refused(R"({"userId":"u1","tenantId":null,"roles":[]})", "tenantId");
  EXPECT_TRUE(read(R"({"userId":"u1","tenantId":"t1","roles":[],"organizationId":null})"));
}

TEST_F(Claims, MissingRolesAreNoneWhereTheViewSaysSo) {
  const auto identity = read(R"({"userId":"u1","tenantId":"t1"})", {.roles_required = false});
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->roles.empty());
  EXPECT_TRUE(identity->organization_id.empty());
}

TEST_F(Claims, TheFirstPresentNameOfAListWins) {
  const ClaimRules rules{.user_id = {"userId", "sub"}, .tenant_id = {"tenantId", "organizationId"}};
  const auto old_client = read(R"({"sub":"u1","organizationId":"o1","roles":[]})", rules);
  ASSERT_TRUE(old_client) << old_client.error().fault.message;
  EXPECT_EQ(old_client->user_id, "u1");
  EXPECT_EQ(old_client->tenant_id, "o1");
  const auto both = read(R"({"sub":"s","userId":"u2","tenantId":"t2","organizationId":"o2","roles":[]})", rules);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->user_id, "u2");
  EXPECT_EQ(both->tenant_id, "t2");
  EXPECT_EQ(read(R"({"userId":null,"sub":"u1","tenantId":"t1","roles":[]})", rules)->user_id, "u1");
  expect_refused(R"({"userId":"","sub":"u1","tenantId":"t1","roles":[]})", "userId", rules);
}

TEST_F(Claims, IdsOfOtherCharactersOrLengthsOrTypesAreRefused) {
  for (const char* value : {R"("")", R"("a b")", R"("a/b")", R"("a:b")", R"("*")", R"("ü")", R"("a\u0000")", R"("a\n")", "7",
                            "true", R"(["u1"])", "{}"}) {
    expect_refused(std::string(R"({"tenantId":"t1","roles":[],"userId":)") + value + "}", "userId");
    expect_refused(std::string(R"({"userId":"u1","roles":[],"tenantId":)") + value + "}", "tenantId");
    expect_refused(with(std::string(R"("organizationId":)") + value), "organizationId");
  }
  EXPECT_TRUE(read(R"({"userId":"A.z_0@x+y-9","tenantId":")" + std::string(128, 't') + R"(","roles":[]})"));
  expect_refused(R"({"userId":"u1","tenantId":")" + std::string(129, 't') + R"(","roles":[]})", "tenantId");
}

TEST_F(Claims, ARefusalRepeatsNothingOfTheToken) {
  const auto identity = read(R"({"userId":"<script>","tenantId":"t1","roles":[]})");
  ASSERT_FALSE(identity);
  EXPECT_THAT(identity.error().fault.message, Not(HasSubstr("script")));
}

TEST_F(Claims, RolesAreAListOrOneStringSortedAndUniqueAndAnyTextIsOne) {
  auto roles = [&](const char* json) {
    return read(std::string(R"({"userId":"u1","tenantId":"t1","roles":)") + json + "}")->roles;
  };
  EXPECT_EQ(roles(R"(["b","a","b",""])"), (Roles{"a", "b"}));
  EXPECT_EQ(roles(R"("admin")"), Roles{"admin"});
  EXPECT_EQ(roles(R"("")"), Roles{});
  EXPECT_EQ(roles(R"(["not an id: ok"])"), Roles{"not an id: ok"});
  for (const char* json : {"7", "{}", "true", R"(["a",7])", R"([["a"]])"}) {
    expect_refused(std::string(R"({"userId":"u1","tenantId":"t1","roles":)") + json + "}", "roles");
  }
}

TEST_F(Claims, ATokenExpiresLeewayAfterItsExp) {
  // now is 1767225600
  EXPECT_TRUE(read(with(R"("exp":1767225596)")));
  const auto expired = read(with(R"("exp":1767225595)"));
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().fault.code, Code::TOKEN_EXPIRED);
  EXPECT_FALSE(read(with(R"("exp":1767225600)"), {.leeway_ms = 0}));
  EXPECT_TRUE(read(with(R"("exp":1767225601)"), {.leeway_ms = 0}));
}

TEST_F(Claims, ExpIsANumberOfSecondsAndMayHaveAFraction) {
  EXPECT_EQ(read(with(R"("exp":1767225600.5)"))->expires_ms, wall + 500);
  EXPECT_EQ(read(with(R"("exp":1.7672256e9)"))->expires_ms, wall);
  for (const char* value : {R"("1767225600")", "null", "true", "[]", "{}"})
    expect_refused(with(std::string(R"("exp":)") + value), "exp");
}

TEST_F(Claims, ExtremeDatesNeitherOverflowNorMeanNever) {
  for (const char* value : {"0", "-1", "-9223372036854775808", "-1e300", "0.0001"}) {
    const auto identity = read(with(std::string(R"("exp":)") + value));
    ASSERT_FALSE(identity) << value;
    EXPECT_EQ(identity.error().fault.code, Code::TOKEN_EXPIRED) << value;
  }
  for (const char* value : {"9223372036854775807", "18446744073709551615", "1e300"}) {
    const auto identity = read(with(std::string(R"("exp":)") + value));
    ASSERT_TRUE(identity) << value;
    EXPECT_EQ(identity->expires_ms, 9'000'000'000'000'000) << value;
  }
  EXPECT_FALSE(read(with(R"("exp":1e999)")));
  // A token of 1970 at a clock of 1970 expires all the same.
  const auto early = verifier_.verify_user(sign_hs256(secret, with(R"("exp":0)")), default_rules(), {0, 1'000});
  ASSERT_TRUE(early);
  EXPECT_NE(early->expires_ms, 0);
}

TEST_F(Claims, WithoutExpATokenNeverExpiresUnlessTheViewAsksForIt) {
  EXPECT_EQ(read(R"({"userId":"u1","tenantId":"t1","roles":[]})")->expires_ms, 0);
  expect_refused(R"({"userId":"u1","tenantId":"t1","roles":[]})", "exp", {.expiry_required = true});
}

TEST_F(Claims, ATokenOfTheFutureIsRefused) {
  for (const char* name : {"nbf", "iat"}) {
    EXPECT_TRUE(read(with('"' + std::string(name) + R"(":1767225605)")));
    expect_refused(with('"' + std::string(name) + R"(":1767225606)"), name);
    expect_refused(with('"' + std::string(name) + R"(":"yesterday")"), name);
  }
}

TEST_F(Claims, AnAudienceIsAskedForWhereConfigured) {
  const ClaimRules rules{.audiences = {"app", "console"}};
  EXPECT_TRUE(read(with(R"("aud":"app")"), rules));
  EXPECT_TRUE(read(with(R"("aud":["x","console"])"), rules));
  expect_refused(with(R"("aud":"x")"), "aud", rules);
  expect_refused(with(R"("aud":[])"), "aud", rules);
  expect_refused(with(R"("x":1)"), "aud", rules);
  EXPECT_TRUE(read(with(R"("aud":"anything")")));
  expect_refused(with(R"("aud":7)"), "aud");
  expect_refused(with(R"("aud":["x",7])"), "aud");
}

TEST_F(Claims, AnIssuerIsAskedForWhereConfigured) {
  const ClaimRules rules{.issuers = {"https://id.example"}};
  EXPECT_TRUE(read(with(R"("iss":"https://id.example")"), rules));
  expect_refused(with(R"("iss":"https://id.example/")"), "iss", rules);
  expect_refused(with(R"("iss":["https://id.example"])"), "iss", rules);
  expect_refused(with(R"("x":1)"), "iss", rules);
  EXPECT_TRUE(read(with(R"("iss":"anybody")")));
}

TEST_F(Claims, AServiceHasTheScopesOfItsTokenAndUnknownOnesAreIgnored) {
  auto scopes = [&](const char* scope) {
    return read_service(std::string(R"({"aud":"sparc-service","sub":"s","scope":)") + scope + "}")->scopes;
  };
  EXPECT_EQ(scopes(R"("publish read disconnect rollout handle")"), 0x1f);
  EXPECT_EQ(scopes(R"(" publish  email handle ")"), 0x11);
  EXPECT_EQ(scopes(R"("Publish PUBLISH publis publishs")"), 0);
  EXPECT_EQ(read_service(R"({"aud":"sparc-service","sub":"s"})")->scopes, 0);
  EXPECT_FALSE(read_service(R"({"aud":"sparc-service","sub":"s","scope":["publish"]})"));
}

TEST_F(Claims, AServiceOfOneTenantHasNoRollout) {
  const auto service = read_service(R"({"aud":["sparc-service"],"sub":"s","scope":"publish rollout","tenantId":"t1"})");
  ASSERT_TRUE(service);
  EXPECT_EQ(service->tenant_id, "t1");
  EXPECT_TRUE(service->may(Scope::publish));
  EXPECT_FALSE(service->may(Scope::rollout));
}

TEST_F(Claims, AServicesTenantThatIsNoIdNeverMeansEveryTenant) {
  for (const char* value : {"null", R"("")", R"("a b")", "7", "[]"}) {
    EXPECT_FALSE(read_service(std::string(R"({"aud":"sparc-service","sub":"s","tenantId":)") + value + "}")) << value;
  }
}

TEST_F(Claims, AServiceNeedsANameAndTheAudienceAndATimeThatHasNotPassed) {
  EXPECT_FALSE(read_service(R"({"aud":"sparc-service"})"));
  EXPECT_FALSE(read_service(R"({"aud":"sparc-service","sub":""})"));
  EXPECT_FALSE(read_service(R"({"aud":"sparc-service","sub":"a\nb"})"));
  EXPECT_FALSE(read_service(R"({"aud":"sparc-services","sub":"s"})"));
  EXPECT_FALSE(read_service(R"({"sub":"s"})"));
  const auto expired = read_service(R"({"aud":"sparc-service","sub":"s","exp":1767225000})");
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().fault.code, Code::TOKEN_EXPIRED);
}

}  // namespace
}  // namespace sparc::auth
