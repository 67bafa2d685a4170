#include "http/request_parser.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "http/head_parser.h"
#include "http/target.h"

namespace sparc::http {
namespace {

/// Characters of a uri-host with its port (RFC 3986 section 3.2.2): nothing that would end an authority or name a user.
bool valid_host(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos);
  });
}

std::optional<Refusal> check_host(const Head& head) {
  const std::size_t hosts = count_headers(head.headers, "Host");
  if (hosts > 1) return Refusal{400, "Host stands more than once"};
  if (hosts == 0) return head.http_minor == 0 ? std::nullopt : std::optional(Refusal{400, "Host is missing"});
  if (!valid_host(*find_header(head.headers, "Host"))) return Refusal{400, "invalid Host"};
  return std::nullopt;
}

}  // namespace

void RequestParser::begin() {
  head_.clear();
  request_ = {};
  std::string().swap(body_);  // no memory of it while the next request, a poll, waits for its answer
  expects_continue_ = false;
  state_ = State::head;
}

RequestParser::Fed RequestParser::refuse(const Refusal& refusal, std::size_t consumed) {
  state_ = State::refused;
  refusal_ = refusal;
  return {Status::refused, consumed};
}

RequestParser::Fed RequestParser::feed(std::string_view input) {
  assert(state_ != State::refused);
  if (state_ == State::complete) {
    if (input.empty()) return {};
    begin();
  }
  std::size_t consumed = 0;
  if (state_ == State::head) {
    const HeadReader::Fed fed = head_.feed(input, limits_.head_bytes_max);
    consumed = fed.consumed;
    if (fed.refusal) return refuse(*fed.refusal, consumed);
    if (!fed.complete) return {Status::more, consumed};
    if (const auto refusal = read_head()) return refuse(*refusal, consumed);
    if (request_.upgrade) {
      state_ = State::complete;
      return {Status::upgrade, consumed};
    }
    state_ = State::body;
    if (expects_continue_ && !body_reader_.done()) return {Status::expect_continue, consumed};
  }
  const BodyReader::Fed fed = body_reader_.feed(input.substr(consumed), body_, limits_.body_bytes_max);
  consumed += fed.consumed;
  if (fed.refusal) return refuse(*fed.refusal, consumed);
  if (!body_reader_.done()) return {Status::more, consumed};
  request_.body = body_;
  state_ = State::complete;
  return {Status::request, consumed};
}

std::optional<Refusal> RequestParser::read_head() {
  auto parsed = parse_request_head(head_.head(), limits_.headers_max);
  if (!parsed) return parsed.error();
  Head& head = *parsed;
  if (const auto refusal = check_host(head)) return refusal;
  const auto target = split_target(head.target);
  if (!target || (target->path == "*" && head.method != "OPTIONS")) return Refusal{400, "invalid request target"};
  const auto framing = framing_of(head);
  if (!framing) return framing.error();
  if (framing->length > limits_.body_bytes_max) return Refusal{413, "the body is too large"};
  body_reader_.begin_none();
  if (framing->chunked) body_reader_.begin_chunked();
  if (framing->has_length) body_reader_.begin_length(framing->length);
  if (head.http_minor == 1 && count_headers(head.headers, "Expect") != 0) {
    expects_continue_ = equals_ignoring_case(*find_header(head.headers, "Expect"), "100-continue");
    if (!expects_continue_) return Refusal{417, "the only expectation is 100-continue"};
  }
  request_.method = head.method;
  request_.target = head.target;
  request_.path = target->path;
  request_.query = target->query;
  request_.headers = std::move(head.headers);
  request_.headers.shrink_to_fit();  // they stay as long as a poll waits
  request_.http_minor = head.http_minor;
  request_.keep_alive = head.keep_alive;
  // Upgrade with a body is answered in HTTP (RFC 9110 section 7.8 lets a server ignore it).
  request_.upgrade = head.http_minor == 1 && head.method == "GET" && body_reader_.done() &&
                     header_lists(request_.headers, "Upgrade", "websocket") &&
                     header_lists(request_.headers, "Connection", "upgrade");
  return std::nullopt;
}

}  // namespace sparc::http
