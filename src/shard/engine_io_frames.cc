#include "shard/engine_io_frames.h"

#include <charconv>
#include <cstdint>

#include "protocol/socketio/engine_packet.h"

namespace sparc::shard {

using protocol::socketio::EngineType;

namespace {

/// One frame of a server, at the beginning of `bytes`; the frame is whole.
struct FrameView {
  bool binary = false;
  std::string_view payload;
  std::size_t size = 0;
};

FrameView frame_at(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  std::size_t length = byte(1) & 0x7F, head = 2;
  if (length == 126) {
    length = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
    head = 4;
  } else if (length == 127) {
    length = 0;
    for (std::size_t i = 2; i < 10; ++i) length = length << 8 | byte(i);
    head = 10;
  }
  return {(byte(0) & 0x0F) == 2, bytes.substr(head, length), head + length};
}

/// Attachments that follow a packet: `45<n>-` and `46<n>-`.
std::size_t attachments_behind(const FrameView& frame) {
  std::size_t count = 0;
  if (frame.binary || frame.payload.size() < 3 || (!frame.payload.starts_with("45") && !frame.payload.starts_with("46")))
    return 0;
  (void)std::from_chars(frame.payload.data() + 2, frame.payload.data() + frame.payload.size(), count);
  return count;
}

}  // namespace

std::size_t packet_end(std::string_view block, std::size_t at) {
  std::size_t end = 0, left = 0;
  while (end < block.size() && (end < at || left != 0)) {
    const FrameView frame = frame_at(block.substr(end));
    left = left != 0 ? left - 1 : attachments_behind(frame);
    end += frame.size;
  }
  return end;
}

void append_frames_to_payload(std::string& body, std::string_view block) {
  while (!block.empty()) {
    const FrameView frame = frame_at(block);
    if (frame.binary) {
      protocol::socketio::append_binary_to_payload(body, frame.payload);
    } else if (!frame.payload.empty()) {
      protocol::socketio::append_to_payload(body, static_cast<EngineType>(frame.payload[0] - '0'), frame.payload.substr(1));
    }
    block.remove_prefix(frame.size);
  }
}

}  // namespace sparc::shard
