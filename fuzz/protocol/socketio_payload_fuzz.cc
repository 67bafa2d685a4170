// Bodies of POST requests: what was read, written into a poll's answer, is read as the same.

#include <cstdint>
#include <cstdlib>

#include "protocol/socketio/engine_packet.h"

using namespace sparc::protocol::socketio;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packets = read_payload(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!packets) return 0;
  std::string body;
  for (const EnginePacket& packet : *packets) {
    if (packet.binary) {
      append_binary_to_payload(body, packet.data);
    } else {
      append_to_payload(body, packet.type, packet.data);
    }
  }
  const auto again = read_payload(body);
  if (!again || again->size() != packets->size()) std::abort();
  for (std::size_t i = 0; i < packets->size(); ++i) {
    const EnginePacket& a = (*packets)[i];
    const EnginePacket& b = (*again)[i];
    if (a.type != b.type || a.binary != b.binary || a.data != b.data) std::abort();
  }
  return 0;
}
