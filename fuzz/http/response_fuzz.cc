// Byte 0: how the rest is split, and whether the request was HEAD. The rest: what a server sends, to the end of the connection.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/response_parser.h"

namespace {

using namespace sparc::http;

std::string run(bool head, std::size_t step, std::string_view bytes) {
  ResponseParser parser({.head_bytes_max = 512, .headers_max = 16, .body_bytes_max = 256},
                        head ? ResponseParser::Body::none : ResponseParser::Body::expected);
  auto status = ResponseParser::Status::more;
  std::size_t left = bytes.size();
  while (left > 0 && status == ResponseParser::Status::more) {
    const std::size_t size = std::min(step, left);
    const auto fed = parser.feed(bytes.substr(bytes.size() - left, size));
    status = fed.status;
    left -= status == ResponseParser::Status::more ? size : fed.consumed;
  }
  if (status == ResponseParser::Status::more) status = parser.finish();
  if (status == ResponseParser::Status::refused) return "refused " + std::string(parser.refusal().detail);
  std::string log = std::to_string(parser.response().status) + std::string(parser.response().body) + std::to_string(left);
  for (const auto& header : parser.response().headers) log += std::string(header.name) + ":" + std::string(header.value) + "\n";
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool head = (data[0] & 0x80) != 0;
  const std::string whole = run(head, SIZE_MAX, bytes);
  if (run(head, 1, bytes) != whole || run(head, (data[0] & 0x7fu) + 1, bytes) != whole) std::abort();
  return 0;
}
