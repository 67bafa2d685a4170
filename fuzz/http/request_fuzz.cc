// Byte 0: how the rest is split. The rest: what a client sends. The requests are the same in one piece and in many.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/request_parser.h"
#include "http/target.h"

namespace {

using namespace sparc::http;

std::string run(std::uint8_t split, std::string_view bytes) {
  RequestParser parser({.head_bytes_max = 512, .headers_max = 16, .body_bytes_max = 256});
  std::string log;
  std::uint32_t state = split;
  while (!bytes.empty()) {
    state = state * 1'664'525 + 1'013'904'223;
    const std::size_t size = split == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), (state >> 24) % split + 1);
    const std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes.remove_prefix(size);
    std::string_view rest(piece.data(), piece.size());
    while (true) {
      const RequestParser::Fed fed = parser.feed(rest);
      rest.remove_prefix(fed.consumed);
      if (fed.status == RequestParser::Status::more) break;
      if (fed.status == RequestParser::Status::refused) return log + "refused " + std::string(parser.refusal().detail);
      const Request& request = parser.request();
      log += std::string(request.method) + " " + std::string(request.path) + "?" + std::string(request.query) + "\n";
      for (const auto& header : request.headers) log += std::string(header.name) + ":" + std::string(header.value) + "\n";
      log += std::string(request.body) + (request.keep_alive ? "\nkeep\n" : "\nclose\n");
      if (request.body.size() > 256 || request.headers.size() > 16) std::abort();
      if (fed.status == RequestParser::Status::upgrade) return log + "upgrade";
      static_cast<void>(query_parameters(request.query));
    }
    if (!rest.empty()) std::abort();
  }
  return log + (parser.within_request() ? "within" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = run(0, bytes);
  if (run(data[0], bytes) != whole || run(1, bytes) != whole) std::abort();
  return 0;
}
