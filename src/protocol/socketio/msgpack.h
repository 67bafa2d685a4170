#pragma once
// MessagePack as socket.io-msgpack-parser uses it: a whole packet, {type, nsp, data, id}, in one binary message.

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "protocol/socketio/packet.h"

namespace sparc::protocol::socketio {

/// The packet in `message`, binary values as placeholders and attachments.
///
/// Limits: `json_depth_max` nested arrays and maps; `limits`.
/// Errors: "invalid packet type", "invalid namespace", "invalid payload", "invalid packet id" as socket.io-msgpack-parser; "too many
/// attachments"; "illegal attachments" for a map that poses as a placeholder; "packet too large".
/// Dates become ISO 8601 text, numbers that JSON has not become null, as JSON.stringify writes them.
[[nodiscard]] std::expected<Packet, std::string> read_msgpack_packet(std::string_view message, const DecoderLimits& limits);

/// Appends `packet`, its placeholders as the binary values they stand for; one that stands for nothing is nil,
/// and in a packet without attachments it is the map that it looks like.
void append_msgpack_packet(std::string& out, const Outgoing& packet);

}  // namespace sparc::protocol::socketio
