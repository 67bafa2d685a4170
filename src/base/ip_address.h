#pragma once
// IP addresses without a port: of peers, and of networks.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sparc {

/// 16 bytes. IPv4 is kept in its IPv6-mapped form (RFC 4291 section 2.5.5.2), so that 10.0.0.1 is the same peer on an IPv4 and on a
/// dual-stack listener. A default one is `::`.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  /// Numeric: `10.0.0.1` or `::1`. Nothing for any other text.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  /// Of an IPv4 address in network order.
  [[nodiscard]] static IpAddress v4(const void* four_bytes);

  [[nodiscard]] bool is_v4() const;
  /// 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_loopback() const;
  /// What one subscriber line usually has, for limits per source: an IPv4 address, or the /64 of an IPv6 one.
  [[nodiscard]] IpAddress source() const;
  /// `10.0.0.1` or `2001:db8::1`.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

}  // namespace sparc
