#pragma once
#include <optional>
#include <string_view>

#include "base/header.h"

namespace sparc::http {

/// The first cookie of that name (RFC 6265 section 5.4; names are compared exactly), without the quotes that may stand around it.
/// Lifetime: a view into the headers.
[[nodiscard]] std::optional<std::string_view> cookie(Headers headers, std::string_view name);

}  // namespace sparc::http
