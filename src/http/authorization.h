#pragma once
#include <string_view>

#include "base/header.h"

namespace sparc::http {

/// The token of an `Authorization: Bearer` value (RFC 6750 section 2.1); empty: another scheme.
[[nodiscard]] inline std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size() || !equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return trim_blanks(authorization.substr(scheme.size()));
}

}  // namespace sparc::http
