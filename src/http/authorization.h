#pragma once
#include <string>
#include <string_view>

#include "base/header.h"
#include "http/request_parser.h"

namespace sparc::http {

/// The token of an `Authorization: Bearer` value (RFC 6750 section 2.1); empty: another scheme.
[[nodiscard]] inline std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size() || !equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return trim_blanks(authorization.substr(scheme.size()));
}

/// The token of an older client's handshake: of `?token=`, else of `Authorization: Bearer`, else of that cookie (empty: of none). The
/// query comes first, because browsers and proxies add an Authorization of their own. Empty: there is none.
[[nodiscard]] std::string token_of(const Request& request, std::string_view cookie_name);

}  // namespace sparc::http
