// One message of socket.io-msgpack-parser.

#include <cstdint>

#include "protocol/socketio/msgpack.h"
#include "socketio_packets.h"

using namespace sparc::protocol::socketio;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = read_msgpack_packet(std::string_view(reinterpret_cast<const char*>(data), size), {});
  if (packet) check_sending(*packet);
  return 0;
}
