#pragma once
// Packets as a WebSocket carries them: whole server frames, one behind the other.

#include <cstddef>
#include <string>
#include <string_view>

namespace sparc::shard {

/// The end of the packet, attachments included, that byte `at` of `frames` is in, or that ends there.
[[nodiscard]] std::size_t packet_end(std::string_view frames, std::size_t at);
/// The same packets as a poll's answer has them.
void append_frames_to_payload(std::string& body, std::string_view frames);

}  // namespace sparc::shard
