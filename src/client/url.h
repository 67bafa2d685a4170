#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sparc::client {

struct Endpoint {
  bool tls = false;
  std::string host;  // a name or a numeric address, without brackets
  std::uint16_t port = 0;
  std::string host_field;  // for the Host header: with the port where it is not the scheme's
  std::string target;      // path and query
};

/// `ws://`, `wss://`, and `http://`, `https://` as other spellings of them. Without a path `/ws` is meant. User information and a
/// fragment are refused.
[[nodiscard]] Result<Endpoint> parse_url(std::string_view url);

}  // namespace sparc::client
