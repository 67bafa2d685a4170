#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sparc::net {

std::optional<Address> Address::parse(std::string_view ip, std::uint16_t port) {
  if (ip.size() > 2 && ip.front() == '[' && ip.back() == ']') {
    ip = ip.substr(1, ip.size() - 2);
    if (ip.find(':') == std::string_view::npos) return std::nullopt;
  }
  const auto parsed = IpAddress::parse(ip);
  if (!parsed) return std::nullopt;
  Address out;
  out.ip_ = *parsed;
  out.port_ = port;
  return out;
}

Address Address::from_sockaddr(const sockaddr& from) {
  Address out;
  if (from.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    out.ip_ = IpAddress::v4(&v4.sin_addr);
    out.port_ = ntohs(v4.sin_port);
  } else if (from.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    std::memcpy(out.ip_.bytes.data(), &v6.sin6_addr, 16);
    out.port_ = ntohs(v6.sin6_port);
  }
  return out;
}

unsigned Address::to_sockaddr(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, ip_.bytes.data() + 12, 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  std::memcpy(&v6.sin6_addr, ip_.bytes.data(), 16);
  return sizeof v6;
}

Address Address::with_port(std::uint16_t port) const {
  Address out = *this;
  out.port_ = port;
  return out;
}

std::string Address::to_string() const {
  return is_v4() ? ip_.text() + ":" + std::to_string(port_) : "[" + ip_.text() + "]:" + std::to_string(port_);
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail("'" + std::string(text) + "' is not a network: " + std::string(why) +
                " (allowed: 10.0.0.0/8, fd00::/8, 192.0.2.1)");
  };
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return bad("not a numeric IP address");
  const unsigned width = address->is_v4() ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bits);
    if (error != std::errc{} || end != number.data() + number.size() || bits > width) return bad("wrong prefix length");
  }
  Cidr out;
  out.network_ = address->ip().bytes;
  out.prefix_bits_ = static_cast<std::uint8_t>(bits + (128 - width));
  for (unsigned bit = out.prefix_bits_; bit < 128; ++bit) {
    if ((out.network_[bit / 8] >> (7 - bit % 8)) & 1) return bad("bits behind the prefix are set");
  }
  return out;
}

bool Cidr::contains(const Address& address) const {
  const auto& bytes = address.ip().bytes;
  const unsigned whole = prefix_bits_ / 8;
  if (std::memcmp(bytes.data(), network_.data(), whole) != 0) return false;
  const unsigned rest = prefix_bits_ % 8;
  return rest == 0 || (bytes[whole] >> (8 - rest)) == (network_[whole] >> (8 - rest));
}

bool contains(const std::vector<Cidr>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(), [&](const Cidr& network) { return network.contains(address); });
}

}  // namespace sparc::net
