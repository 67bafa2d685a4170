#include "http/head_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <charconv>

namespace sparc::http {
namespace {

struct Builder {
  Head head;
  std::size_t headers_max = 0;
  std::string_view field;
  bool too_many = false;
  bool complete = false;
};

Builder& builder_of(llhttp_t* parser) { return *static_cast<Builder*>(parser->data); }

// The head is given in one piece, so each part arrives in one piece too.
llhttp_settings_t make_settings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = [](llhttp_t* p, const char* at, std::size_t size) {
    builder_of(p).head.target = {at, size};
    return 0;
  };
  settings.on_status = [](llhttp_t* p, const char* at, std::size_t size) {
    builder_of(p).head.reason = {at, size};
    return 0;
  };
  settings.on_method = [](llhttp_t* p, const char* at, std::size_t size) {
    builder_of(p).head.method = {at, size};
    return 0;
  };
  settings.on_header_field = [](llhttp_t* p, const char* at, std::size_t size) {
    builder_of(p).field = {at, size};
    return 0;
  };
  settings.on_header_value = [](llhttp_t* p, const char* at, std::size_t size) -> int {
    Builder& builder = builder_of(p);
    builder.too_many = builder.head.headers.size() == builder.headers_max;
    if (builder.too_many) return HPE_USER;
    builder.head.headers.push_back({builder.field, trim_blanks({at, size})});
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* p) {
    Builder& builder = builder_of(p);
    builder.complete = true;
    builder.head.http_minor = p->http_minor;
    builder.head.status = p->status_code;
    constexpr int stop_behind_the_head = 2;
    return stop_behind_the_head;
  };
  return settings;
}

const llhttp_settings_t settings = make_settings();

std::expected<Head, Refusal> refuse(std::uint16_t status, std::string_view detail) {
  return std::unexpected(Refusal{status, detail});
}

Refusal refusal_of(llhttp_errno_t error, std::string_view bytes, bool too_many) {
  if (too_many) return {431, "too many header fields"};
  switch (error) {
    case HPE_INVALID_METHOD:
      return is_token(bytes.substr(0, bytes.find(' '))) ? Refusal{501, "unknown method"} : Refusal{400, "invalid request line"};
    case HPE_PAUSED_H2_UPGRADE:
    case HPE_INVALID_VERSION: return {505, "only HTTP/1.0 and HTTP/1.1 are spoken"};
    case HPE_INVALID_URL: return {400, "invalid request target"};
    case HPE_INVALID_HEADER_TOKEN: return {400, "invalid header field"};
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH: return {400, "invalid Content-Length"};
    case HPE_INVALID_TRANSFER_ENCODING: return {400, "invalid Transfer-Encoding"};
    default: return {400, "invalid message head"};
  }
}

/// RFC 9112 section 3: method SP target SP version CRLF. llhttp takes several spaces.
bool one_space_between_parts(std::string_view bytes, const Head& head) {
  const std::size_t target_at = head.method.size() + 1;
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  return head.target.data() == bytes.data() + target_at && line.size() == target_at + head.target.size() + sizeof " HTTP/1.1" - 1;
}

std::expected<Head, Refusal> parse(std::string_view bytes, std::size_t headers_max, llhttp_type_t type) {
  Builder builder;
  builder.headers_max = headers_max;
  builder.head.headers.reserve(16);
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &builder;
  const llhttp_errno_t error = llhttp_execute(&parser, bytes.data(), bytes.size());
  if (!builder.complete) return std::unexpected(refusal_of(error, bytes, builder.too_many));
  Head& head = builder.head;
  if (parser.http_major != 1 || parser.http_minor > 1) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  if (!std::all_of(head.headers.begin(), head.headers.end(), [](const Header& h) { return is_token(h.name); })) {
    return refuse(400, "invalid header name");
  }
  head.keep_alive = !header_lists(head.headers, "Connection", "close") &&
                    (head.http_minor == 1 || header_lists(head.headers, "Connection", "keep-alive"));
  return std::move(builder.head);
}

}  // namespace

std::expected<Head, Refusal> parse_request_head(std::string_view head, std::size_t headers_max) {
  if (head.starts_with("PRI * HTTP/2.0\r\n")) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  auto parsed = parse(head, headers_max, HTTP_REQUEST);
  if (parsed && !one_space_between_parts(head, *parsed)) return refuse(400, "invalid request line");
  if (parsed && parsed->method == "CONNECT") return refuse(501, "CONNECT is not implemented");
  return parsed;
}

std::expected<Head, Refusal> parse_response_head(std::string_view head, std::size_t headers_max) {
  return parse(head, headers_max, HTTP_RESPONSE);
}

std::expected<Framing, Refusal> framing_of(const Head& head) {
  auto bad = [](std::uint16_t status, std::string_view detail) { return std::unexpected(Refusal{status, detail}); };
  Framing framing;
  const std::size_t lengths = count_headers(head.headers, "Content-Length");
  const std::size_t codings = count_headers(head.headers, "Transfer-Encoding");
  if (lengths > 1) return bad(400, "Content-Length stands more than once");
  if (lengths != 0 && codings != 0) return bad(400, "both Content-Length and Transfer-Encoding");
  if (codings != 0) {
    if (codings > 1 || head.http_minor == 0) return bad(400, "invalid Transfer-Encoding");
    const std::string_view coding = *find_header(head.headers, "Transfer-Encoding");
    if (!equals_ignoring_case(coding, "chunked")) return bad(501, "the only transfer coding is chunked");
    framing.chunked = true;
  }
  if (lengths != 0) {
    const std::string_view text = *find_header(head.headers, "Content-Length");
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), framing.length);
    if (!digits || error != std::errc{} || end != text.data() + text.size()) return bad(400, "invalid Content-Length");
    framing.has_length = true;
  }
  return framing;
}

}  // namespace sparc::http
