#include "auth/token_signer.h"

#include <openssl/hmac.h>

#include <array>
#include <new>

#include "auth/base64url.h"
#include "auth/claims.h"
#include "auth/openssl.h"
#include "base/json_text.h"

namespace sparc::auth {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

void append_dates(std::string& out, std::int64_t lifetime_s, Now now) {
  const std::int64_t issued = now.wall_ms / 1'000;
  out += ",\"iat\":";
  append_number(out, issued);
  if (lifetime_s == 0) return;
  out += ",\"exp\":";
  append_number(out, issued + lifetime_s);
}

}  // namespace

std::string claims_json(const UserClaims& claims, Now now) {
  std::string out = "{";
  append_member(out, "userId", claims.user_id);
  append_member(out, "tenantId", claims.tenant_id);
  append_member(out, "organizationId", claims.organization_id);
  out += out.back() == '{' ? "\"roles\":[" : ",\"roles\":[";
  for (const std::string& role : claims.roles) {
    if (out.back() != '[') out += ',';
    append_json_string(out, role);
  }
  out += ']';
  append_dates(out, claims.lifetime_s, now);
  return out += '}';
}

std::string claims_json(const ServiceClaims& claims, Now now) {
  std::string out = "{";
  append_member(out, "aud", service_audience);
  append_member(out, "sub", claims.name);
  append_member(out, "scope", claims.scope);
  append_member(out, "tenantId", claims.tenant_id);
  append_dates(out, claims.lifetime_s, now);
  return out += '}';
}

std::string sign_hs256(std::string_view secret, std::string_view claims, std::string_view kid) {
  std::string header = R"({"alg":"HS256","typ":"JWT")";
  if (!kid.empty()) header.append(",\"kid\":").append(json_string(kid));
  header += '}';
  std::string token;
  append_base64url(token, header);
  token += '.';
  append_base64url(token, claims);
  std::array<unsigned char, 32> mac;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), octets(token), token.size(), mac.data(), &size) ==
      nullptr) {
    throw std::bad_alloc();  // HMAC over memory has no other way to fail
  }
  token += '.';
  append_base64url(token, std::string_view(reinterpret_cast<const char*>(mac.data()), size));
  return token;
}

}  // namespace sparc::auth
