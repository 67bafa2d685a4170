#include "protocol/socketio/engine_packet.h"

#include <simdjson.h>

#include "base/json_text.h"
#include "protocol/socketio/base64.h"

namespace sparc::protocol::socketio {
namespace {

constexpr char separator = '\x1e';
constexpr const char* parse_error = "parse error";

void begin_packet(std::string& body, char type) {
  if (!body.empty()) body.push_back(separator);
  body.push_back(type);
}

}  // namespace

std::expected<EnginePacket, std::string> read_engine_packet(std::string_view text) {
  if (text.empty()) return std::unexpected(parse_error);
  const char type = text.front();
  text.remove_prefix(1);
  if (type == 'b') {
    auto bytes = decode_base64(text);
    if (!bytes) return std::unexpected(parse_error);
    return EnginePacket{EngineType::message, true, std::move(*bytes)};
  }
  if (type < '0' || type > '6') return std::unexpected(parse_error);
  return EnginePacket{static_cast<EngineType>(type - '0'), false, std::string(text)};
}

std::expected<std::vector<EnginePacket>, std::string> read_payload(std::string_view body) {
  // A frame of a WebSocket was checked by its layer; a body was not.
  if (!simdjson::validate_utf8(body.data(), body.size())) return std::unexpected(parse_error);
  std::vector<EnginePacket> packets;
  for (;;) {
    const std::size_t end = body.find(separator);
    auto packet = read_engine_packet(body.substr(0, end));
    if (!packet) return std::unexpected(std::move(packet.error()));
    packets.push_back(std::move(*packet));
    if (end == std::string_view::npos) return packets;
    body.remove_prefix(end + 1);
  }
}

void append_to_payload(std::string& body, EngineType type, std::string_view data) {
  begin_packet(body, static_cast<char>('0' + static_cast<int>(type)));
  body += data;
}

void append_binary_to_payload(std::string& body, std::string_view data) {
  begin_packet(body, 'b');
  append_base64(body, data);
}

void append_open_packet(std::string& out, const OpenPacket& open) {
  out += "0{\"sid\":";
  append_json_string(out, open.sid);
  out += open.upgrades ? R"(,"upgrades":["websocket"],"pingInterval":)" : R"(,"upgrades":[],"pingInterval":)";
  append_number(out, std::uint64_t{open.ping_interval_ms});
  out += ",\"pingTimeout\":";
  append_number(out, std::uint64_t{open.ping_timeout_ms});
  out += ",\"maxPayload\":";
  append_number(out, std::uint64_t{open.max_payload_bytes});
  out.push_back('}');
}

}  // namespace sparc::protocol::socketio
