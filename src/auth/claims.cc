#include "auth/claims.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "auth/base64url.h"
#include "auth/scopes.h"

namespace sparc::auth {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t depth_max = 16;
constexpr std::size_t service_name_bytes_max = 256;
constexpr std::int64_t seconds_max = 9'000'000'000'000;  // dates beyond this are taken as this: no sum of milliseconds overflows

std::unexpected<Fault> refuse(std::string message) { return std::unexpected(Fault{Code::UNAUTHENTICATED, std::move(message)}); }
std::unexpected<Fault> refuse_claim(std::string_view name, std::string_view why) {
  return refuse("The token's claim " + std::string(name) + " " + std::string(why) + ".");
}

/// The first of `names` that is present and not null.
struct Found {
  std::string_view name;
  dom::element value;
};
std::optional<Found> first_present(dom::object claims, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    dom::element value;
    if (claims.at_key(name).get(value) == simdjson::SUCCESS && !value.is_null()) return Found{name, value};
  }
  return std::nullopt;
}

std::optional<Found> claim(dom::object claims, std::string_view name) {
  dom::element value;
  if (claims.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return Found{name, value};
}

std::string_view main_name(const std::vector<std::string>& names) {
  return names.empty() ? std::string_view("(none is configured)") : names.front();
}

std::expected<std::string, Fault> id_of(const Found& found) {
  std::string_view text;
  if (found.value.get_string().get(text) != simdjson::SUCCESS) return refuse_claim(found.name, "must be a string");
  if (!valid_id(text)) return refuse_claim(found.name, "must have 1 to 128 characters out of A-Z a-z 0-9 _ . @ + -");
  return std::string(text);
}

std::expected<std::string, Fault> required_id(dom::object claims, const std::vector<std::string>& names) {
  const auto found = first_present(claims, names);
  if (!found) return refuse_claim(main_name(names), "is missing");
  return id_of(*found);
}

/// A string, or an array of strings.
std::expected<std::vector<std::string_view>, Fault> strings_of(const Found& found) {
  std::vector<std::string_view> out;
  std::string_view text;
  if (found.value.get_string().get(text) == simdjson::SUCCESS) {
    out.push_back(text);
    return out;
  }
  dom::array list;
  if (found.value.get_array().get(list) != simdjson::SUCCESS)
    return refuse_claim(found.name, "must be a string or an array of strings");
  for (dom::element item : list) {
    if (item.get_string().get(text) != simdjson::SUCCESS)
      return refuse_claim(found.name, "must be a string or an array of strings");
    out.push_back(text);
  }
  return out;
}

/// NumericDate (RFC 7519 section 2) in milliseconds; may have a fraction.
std::expected<std::int64_t, Fault> date_ms(const Found& found) {
  std::int64_t whole = 0;
  double real = 0;
  if (found.value.get_int64().get(whole) == simdjson::SUCCESS) return std::clamp(whole, -seconds_max, seconds_max) * 1'000;
  if (found.value.get_double().get(real) != simdjson::SUCCESS || !std::isfinite(real))
    return refuse_claim(found.name, "must be a number of seconds");
  const auto bound = static_cast<double>(seconds_max);
  return static_cast<std::int64_t>(std::clamp(real, -bound, bound) * 1'000);
}

/// exp, nbf and iat (RFC 7519 section 4.1). Answers when the token expires; 0: never.
std::expected<std::int64_t, Fault> check_dates(dom::object claims, std::int64_t leeway_ms, bool expiry_required, Now now) {
  for (std::string_view name : {"nbf", "iat"}) {
    const auto found = claim(claims, name);
    if (!found) continue;
    const auto date = date_ms(*found);
    if (!date) return std::unexpected(date.error());
    if (*date > now.wall_ms + leeway_ms) return refuse_claim(name, "lies in the future");
  }
  const auto found = claim(claims, "exp");
  if (!found) {
    if (expiry_required) return refuse_claim("exp", "is missing");
    return 0;
  }
  const auto date = date_ms(*found);
  if (!date) return std::unexpected(date.error());
  if (now.wall_ms >= *date + leeway_ms) return std::unexpected(Fault{Code::TOKEN_EXPIRED, "The token has expired."});
  return std::max<std::int64_t>(*date, 1);
}

bool any_of_these(const std::vector<std::string_view>& values, const std::vector<std::string>& wanted) {
  return std::any_of(values.begin(), values.end(),
                     [&](std::string_view v) { return std::find(wanted.begin(), wanted.end(), v) != wanted.end(); });
}

std::expected<std::vector<std::string_view>, Fault> audience_of(dom::object claims) {
  const auto found = claim(claims, "aud");
  if (!found) return std::vector<std::string_view>{};
  return strings_of(*found);
}

bool names_services(const std::vector<std::string_view>& audience) {
  return std::find(audience.begin(), audience.end(), service_audience) != audience.end();
}

std::expected<void, Fault> check_parties(dom::object claims, const ClaimRules& rules) {
  const auto audience = audience_of(claims);
  if (!audience) return std::unexpected(audience.error());
  if (names_services(*audience)) return refuse_claim("aud", "makes it a service's, which is no user's");
  if (!rules.audiences.empty() && !any_of_these(*audience, rules.audiences))
    return refuse_claim("aud", "does not name this service");
  if (rules.issuers.empty()) return {};
  const auto found = claim(claims, "iss");
  std::string_view issuer;
  if (!found || found->value.get_string().get(issuer) != simdjson::SUCCESS || !any_of_these({issuer}, rules.issuers)) {
    return refuse_claim("iss", "does not name an accepted issuer");
  }
  return {};
}

std::expected<Roles, Fault> roles_of(dom::object claims, const ClaimRules& rules) {
  std::vector<std::string> roles;
  const auto found = first_present(claims, rules.roles);
  if (!found) {
    if (rules.roles_required) return refuse_claim(main_name(rules.roles), "is missing");
    return Roles();
  }
  const auto values = strings_of(*found);
  if (!values) return std::unexpected(values.error());
  for (std::string_view value : *values) {
    if (!value.empty()) roles.emplace_back(value);
  }
  return Roles(std::move(roles));
}

/// The subject; shown in logs and to the service itself.
std::expected<std::string, Fault> service_name(dom::object claims) {
  const auto found = claim(claims, "sub");
  if (!found) return refuse_claim("sub", "is missing");
  std::string_view text;
  if (found->value.get_string().get(text) != simdjson::SUCCESS || text.empty() || text.size() > service_name_bytes_max ||
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return refuse_claim("sub", "must be a string of 1 to 256 bytes without control characters");
  }
  return std::string(text);
}

}  // namespace

struct ClaimReader::State {
  dom::parser parser;
  std::string bytes;                    // decoded segment and the padding that the parser reads over
  std::vector<std::string_view> names;  // of the object's members, for the check that none is there twice
  std::size_t size_max = 0;

  /// The object lives until the next call.
  std::optional<dom::object> read(std::string_view segment) {
    const auto size = base64url_decode(segment, std::span(bytes.data(), size_max));
    dom::element root;
    dom::object object;
    if (!size || *size == 0 || parser.parse(bytes.data(), *size, false).get(root) != simdjson::SUCCESS ||
        root.get_object().get(object) != simdjson::SUCCESS) {
      return std::nullopt;
    }
    names.clear();
    for (auto member : object) names.push_back(member.key);
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) return std::nullopt;
    return object;
  }
};

ClaimReader::ClaimReader(std::size_t segment_bytes_max) : state_(std::make_unique<State>()) {
  state_->size_max = base64url_decoded_size(segment_bytes_max);
  state_->bytes.resize(state_->size_max + simdjson::SIMDJSON_PADDING);
  if (state_->parser.allocate(state_->size_max + 1, depth_max) != simdjson::SUCCESS) throw std::bad_alloc();
}

ClaimReader::~ClaimReader() = default;
ClaimReader::ClaimReader(ClaimReader&&) noexcept = default;
ClaimReader& ClaimReader::operator=(ClaimReader&&) noexcept = default;

std::expected<TokenHeader, Fault> ClaimReader::header(std::string_view segment) {
  const auto object = state_->read(segment);
  if (!object) return refuse("The token's header is malformed.");
  dom::element value;
  std::string_view text;
  // Whatever an extension demands, it is not understood here (RFC 7515 section 4.1.11).
  if (object->at_key("crit").get(value) == simdjson::SUCCESS)
    return refuse("The token's header demands extensions (crit), which are not supported.");
  if (object->at_key("alg").get_string().get(text) != simdjson::SUCCESS) return refuse("The token's header names no algorithm.");
  const auto algorithm = algorithm_named(text);
  if (!algorithm) return refuse("The token's algorithm is not accepted.");
  TokenHeader header{*algorithm, {}};
  if (object->at_key("kid").get(value) == simdjson::SUCCESS) {
    if (value.get_string().get(text) != simdjson::SUCCESS) return refuse("The token's header has a kid that is not a string.");
    header.kid = std::string(text);
  }
  return header;
}

std::int64_t ClaimReader::expiry(std::string_view segment) {
  const auto claims = state_->read(segment);
  if (!claims) return 0;
  const auto found = claim(*claims, "exp");
  if (!found) return 0;
  return std::max<std::int64_t>(date_ms(*found).value_or(0), 0);
}

std::expected<Identity, Fault> ClaimReader::user(std::string_view segment, const ClaimRules& rules, Now now) {
  const auto claims = state_->read(segment);
  if (!claims) return refuse("The token's claims are malformed.");
  Identity identity;
  const auto expires = check_dates(*claims, rules.leeway_ms, rules.expiry_required, now);
  if (!expires) return std::unexpected(expires.error());
  if (auto parties = check_parties(*claims, rules); !parties) return std::unexpected(parties.error());
  auto user = required_id(*claims, rules.user_id);
  if (!user) return std::unexpected(user.error());
  auto tenant = required_id(*claims, rules.tenant_id);
  if (!tenant) return std::unexpected(tenant.error());
  if (const auto found = first_present(*claims, rules.organization_id)) {
    auto organization = id_of(*found);
    if (!organization) return std::unexpected(organization.error());
    identity.organization_id = std::move(*organization);
  }
  auto roles = roles_of(*claims, rules);
  if (!roles) return std::unexpected(roles.error());
  identity.user_id = std::move(*user);
  identity.tenant_id = std::move(*tenant);
  identity.roles = std::move(*roles);
  identity.expires_ms = *expires;
  return identity;
}

std::expected<ServiceIdentity, Fault> ClaimReader::service(std::string_view segment, std::int64_t leeway_ms, Now now) {
  const auto claims = state_->read(segment);
  if (!claims) return refuse("The token's claims are malformed.");
  ServiceIdentity identity;
  const auto expires = check_dates(*claims, leeway_ms, false, now);
  if (!expires) return std::unexpected(expires.error());
  identity.expires_ms = *expires;
  const auto audience = audience_of(*claims);
  if (!audience) return std::unexpected(audience.error());
  if (!names_services(*audience)) return refuse_claim("aud", "must be sparc-service");
  auto name = service_name(*claims);
  if (!name) return std::unexpected(name.error());
  identity.name = std::move(*name);
  if (const auto found = claim(*claims, "tenantId")) {
    auto tenant = id_of(*found);
    if (!tenant) return std::unexpected(tenant.error());
    identity.tenant_id = std::move(*tenant);
  }
  if (const auto found = claim(*claims, "scope")) {
    std::string_view text;
    if (found->value.get_string().get(text) != simdjson::SUCCESS) return refuse_claim("scope", "must be a string");
    identity.scopes = scopes_of(text);
  }
  identity.scopes = scopes_within(identity.scopes, identity.tenant_id);
  return identity;
}

std::int64_t said_expiry_ms(std::string_view token) {
  const std::size_t first = token.find('.'), second = token.find('.', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return 0;
  return ClaimReader(token.size()).expiry(token.substr(first + 1, second - first - 1));
}

}  // namespace sparc::auth
