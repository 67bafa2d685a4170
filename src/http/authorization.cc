#include "http/authorization.h"

#include "http/cookies.h"
#include "http/target.h"

namespace sparc::http {

std::string token_of(const Request& request, std::string_view cookie_name) {
  if (auto in_query = query_value(request.query, "token"); in_query && !in_query->empty()) return std::move(*in_query);
  if (const auto header = request.header("authorization")) {
    if (const std::string_view token = bearer_token(*header); !token.empty()) return std::string(token);
  }
  if (cookie_name.empty()) return {};
  return std::string(cookie(request.headers, cookie_name).value_or(std::string_view{}));
}

}  // namespace sparc::http
