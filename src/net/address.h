#pragma once
// IP addresses of peers and listeners, and the networks they belong to.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ip_address.h"
#include "base/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace sparc::net {

/// An IP address with a port, 18 bytes. A default one is [::]:0.
class Address {
 public:
  Address() = default;
  /// `ip` is numeric: `10.0.0.1`, `::1` or `[::1]`. Names are resolved elsewhere. Nothing for any other text.
  [[nodiscard]] static std::optional<Address> parse(std::string_view ip, std::uint16_t port = 0);
  /// A default address for families other than AF_INET and AF_INET6.
  [[nodiscard]] static Address from_sockaddr(const sockaddr& from);

  /// Fills `out` as AF_INET for IPv4 and AF_INET6 else; returns its length.
  unsigned to_sockaddr(sockaddr_storage& out) const;
  [[nodiscard]] bool is_v4() const { return ip_.is_v4(); }
  [[nodiscard]] bool is_loopback() const { return ip_.is_loopback(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Address with_port(std::uint16_t port) const;
  [[nodiscard]] const IpAddress& ip() const { return ip_; }

  /// `10.0.0.1:3100` or `[2001:db8::1]:3100`.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Address&, const Address&) = default;

 private:
  IpAddress ip_;
  std::uint16_t port_ = 0;
};

/// A network in CIDR notation, for `trusted_proxies`.
class Cidr {
 public:
  /// `10.0.0.0/8`, `fd00::/8`, or a single address. Bits behind the prefix must be zero, so that a typing error does not widen trust.
  [[nodiscard]] static Result<Cidr> parse(std::string_view text);
  [[nodiscard]] bool contains(const Address& address) const;

 private:
  std::array<std::uint8_t, 16> network_{};
  std::uint8_t prefix_bits_ = 128;  // of the mapped form
};

[[nodiscard]] bool contains(const std::vector<Cidr>& networks, const Address& address);

}  // namespace sparc::net

template <>
struct std::hash<sparc::net::Address> {
  std::size_t operator()(const sparc::net::Address& a) const noexcept {
    const auto& bytes = a.ip().bytes;
    return sparc::mix(std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()}), a.port());
  }
};
