#include "ws/handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>

namespace sparc::ws {
namespace {

constexpr std::string_view accept_guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t key_chars = 24;  // 16 bytes in base64
constexpr std::size_t protocols_max = 16;

std::string base64(std::span<const unsigned char> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a final zero
  out.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()))));
  return out;
}

bool is_base64_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
}

bool valid_key(std::string_view key) {
  return key.size() == key_chars && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, is_base64_char);
}

/// A field that must stand exactly once; empty otherwise.
std::string_view only_header(Headers headers, std::string_view name) {
  return count_headers(headers, name) == 1 ? *find_header(headers, name) : std::string_view{};
}

/// The subprotocols of all lines; false where the list is invalid (section 4.1, item 10: tokens, none twice).
bool read_protocols(Headers headers, std::vector<std::string_view>& protocols) {
  bool valid = true;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "Sec-WebSocket-Protocol")) continue;
    const std::size_t before = protocols.size();
    for_each_in_list(header.value, [&](std::string_view protocol) {
      const bool known = std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
      valid = valid && is_token(protocol) && !known && protocols.size() < protocols_max;
      if (valid) protocols.push_back(protocol);
    });
    valid = valid && protocols.size() > before;
  }
  return valid;
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string accept_key(std::string_view key) {
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);  // fetched once: it costs more than the digest
  std::string input(key);
  input += accept_guid;
  std::array<unsigned char, 20> digest;
  if (EVP_Digest(input.data(), input.size(), digest.data(), nullptr, sha1, nullptr) != 1) throw std::bad_alloc();
  return base64(digest);
}

std::expected<Upgrade, UpgradeRefusal> check_upgrade(const UpgradeRequest& request) {
  auto refuse = [](std::uint16_t status, std::string_view detail) { return std::unexpected(UpgradeRefusal{status, detail}); };
  const Headers headers = request.headers;
  if (request.method != "GET") return refuse(405, "a WebSocket handshake is a GET request");
  if (request.http_major != 1 || request.http_minor < 1) return refuse(400, "a WebSocket handshake needs HTTP/1.1");
  if (count_headers(headers, "Host") != 1) return refuse(400, "Host must stand once");
  if (!header_lists(headers, "Upgrade", "websocket")) return refuse(426, "this address speaks WebSocket: Upgrade is missing");
  if (!header_lists(headers, "Connection", "upgrade")) return refuse(400, "Connection must list upgrade");
  const std::size_t versions = count_headers(headers, "Sec-WebSocket-Version");
  if (versions == 0) return refuse(400, "Sec-WebSocket-Version is missing");
  if (only_header(headers, "Sec-WebSocket-Version") != "13") return refuse(426, "only WebSocket version 13 is spoken");
  Upgrade upgrade;
  upgrade.key = only_header(headers, "Sec-WebSocket-Key");
  if (!valid_key(upgrade.key)) return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  if (!read_protocols(headers, upgrade.protocols)) return refuse(400, "Sec-WebSocket-Protocol is not a list of distinct tokens");
  if (count_headers(headers, "Origin") > 1) return refuse(400, "Origin stands more than once");
  upgrade.origin = find_header(headers, "Origin").value_or(std::string_view{});
  auto extensions = parse_extensions(headers);
  if (!extensions) return refuse(400, extensions.error());
  upgrade.extensions = std::move(*extensions);
  return upgrade;
}

std::string upgrade_response(std::string_view key, std::string_view protocol, std::string_view extensions) {
  assert(!has_controls(protocol) && !has_controls(extensions));
  std::string out = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  out += accept_key(key);
  if (!protocol.empty()) out.append("\r\nSec-WebSocket-Protocol: ").append(protocol);
  if (!extensions.empty()) out.append("\r\nSec-WebSocket-Extensions: ").append(extensions);
  out += "\r\n\r\n";
  return out;
}

std::string make_key(Entropy& entropy) {
  std::array<unsigned char, 16> bytes;
  entropy.fill(std::as_writable_bytes(std::span(bytes)));
  return base64(bytes);
}

std::optional<std::string> upgrade_request(const ClientHandshake& handshake) {
  if (handshake.host.empty() || has_controls(handshake.host) || handshake.host.find(' ') != std::string::npos)
    return std::nullopt;
  if (!handshake.target.starts_with('/') || has_controls(handshake.target)) return std::nullopt;
  if (handshake.target.find_first_of(" #") != std::string::npos || !valid_key(handshake.key)) return std::nullopt;
  if (has_controls(handshake.extensions)) return std::nullopt;
  std::string out =
      "GET " + handshake.target + " HTTP/1.1\r\nHost: " + handshake.host +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshake.key +
      "\r\n";
  std::string_view separator = "Sec-WebSocket-Protocol: ";
  for (const std::string& protocol : handshake.protocols) {
    if (!is_token(protocol)) return std::nullopt;
    out.append(separator).append(protocol);
    separator = ", ";
  }
  if (!handshake.protocols.empty()) out += "\r\n";
  if (!handshake.extensions.empty()) out += "Sec-WebSocket-Extensions: " + handshake.extensions + "\r\n";
  for (const auto& [name, value] : handshake.headers) {
    if (!is_token(name) || has_controls(value)) return std::nullopt;
    out += name + ": " + value + "\r\n";
  }
  out += "\r\n";
  return out;
}

std::expected<ClientUpgrade, std::string_view> check_response(const ClientHandshake& handshake, int status, Headers headers) {
  if (status != 101) return std::unexpected("the server did not switch protocols");
  if (!equals_ignoring_case(only_header(headers, "Upgrade"), "websocket")) return std::unexpected("Upgrade is not websocket");
  if (!header_lists(headers, "Connection", "upgrade")) return std::unexpected("Connection does not list upgrade");
  if (only_header(headers, "Sec-WebSocket-Accept") != accept_key(handshake.key)) {
    return std::unexpected("Sec-WebSocket-Accept does not match the key");
  }
  ClientUpgrade upgrade;
  const std::size_t protocols = count_headers(headers, "Sec-WebSocket-Protocol");
  if (protocols != 0) {
    upgrade.protocol = only_header(headers, "Sec-WebSocket-Protocol");
    const auto& offered = handshake.protocols;
    if (protocols > 1 || std::find(offered.begin(), offered.end(), upgrade.protocol) == offered.end()) {
      return std::unexpected("the server chose a subprotocol that was not offered");
    }
  }
  const auto extensions = parse_extensions(headers);
  if (!extensions) return std::unexpected(extensions.error());
  if (handshake.extensions.empty() && !extensions->empty()) {
    return std::unexpected("the server chose an extension that was not offered");
  }
  const auto deflate = check_deflate_response(*extensions);
  if (!deflate) return std::unexpected(deflate.error());
  upgrade.deflate = *deflate;
  return upgrade;
}

}  // namespace sparc::ws
