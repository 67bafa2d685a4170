#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/address.h"

namespace sparc::client {

/// The addresses of a host name, at least one, in the system's order of preference. Blocks.
[[nodiscard]] Result<std::vector<net::Address>> resolve(const std::string& host, std::uint16_t port);

}  // namespace sparc::client
