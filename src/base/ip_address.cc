#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace sparc {
namespace {

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::uint8_t v6_loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view given) {
  if (given.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string text(given);
  std::uint8_t four[4];
  if (inet_pton(AF_INET, text.c_str(), four) == 1) return v4(four);
  IpAddress out;
  if (inet_pton(AF_INET6, text.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

IpAddress IpAddress::v4(const void* four_bytes) {
  IpAddress out;
  std::memcpy(out.bytes.data(), mapped_prefix, sizeof mapped_prefix);
  std::memcpy(out.bytes.data() + sizeof mapped_prefix, four_bytes, 4);
  return out;
}

bool IpAddress::is_v4() const { return std::memcmp(bytes.data(), mapped_prefix, sizeof mapped_prefix) == 0; }

bool IpAddress::is_loopback() const {
  return is_v4() ? bytes[12] == 127 : std::memcmp(bytes.data(), v6_loopback, sizeof v6_loopback) == 0;
}

IpAddress IpAddress::source() const {
  IpAddress out = *this;
  if (!is_v4()) std::fill(out.bytes.begin() + 8, out.bytes.end(), std::uint8_t{0});
  return out;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN];
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? sizeof mapped_prefix : 0), out, sizeof out);
  return out;
}

}  // namespace sparc
