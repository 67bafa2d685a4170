#pragma once
// HTTP/1.1 responses (RFC 9112), of a client: the WebSocket handshake, and small answers of services.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/header.h"
#include "http/body_reader.h"
#include "http/head_reader.h"
#include "http/refusal.h"

namespace sparc::http {

/// Views into the parser that made it.
struct Response {
  std::uint16_t status = 0;
  std::string_view reason;
  std::vector<Header> headers;
  std::string_view body;
  bool keep_alive = false;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

struct ResponseLimits {
  std::size_t head_bytes_max = 16 * 1024;
  std::size_t headers_max = 100;
  std::size_t body_bytes_max = 1'048'576;
};

/// Reads one response. Interim ones (1xx, but 101) are skipped.
/// Errors: `Refusal::detail` says what was wrong; its status has no meaning for a client. `feed` may not be called after the end.
class ResponseParser {
 public:
  enum class Status : std::uint8_t {
    more,
    response,  // whole; for one that ends with its connection, after `finish`
    switched,  // 101: the bytes behind `consumed` are of the new protocol
    refused,
  };
  struct Fed {
    Status status = Status::more;
    std::size_t consumed = 0;
  };
  enum class Body : bool { expected, none };  // none: the request was HEAD

  explicit ResponseParser(const ResponseLimits& limits, Body body = Body::expected) : limits_(limits), body_kind_(body) {}
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  [[nodiscard]] Fed feed(std::string_view input);
  /// The connection ended. `response` where that is the end of the body.
  [[nodiscard]] Status finish();
  [[nodiscard]] const Response& response() const { return response_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

 private:
  enum class State : std::uint8_t { head, body, complete };

  [[nodiscard]] std::optional<Refusal> read_head();
  Fed refuse(const Refusal& refusal, std::size_t consumed);

  ResponseLimits limits_;
  Body body_kind_;
  State state_ = State::head;
  HeadReader head_;
  BodyReader body_reader_;
  std::string body_;
  Response response_;
  Refusal refusal_;
  std::size_t interim_ = 0;
};

}  // namespace sparc::http
