#pragma once
// What texts may be. Each answers nothing, or what is allowed ("must be …").

#include <string>

namespace sparc::config {

[[nodiscard]] std::string check_name(const std::string& text);
[[nodiscard]] std::string check_namespace_name(const std::string& text);
[[nodiscard]] std::string check_room(const std::string& text);
[[nodiscard]] std::string check_path(const std::string& text);
[[nodiscard]] std::string check_id(const std::string& text);
[[nodiscard]] std::string check_api_key(const std::string& text);
[[nodiscard]] std::string check_scope(const std::string& text);
[[nodiscard]] std::string check_host(const std::string& text);
[[nodiscard]] std::string check_network(const std::string& text);
[[nodiscard]] std::string check_origin(const std::string& text);
[[nodiscard]] std::string check_http_url(const std::string& text);
[[nodiscard]] std::string check_redis_url(const std::string& text);
[[nodiscard]] std::string check_cookie(const std::string& text);

/// Whether an address is of this machine only: 127.0.0.0/8, ::1 or localhost.
[[nodiscard]] bool is_loopback(const std::string& host);

}  // namespace sparc::config
