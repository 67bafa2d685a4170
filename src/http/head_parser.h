#pragma once
// A whole head to its parts, by llhttp in its strict mode. Internal to http/.

#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "base/header.h"
#include "http/refusal.h"

namespace sparc::http {

/// Views into the head that was parsed.
struct Head {
  std::string_view method;  // requests
  std::string_view target;
  std::uint16_t status = 0;  // responses
  std::string_view reason;
  int http_minor = 1;  // of HTTP/1
  std::vector<Header> headers;
  bool keep_alive = false;  // by version and Connection
};

/// How the body is framed (RFC 9112 section 6), of a message where none is forbidden.
struct Framing {
  bool chunked = false;
  bool has_length = false;
  std::uint64_t length = 0;
};

/// `head` ends with its empty line (HeadReader). 400 for a syntax error, 431 for more than `headers_max` fields, 501 for CONNECT
/// and unknown methods, 505 for a version other than 1.0 and 1.1.
[[nodiscard]] std::expected<Head, Refusal> parse_request_head(std::string_view head, std::size_t headers_max);
[[nodiscard]] std::expected<Head, Refusal> parse_response_head(std::string_view head, std::size_t headers_max);

/// Refuses everything that two recipients could frame differently: both fields, one of them twice, lists, signs, a transfer
/// coding other than `chunked`, chunked in HTTP/1.0.
[[nodiscard]] std::expected<Framing, Refusal> framing_of(const Head& head);

}  // namespace sparc::http
