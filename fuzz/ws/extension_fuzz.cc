// A Sec-WebSocket-Extensions value from a client or a server.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ws/extension.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  const sparc::Header headers[] = {{"Sec-WebSocket-Extensions", value}};
  const auto list = sparc::ws::parse_extensions(headers);
  if (!list) return 0;
  if (list->empty() || list->size() > sparc::ws::extensions_max) std::abort();
  for (int bits = 9; bits <= 15; ++bits) {
    const auto agreement = sparc::ws::accept_deflate(*list, bits);
    if (!agreement) continue;
    // What the server answers, the client of this project takes.
    const sparc::Header answer[] = {{"Sec-WebSocket-Extensions", agreement->response}};
    const auto parsed = sparc::ws::parse_extensions(answer);
    if (!parsed || sparc::ws::check_deflate_response(*parsed) != true) std::abort();
  }
  static_cast<void>(sparc::ws::check_deflate_response(*list));
  return 0;
}
