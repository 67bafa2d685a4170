#pragma once
// HTTP/1.1 requests (RFC 9112), of a server.

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

/// Views into the parser that made it: valid until its next `feed` (with bytes of the next request) or its end.
struct Request {
  std::string_view method;      // "GET"
  std::string_view target;      // as it was written
  std::string_view path;        // of the target, not decoded, begins with '/' (or is "*" for OPTIONS)
  std::string_view query;       // behind the '?', not decoded; empty: none
  std::vector<Header> headers;  // in order
  std::string_view body;
  int http_minor = 1;       // HTTP/1.0 or HTTP/1.1
  bool keep_alive = false;  // whether the client lets the connection go on behind the answer
  bool upgrade = false;     // asks for WebSocket, without a body; ws::check_upgrade says whether it may have it

  /// The first field of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

struct RequestLimits {
  std::size_t head_bytes_max = 16 * 1024;  // Limits::http_head_bytes_max; else 431
  std::size_t headers_max = 100;           // fields; else 431
  std::size_t body_bytes_max = 1'048'576;  // else 413, by Content-Length before any of the body is read
};

/// Splits a byte stream into requests. Stops behind each of them, so that its owner decides when the next one is read
/// (pipelining). Refuses what two recipients could understand differently (request smuggling): see HeadReader, framing_of and
/// BodyReader, and a Host field that is missing, repeated or invalid. Pure: no I/O, no clock.
///
/// Errors:   after Status::refused, answer `refusal()`, close, and do not call `feed` again (asserted).
/// Memory:   head and body of one request; made for the HTTP phase of a connection, and dropped with it.
/// Thread:   confined to its owner.
class RequestParser {
 public:
  enum class Status : std::uint8_t {
    more,             // everything was consumed, and the request is not whole
    expect_continue,  // the head is there and the client waits for "100 Continue": answer that and feed on, or refuse
    request,          // `request()` is whole; the bytes behind `consumed` are the next one's
    upgrade,          // the same, and the bytes behind `consumed` are of the protocol that it asks for
    refused,
  };
  struct Fed {
    Status status = Status::more;
    std::size_t consumed = 0;
  };

  explicit RequestParser(const RequestLimits& limits) : limits_(limits) {}
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  [[nodiscard]] Fed feed(std::string_view input);
  /// After Status::request, upgrade, or (without its body) expect_continue.
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }
  /// Whether some of a request has come that is not whole: the time between requests is not limited like that within one.
  [[nodiscard]] bool within_request() const { return state_ == State::body || (state_ == State::head && !head_.empty()); }

 private:
  enum class State : std::uint8_t { head, body, complete, refused };

  void begin();
  [[nodiscard]] std::optional<Refusal> read_head();
  Fed refuse(const Refusal& refusal, std::size_t consumed);

  RequestLimits limits_;
  State state_ = State::head;
  bool expects_continue_ = false;
  HeadReader head_;
  BodyReader body_reader_;
  std::string body_;
  Request request_;
  Refusal refusal_;
};

}  // namespace sparc::http
