#pragma once
// Who stands behind trusted proxies: X-Forwarded-For, and Forwarded (RFC 7239).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/header.h"

namespace sparc::http {

/// Which of the two the trusted proxies write. The other one is the client's own word and is not read.
enum class ForwardedField : std::uint8_t { x_forwarded_for, forwarded };

constexpr std::size_t forwarded_hops_max = 32;  // the nearest ones are kept

/// The addresses that the field's lines list, client first, nearest proxy last; without port and brackets, lower case. What is no
/// IP address ("unknown", an obfuscated name) is an empty string in its place.
[[nodiscard]] std::vector<std::string> forwarded_addresses(Headers headers, ForwardedField field);

/// The client's address, where the last `trusted_proxies` hops are ours, the peer of the socket being the last of them: 0 is
/// `peer` itself, 1 the last address of the field, and so on. With fewer entries, the farthest of them; from the first entry
/// that is no address on, nothing is believed.
[[nodiscard]] std::string client_address(Headers headers, std::string_view peer, std::size_t trusted_proxies,
                                         ForwardedField field = ForwardedField::x_forwarded_for);

/// Lower-case IPv4 or IPv6 address of a node name, `1.2.3.4:80`, `[2001:db8::1]:80`, or a bare IPv6 address. None: it is none.
[[nodiscard]] std::optional<std::string> address_of_node(std::string_view node);

}  // namespace sparc::http
