#include "server/dashboard.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "base/header.h"
#include "http/response.h"

namespace sparc::server {
namespace {

constexpr std::string_view prefix = "/admin/";

/// Scripts and styles from here and nowhere else; no frame around it.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

struct DashboardFile {
  std::string_view path;  // below /admin/; empty: the page itself
  std::string_view content_type;
  std::string_view tag;  // of its content
  std::string_view plain;
  std::string_view gzip;  // empty: there is none
};

#ifdef SPARC_DASHBOARD
struct Asset {
  std::string_view path, content_type, tag;
  std::span<const unsigned char> plain, gzip;
};
#include "assets.inc"

std::string_view text(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const auto& files() {
  static const auto all = [] {
    std::array<DashboardFile, std::size(assets)> out;
    std::transform(std::begin(assets), std::end(assets), out.begin(),
                   [](const Asset& a) { return DashboardFile{a.path, a.content_type, a.tag, text(a.plain), text(a.gzip)}; });
    return out;
  }();
  return all;
}
#else
const auto& files() {
  static constexpr std::array<DashboardFile, 1> all{
      DashboardFile{"", "text/plain; charset=utf-8", "none",
                    "This server was built without its dashboard: run ./dev build release where Node 20.19 or later, or npm, can "
                    "be had, and start it anew.\n",
                    ""}};
  return all;
}
#endif

const DashboardFile* file_at(std::string_view path) {
  const auto found = std::find_if(files().begin(), files().end(), [&](const DashboardFile& file) { return file.path == path; });
  return found == files().end() ? nullptr : &*found;
}

/// Accept-Encoding (RFC 9110 section 12.5.3), as far as browsers and tools differ: `gzip` or `*`, unless with q=0.
bool accepts_gzip(std::string_view accepted) {
  while (!accepted.empty()) {
    const std::size_t comma = std::min(accepted.find(','), accepted.size());
    const std::string_view item = accepted.substr(0, comma);
    accepted.remove_prefix(std::min(comma + 1, accepted.size()));
    const std::string_view coding = trim_blanks(item.substr(0, item.find(';')));
    if (coding != "*" && !equals_ignoring_case(coding, "gzip")) continue;
    const std::size_t weight = item.find("q=");
    return weight == std::string_view::npos || item.find_first_of("123456789", weight) != std::string_view::npos;
  }
  return false;
}

}  // namespace

std::string dashboard_answer(const http::Request& request, bool keep_alive) {
  http::Reply reply;
  reply.connection = keep_alive ? http::Connection::keep_alive : http::Connection::close;
  reply.body_kind = request.method == "HEAD" ? http::BodyKind::left_out : http::BodyKind::whole;
  std::string out;
  if (request.path == "/admin") {
    const Header location{"Location", prefix};
    reply.status = 308;
    reply.headers = {&location, 1};
    http::append_reply(out, reply);
    return out;
  }
  const DashboardFile* file = file_at(std::string_view(request.path).substr(prefix.size()));
  if (file == nullptr) return out;
  const bool packed = !file->gzip.empty() && accepts_gzip(request.header("accept-encoding").value_or(""));
  const std::string tag = '"' + std::string(file->tag) + (packed ? "-gzip\"" : "\"");
  std::vector<Header> headers{{"ETag", tag},
                              {"Cache-Control", "no-cache"},
                              {"Vary", "Accept-Encoding"},
                              {"Content-Security-Policy", policy},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Referrer-Policy", "no-referrer"}};
  if (request.header("if-none-match").value_or("").find(tag) != std::string_view::npos) {
    reply.status = 304;
  } else {
    if (packed) headers.push_back({"Content-Encoding", "gzip"});
    reply.content_type = file->content_type;
    reply.body = packed ? file->gzip : file->plain;
  }
  reply.headers = headers;
  http::append_reply(out, reply);
  return out;
}

}  // namespace sparc::server
