#pragma once
// Content negotiation (RFC 9110 section 12.5), as far as a server of a few representations needs it.

#include <string_view>

#include "base/header.h"

namespace sparc::http {

/// Whether the client takes `type` ("application/json"): the most specific range of Accept that matches decides, q=0 refuses.
/// Without the field everything is taken.
[[nodiscard]] bool accepts_type(Headers headers, std::string_view type);

/// Whether the client names `coding` ("gzip"), or "*", in Accept-Encoding with a weight above 0. Without the field: false.
[[nodiscard]] bool accepts_coding(Headers headers, std::string_view coding);

}  // namespace sparc::http
