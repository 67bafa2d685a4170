#pragma once
// What the HTTP API is, for programs: docs/openapi.json, embedded at build time.

#include <string_view>

namespace sparc::server {

/// OpenAPI 3.1, as JSON. Lives as long as the program.
[[nodiscard]] std::string_view openapi_document();

}  // namespace sparc::server
