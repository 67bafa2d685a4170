// Lines: one that begins with `b` is a binary message, any other a text message, as they come over one connection.

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "socketio_packets.h"

using namespace sparc::protocol::socketio;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  PacketDecoder decoder(Parser::standard, {});
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto decoded = line.starts_with('b') ? decoder.binary(line.substr(1)) : decoder.text(line);
    if (!decoded) return 0;
    if (*decoded) check_sending(**decoded);
  }
  return 0;
}
