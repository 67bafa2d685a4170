#include "http/response.h"

#include <algorithm>

#include "base/codes.h"
#include "base/json_text.h"

namespace sparc::http {
namespace {

bool has_no_body(std::uint16_t status) { return status < 200 || status == 204 || status == 304; }

bool written_by_us(std::string_view name) {
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Connection") ||
         equals_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace

std::string_view reason_of(std::uint16_t status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

bool valid_header(const Header& header) {
  return is_token(header.name) && std::all_of(header.value.begin(), header.value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
         });
}

bool append_header(std::string& out, const Header& header) {
  if (!valid_header(header)) return false;
  out.append(header.name).append(": ").append(header.value).append("\r\n");
  return true;
}

void append_reply(std::string& out, const Reply& reply) {
  out += "HTTP/1.1 ";
  append_number(out, std::uint64_t{reply.status});
  out.append(" ").append(reason_of(reply.status)).append("\r\n");
  if (!reply.content_type.empty()) static_cast<void>(append_header(out, {"Content-Type", reply.content_type}));
  for (const Header& header : reply.headers) {
    if (!written_by_us(header.name)) static_cast<void>(append_header(out, header));
  }
  if (!has_no_body(reply.status)) {
    out += "Content-Length: ";
    append_number(out, std::uint64_t{reply.body.size()});
    out += "\r\n";
  }
  out += reply.connection == Connection::keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (!has_no_body(reply.status) && reply.body_kind == BodyKind::whole) out += reply.body;
}

void append_continue(std::string& out) { out += "HTTP/1.1 100 Continue\r\n\r\n"; }

void append_refusal(std::string& out, const Refusal& refusal) {
  const Code code = refusal.status == 413 ? Code::PAYLOAD_TOO_LARGE : Code::BAD_REQUEST;
  std::string body = R"({"error":{"code":)";
  append_json_string(body, name_of(code));
  body += R"(,"message":)";
  append_json_string(body, refusal.detail);
  body += "}}";
  out += closing_reply(refusal.status, "application/json", body);
}

std::string closing_reply(std::uint16_t status, std::string_view content_type, std::string_view body, Headers headers) {
  std::string out;
  append_reply(
      out, {.status = status, .content_type = content_type, .headers = headers, .body = body, .connection = Connection::close});
  return out;
}

}  // namespace sparc::http
