#pragma once
// Negotiating permessage-deflate (RFC 6455 section 9, RFC 7692 sections 5 and 7.1).

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/header.h"

namespace sparc::ws {

struct ExtensionParameter {
  std::string name;
  std::optional<std::string> value;  // without quotes
};
struct Extension {
  std::string name;
  std::vector<ExtensionParameter> parameters;
};

constexpr std::size_t extensions_max = 16;            // of all lines of one handshake
constexpr std::size_t extension_parameters_max = 16;  // of one extension

/// All Sec-WebSocket-Extensions lines as one list; an error is what is wrong with its syntax.
[[nodiscard]] std::expected<std::vector<Extension>, std::string_view> parse_extensions(Headers headers);

/// What both sides agreed on. Context takeover is always off in both directions.
struct DeflateAgreement {
  std::string response;  // the value of the Sec-WebSocket-Extensions field to answer with
};

/// The server's side: the first offer that can be accepted, or none. An offer is declined when it has an unknown parameter, one
/// twice, a value where none may be or an invalid one, or wants a smaller window than `window_bits` of our compressor (9-15): its
/// output is shared by all receivers. The client's window does not matter: the decompressor has 15 bits.
[[nodiscard]] std::optional<DeflateAgreement> accept_deflate(const std::vector<Extension>& offers, int window_bits);

/// The client's side: what to offer, and whether a response is one that the offer allows. True: compression is on; false: the
/// server declined; an error fails the connection (RFC 7692 section 5.1).
inline constexpr std::string_view deflate_offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
[[nodiscard]] std::expected<bool, std::string_view> check_deflate_response(const std::vector<Extension>& response);

}  // namespace sparc::ws
