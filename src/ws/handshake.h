#pragma once
// The opening handshake (RFC 6455 section 4), of a server and of a client.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/entropy.h"
#include "base/header.h"
#include "ws/extension.h"

namespace sparc::ws {

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2, step 5.4).
[[nodiscard]] std::string accept_key(std::string_view key);

// Server.

/// The request's head, as far as the handshake looks at it.
struct UpgradeRequest {
  std::string_view method;
  int http_major = 1;
  int http_minor = 1;
  Headers headers;
};

/// What a valid request asks for. Views into the request's headers.
struct Upgrade {
  std::string_view key;
  std::vector<std::string_view> protocols;  // in the client's order of preference, at most 16
  std::string_view origin;                  // empty: none
  std::vector<Extension> extensions;

  /// The answer of a server that asks for none: many clients do not connect without one where they offer some. Empty: none was offered.
  [[nodiscard]] std::string_view first_protocol() const { return protocols.empty() ? std::string_view{} : protocols.front(); }
};

/// Why not, as an HTTP answer. With 426, `Upgrade: websocket` and `Sec-WebSocket-Version: 13` belong to it, with 405 `Allow:
/// GET`.
struct UpgradeRefusal {
  std::uint16_t status = 400;
  std::string_view detail;  // of static storage
};

/// Section 4.2.1: GET, HTTP/1.1, Host, Upgrade, Connection, version 13, a key of 16 bytes; each of them once.
[[nodiscard]] std::expected<Upgrade, UpgradeRefusal> check_upgrade(const UpgradeRequest& request);

/// The 101 response. Empty `protocol` or `extensions`: the field is left out. Both come from the server's own choice.
[[nodiscard]] std::string upgrade_response(std::string_view key, std::string_view protocol, std::string_view extensions);

// Client.

struct ClientHandshake {
  std::string host;  // of the Host field: name, and port where it is not the default
  std::string target = "/";
  std::string key;  // from make_key
  std::vector<std::string> protocols;
  std::string extensions;                                    // deflate_offer, or empty
  std::vector<std::pair<std::string, std::string>> headers;  // Authorization, Origin and such
};

/// 16 random bytes in base64.
[[nodiscard]] std::string make_key(Entropy& entropy);
/// None where a part has characters that would break the request.
[[nodiscard]] std::optional<std::string> upgrade_request(const ClientHandshake& handshake);

struct ClientUpgrade {
  std::string protocol;  // empty: the server chose none
  bool deflate = false;
};

/// Section 4.1: what makes a response to `handshake` valid. An error says what was wrong; the connection is failed.
[[nodiscard]] std::expected<ClientUpgrade, std::string_view> check_response(const ClientHandshake& handshake, int status,
                                                                            Headers headers);

}  // namespace sparc::ws
