// The first byte chooses what the rest is: a token's text (t), the claims of a token that is signed properly (c), or a header
// (h).

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/base64url.h"
#include "auth/digest.h"
#include "auth/token_signer.h"
#include "auth/token_verifier.h"

namespace {

using namespace sparc;
using namespace sparc::auth;

constexpr std::string_view secret = "a secret of thirty-two bytes or so";
constexpr std::string_view claims = R"({"userId":"u1","tenantId":"t1","roles":["operator"]})";
constexpr Now now{0, 1'767'225'600'000};

// Public keys of RFC 7515 A.2 and A.3 and RFC 8037 A.4, beside the secret.
constexpr std::string_view public_keys =
    R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL)"
    R"(-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTB)"
    R"(EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9)"
    R"(gb54h4FRWyuXpoQ","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void require(bool holds) {
  if (!holds) std::abort();
}

TokenVerifier make_verifier() {
  KeySetBuilder builder;
  for (KeyPurpose purpose : {KeyPurpose::user, KeyPurpose::service}) {
    require(builder.add_secret(purpose, secret).has_value());
    require(builder.add_jwks(purpose, public_keys).has_value());
  }
  return TokenVerifier(builder.build());
}

void check(const Identity& identity) {
  require(valid_id(identity.user_id) && valid_id(identity.tenant_id));
  require(identity.organization_id.empty() || valid_id(identity.organization_id));
  require(std::is_sorted(identity.roles.begin(), identity.roles.end()));
  require(identity.expires_ms >= 0);
}

void check(const ServiceIdentity& service) {
  require(!service.name.empty() && (service.tenant_id.empty() || (valid_id(service.tenant_id) && !service.may(Scope::rollout))));
}

void token_text(TokenVerifier& verifier, std::string_view text) {
  static const auto rules = std::make_shared<const ClaimRules>();
  static const std::string known = sign_hs256(secret, claims);
  // Nobody forges a signature: what is accepted is the one token that was signed, to the byte.
  require(verifier.verify_user(text, rules, now).has_value() == (text == known));
  require(!verifier.verify_service(text, now));
  if (const auto twin = other_spelling(text)) {
    require(other_spelling(*twin) == text);
    require(hash_token(*twin) == hash_token(text));
  }
  if (const auto bytes = base64url_decode(text)) {
    std::string again;
    append_base64url(again, *bytes);
    require(again == text);
  }
}

void signed_claims(TokenVerifier& verifier, std::string_view text) {
  static const auto rules =
      std::make_shared<const ClaimRules>(ClaimRules{.tenant_id = {"tenantId", "organizationId"}, .roles_required = false});
  const std::string token = sign_hs256(secret, text);
  const auto user = verifier.verify_user(token, rules, now);
  const auto service = verifier.verify_service(token, now);
  if (user) check(*user);
  if (service) check(*service);
  require(!(user && service));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static TokenVerifier verifier = make_verifier();
  static ClaimReader reader(token_bytes_max);
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'c': signed_claims(verifier, text); break;
    case 'h': {
      std::string segment;
      append_base64url(segment, text);
      if (const auto header = reader.header(segment)) require(algorithm_named(name_of(header->algorithm)).has_value());
      break;
    }
    default: token_text(verifier, text);
  }
  return 0;
}
