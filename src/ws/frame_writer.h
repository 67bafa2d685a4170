#pragma once
// Messages to frames (RFC 6455 section 5.2). A server's frames are not masked, so one rendering serves all receivers.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ws/close_code.h"
#include "ws/frame_parser.h"
#include "ws/mask.h"

namespace sparc::ws {

/// Whether the payload was made by Deflater: sets RSV1.
enum class Payload : std::uint8_t { plain, deflated };

constexpr std::size_t close_reason_bytes_max = control_payload_bytes_max - 2;

/// Of a server's frame; a client's is 4 bytes longer.
constexpr std::size_t header_size(std::uint64_t payload_bytes) {
  return payload_bytes < 126 ? 2 : payload_bytes < 65'536 ? 4 : 10;
}

// A server's frames. Each appends one whole frame, or the header of one, to `out`.
void append_frame_header(std::string& out, Opcode opcode, std::uint64_t payload_bytes, Payload kind = Payload::plain);
void append_text_frame(std::string& out, std::string_view payload, Payload kind = Payload::plain);
void append_binary_frame(std::string& out, std::string_view payload, Payload kind = Payload::plain);
/// `payload` has at most 125 bytes (asserted).
void append_ping_frame(std::string& out, std::string_view payload);
void append_pong_frame(std::string& out, std::string_view payload);
/// The reason is cut to 123 bytes, not within a character. CloseCode::no_status and abnormal give an empty payload.
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason);
inline void append_close_frame(std::string& out, CloseCode code, std::string_view reason) {
  append_close_frame(out, static_cast<std::uint16_t>(code), reason);
}

// A client's frames: masked with a key that no one could guess (section 5.3), from Entropy, a new one for each frame.
void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key, Payload kind = Payload::plain);
void append_masked_close_frame(std::string& out, std::uint16_t code, std::string_view reason, MaskKey key);

}  // namespace sparc::ws
