// The bytes of a request that would open a WebSocket. What the server accepts, it answers so that this project's client takes it.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/request_parser.h"
#include "http/response_parser.h"
#include "ws/handshake.h"

namespace {

using namespace sparc;

void answered(const ws::Upgrade& upgrade) {
  const auto agreement = ws::accept_deflate(upgrade.extensions, 12);
  ws::ClientHandshake client{.host = "h", .key = std::string(upgrade.key), .extensions = std::string(ws::deflate_offer)};
  for (const std::string_view protocol : upgrade.protocols) client.protocols.emplace_back(protocol);
  const std::string chosen = client.protocols.empty() ? "" : client.protocols.back();
  const std::string bytes = ws::upgrade_response(upgrade.key, chosen, agreement ? agreement->response : "");
  http::ResponseParser parser{http::ResponseLimits{}};
  if (parser.feed(bytes).status != http::ResponseParser::Status::switched) std::abort();
  const auto taken = ws::check_response(client, parser.response().status, parser.response().headers);
  if (!taken || taken->protocol != chosen || taken->deflate != agreement.has_value()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  http::RequestParser parser({.head_bytes_max = 2'048, .headers_max = 32, .body_bytes_max = 256});
  const auto fed = parser.feed({reinterpret_cast<const char*>(data), size});
  if (fed.status != http::RequestParser::Status::upgrade) return 0;
  const http::Request& request = parser.request();
  const auto upgrade = ws::check_upgrade({request.method, 1, request.http_minor, request.headers});
  if (upgrade) {
    answered(*upgrade);
  } else if (upgrade.error().status < 400 || upgrade.error().detail.empty()) {
    std::abort();
  }
  return 0;
}
