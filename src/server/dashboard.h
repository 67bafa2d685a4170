#pragma once
// The dashboard's files, built from dashboard/ and part of the binary. They hold no data, so they need no key.

#include <string>

#include "http/request_parser.h"

namespace sparc::server {

/// The whole HTTP answer to a GET or HEAD of /admin, or of something below /admin/: with ETag and a strict Content-Security-Policy,
/// compressed where that is accepted. Empty: there is no such file. A server that was built without Node has a page that says so.
[[nodiscard]] std::string dashboard_answer(const http::Request& request, bool keep_alive);

}  // namespace sparc::server
