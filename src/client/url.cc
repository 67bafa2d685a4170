#include "client/url.h"

#include <charconv>

namespace sparc::client {
namespace {

Result<Endpoint> wrong(std::string_view what) {
  return fail("The URL " + std::string(what) + "; it must look like ws://host:port or wss://host/path");
}

/// Splits `host:port` or `[v6]:port`. False where it is neither.
bool read_authority(std::string_view text, Endpoint& out) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    out.host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) return false;
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (out.host.empty() || out.host.size() > 255) return false;
  if (!has_port) return true;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  return error == std::errc() && end == port.data() + port.size() && out.port != 0;
}

}  // namespace

Result<Endpoint> parse_url(std::string_view url) {
  Endpoint out;
  for (const unsigned char c : url) {
    if (c <= 0x20 || c == 0x7f) return wrong("has a space or a control character");
  }
  if (url.starts_with("wss://") || url.starts_with("https://")) {
    out.tls = true;
  } else if (!url.starts_with("ws://") && !url.starts_with("http://")) {
    return wrong("does not begin with ws:// or wss://");
  }
  out.port = out.tls ? 443 : 80;
  const std::uint16_t default_port = out.port;
  std::string_view rest = url.substr(url.find("//") + 2);
  if (rest.find('#') != std::string_view::npos) return wrong("has a fragment");
  const std::size_t path = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, path);
  if (authority.find('@') != std::string_view::npos) return wrong("has user information");
  if (!read_authority(authority, out)) return wrong("has no valid host and port");
  if (path != std::string_view::npos) out.target = rest.substr(path);
  if (out.target.empty() || out.target == "/") out.target = "/ws";
  if (out.target.front() == '?') out.target = "/ws" + out.target;
  out.host_field = authority.starts_with('[') ? "[" + out.host + "]" : out.host;
  if (out.port != default_port) out.host_field += ":" + std::to_string(out.port);
  return out;
}

}  // namespace sparc::client
