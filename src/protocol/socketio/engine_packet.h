#pragma once
// Engine.IO v4 packets and the payload of long-polling (engine.io-protocol, revision 4).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sparc::protocol::socketio {

enum class EngineType : std::uint8_t { open, close, ping, pong, message, upgrade, noop };

/// A packet as it came. A binary one is always a message.
struct EnginePacket {
  EngineType type = EngineType::message;
  bool binary = false;
  std::string data;  // decoded where it was base64
};

/// One text message of a WebSocket, or one element of a polling payload. Error: "parse error", a type that is none or bad base64.
[[nodiscard]] std::expected<EnginePacket, std::string> read_engine_packet(std::string_view text);
/// The body of a POST: packets separated by U+001E. The packets before a bad one are not given: the session ends with it.
[[nodiscard]] std::expected<std::vector<EnginePacket>, std::string> read_payload(std::string_view body);

/// Appends a packet to the body of a poll's answer, with a separator where it is not the first.
void append_to_payload(std::string& body, EngineType type, std::string_view data);
/// A binary message in a poll's answer: `b` and base64.
void append_binary_to_payload(std::string& body, std::string_view data);

struct OpenPacket {
  std::string_view sid;
  bool upgrades = false;  // to websocket
  std::uint32_t ping_interval_ms = 25'000;
  std::uint32_t ping_timeout_ms = 20'000;
  std::size_t max_payload_bytes = 1'000'000;
};
/// `0{"sid":…}`, members in the reference's order.
void append_open_packet(std::string& out, const OpenPacket& open);

}  // namespace sparc::protocol::socketio
