// The examples of RFC 7515 appendix A and RFC 8037 appendix A.
#include <gtest/gtest.h>

#include "signing.h"

namespace sparc::auth {
namespace {

using namespace testing;

constexpr Now before_expiry{0, 1'300'819'379'000};

// {"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}, with the line breaks of the RFC.
constexpr std::string_view payload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

struct Example {
  const char* header;
  const char* signature;
  const char* jwk;
};

const Example a1{"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                 R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})"};
const Example a2{
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d"
    "nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC"
    "-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL)"
    R"(-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTB)"
    R"(EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9)"
    R"(gb54h4FRWyuXpoQ","e":"AQAB"})"};
const Example a3{
    "eyJhbGciOiJFUzI1NiJ9", "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikY)"
    R"(jKIWI5a0"})"};

std::shared_ptr<const KeySet> keys_of(std::string_view jwk) {
  KeySetBuilder builder;
  EXPECT_TRUE(builder.add_jwks(KeyPurpose::user, R"({"keys":[)" + std::string(jwk) + "]}"));
  return builder.build();
}

TEST(RfcVectors, TheSignedExamplesOfRfc7515VerifyAndSayWhoIssuedThem) {
  ClaimRules rules;
  rules.user_id = rules.tenant_id = {"iss"};
  rules.roles_required = false;
  const auto shared = std::make_shared<const ClaimRules>(rules);
  for (const Example* example : {&a1, &a2, &a3}) {
    TokenVerifier verifier(keys_of(example->jwk));
    const std::string token = std::string(example->header) + '.' + std::string(payload) + '.' + example->signature;
    const auto identity = verifier.verify_user(token, shared, before_expiry);
    ASSERT_TRUE(identity) << example->header << ": " << identity.error().fault.message;
    EXPECT_EQ(identity->user_id, "joe");
    EXPECT_EQ(identity->expires_ms, 1'300'819'380'000);
    const auto late = verifier.verify_user(token, shared, {0, wall});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().fault.code, Code::TOKEN_EXPIRED);
  }
}

TEST(RfcVectors, TheKeyOfOneExampleVerifiesNoOther) {
  for (const Example* key : {&a1, &a2, &a3}) {
    for (const Example* example : {&a1, &a2, &a3}) {
      if (key == example) continue;
      TokenVerifier verifier(keys_of(key->jwk));
      EXPECT_FALSE(verifier.verify_user(std::string(example->header) + '.' + std::string(payload) + '.' + example->signature,
                                        default_rules(), before_expiry));
    }
  }
}

TEST(RfcVectors, TheEd25519ExampleOfRfc8037Verifies) {
  SignatureVerifier verifier(keys_of(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"));
  const std::string input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const auto signature =
      base64url_decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(verifier.verify(0, input, *signature));
  EXPECT_FALSE(verifier.verify(0, input + "A", *signature));
}

}  // namespace
}  // namespace sparc::auth
