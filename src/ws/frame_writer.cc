#include "ws/frame_writer.h"

#include <cassert>
#include <cstring>

#include "ws/utf8.h"

namespace sparc::ws {
namespace {

void append_header(std::string& out, Opcode opcode, std::uint64_t payload_bytes, Payload kind, std::uint8_t mask_bit) {
  char header[10];
  header[0] = static_cast<char>(0x80 | (kind == Payload::deflated ? 0x40 : 0) | static_cast<std::uint8_t>(opcode));
  const std::size_t size = header_size(payload_bytes);
  const std::size_t length_bytes = size - 2;
  const auto marker = static_cast<std::uint8_t>(length_bytes == 0 ? payload_bytes : length_bytes == 2 ? 126 : 127);
  header[1] = static_cast<char>(mask_bit | marker);
  for (std::size_t i = 0; i < length_bytes; ++i) header[2 + i] = static_cast<char>(payload_bytes >> (8 * (length_bytes - 1 - i)));
  out.append(header, size);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, Payload kind) {
  assert(!is_control(opcode) || payload.size() <= control_payload_bytes_max);
  append_header(out, opcode, payload.size(), kind, 0);
  out.append(payload);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (code == static_cast<std::uint16_t>(CloseCode::no_status) || code == static_cast<std::uint16_t>(CloseCode::abnormal)) {
    return payload;
  }
  assert(valid_on_wire(code));
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xff);
  payload += reason.substr(0, utf8_prefix(reason, close_reason_bytes_max));
  return payload;
}

}  // namespace

void append_frame_header(std::string& out, Opcode opcode, std::uint64_t payload_bytes, Payload kind) {
  append_header(out, opcode, payload_bytes, kind, 0);
}
void append_text_frame(std::string& out, std::string_view payload, Payload kind) {
  append_frame(out, Opcode::text, payload, kind);
}
void append_binary_frame(std::string& out, std::string_view payload, Payload kind) {
  append_frame(out, Opcode::binary, payload, kind);
}
void append_ping_frame(std::string& out, std::string_view payload) { append_frame(out, Opcode::ping, payload, Payload::plain); }
void append_pong_frame(std::string& out, std::string_view payload) { append_frame(out, Opcode::pong, payload, Payload::plain); }
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason) {
  append_frame(out, Opcode::close, close_payload(code, reason), Payload::plain);
}

void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key, Payload kind) {
  assert(!is_control(opcode) || payload.size() <= control_payload_bytes_max);
  append_header(out, opcode, payload.size(), kind, 0x80);
  char key_bytes[4];
  std::memcpy(key_bytes, &key, 4);
  out.append(key_bytes, 4);
  const std::size_t begin = out.size();
  out.append(payload);
  apply_mask({out.data() + begin, payload.size()}, key);
}

void append_masked_close_frame(std::string& out, std::uint16_t code, std::string_view reason, MaskKey key) {
  append_masked_frame(out, Opcode::close, close_payload(code, reason), key);
}

}  // namespace sparc::ws
