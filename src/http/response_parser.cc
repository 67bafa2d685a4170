#include "http/response_parser.h"

#include <cassert>
#include <utility>

#include "http/head_parser.h"

namespace sparc::http {
namespace {

constexpr std::size_t interim_responses_max = 16;

}  // namespace

ResponseParser::Fed ResponseParser::refuse(const Refusal& refusal, std::size_t consumed) {
  state_ = State::complete;
  refusal_ = refusal;
  return {Status::refused, consumed};
}

ResponseParser::Fed ResponseParser::feed(std::string_view input) {
  assert(state_ != State::complete);
  std::size_t consumed = 0;
  while (state_ == State::head) {
    const HeadReader::Fed fed = head_.feed(input.substr(consumed), limits_.head_bytes_max);
    consumed += fed.consumed;
    if (fed.refusal) return refuse(*fed.refusal, consumed);
    if (!fed.complete) return {Status::more, consumed};
    if (const auto refusal = read_head()) return refuse(*refusal, consumed);
    if (response_.status == 101) {
      state_ = State::complete;
      return {Status::switched, consumed};
    }
    if (response_.status >= 200) {
      state_ = State::body;
    } else if (++interim_ > interim_responses_max) {
      return refuse({400, "too many interim responses"}, consumed);
    } else {
      head_.clear();
      response_ = {};
    }
  }
  const BodyReader::Fed fed = body_reader_.feed(input.substr(consumed), body_, limits_.body_bytes_max);
  consumed += fed.consumed;
  if (fed.refusal) return refuse(*fed.refusal, consumed);
  if (!body_reader_.done()) return {Status::more, consumed};
  response_.body = body_;
  state_ = State::complete;
  return {Status::response, consumed};
}

ResponseParser::Status ResponseParser::finish() {
  assert(state_ != State::complete);
  if (state_ == State::body && body_reader_.until_close()) {
    response_.body = body_;
    state_ = State::complete;
    return Status::response;
  }
  return refuse({400, "the connection ended within the response"}, 0).status;
}

std::optional<Refusal> ResponseParser::read_head() {
  auto parsed = parse_response_head(head_.head(), limits_.headers_max);
  if (!parsed) return parsed.error();
  const auto framing = framing_of(*parsed);
  if (!framing) return framing.error();
  const std::uint16_t status = parsed->status;
  if (status < 100 || status > 599) return Refusal{400, "invalid status"};
  response_.status = status;
  response_.reason = parsed->reason;
  response_.headers = std::move(parsed->headers);
  response_.keep_alive = parsed->keep_alive;
  const bool no_body = body_kind_ == Body::none || status < 200 || status == 204 || status == 304;
  if (no_body) {
    body_reader_.begin_none();
  } else if (framing->chunked) {
    body_reader_.begin_chunked();
  } else if (framing->has_length) {
    if (framing->length > limits_.body_bytes_max) return Refusal{413, "the body is too large"};
    body_reader_.begin_length(framing->length);
  } else {
    body_reader_.begin_until_close();
    response_.keep_alive = false;
  }
  return std::nullopt;
}

}  // namespace sparc::http
