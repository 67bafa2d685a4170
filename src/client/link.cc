#include "client/link.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ws/frame_writer.h"

namespace sparc::client {
namespace {

constexpr std::int64_t retry_after_s_max = 3'600;

/// Seconds; a date (RFC 9110 section 10.2.3) is not looked at, our servers send none.
std::int64_t retry_after_ms(const http::Response& response) {
  const auto value = response.header("Retry-After");
  if (!value) return 0;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc() || end != value->data() + value->size() || seconds < 0) return 0;
  return std::min(seconds, retry_after_s_max) * 1'000;
}

LinkEnd fault(std::string reason) {
  LinkEnd end;
  end.kind = LinkEnd::Kind::fault;
  end.reason = std::move(reason);
  return end;
}

}  // namespace

Link::Link(ws::ClientHandshake handshake, std::size_t message_bytes_max, Entropy& entropy)
    : handshake_(std::move(handshake)), entropy_(entropy), parser_(http::ResponseLimits{}) {
  handshake_.key = ws::make_key(entropy_);
  receiver_options_.message_bytes_max = message_bytes_max;
}

std::optional<LinkEnd> Link::feed(std::string_view bytes, std::string& out, LinkEvents& events) {
  return receiver_ ? feed_frames(bytes, out, events) : feed_handshake(bytes, out, events);
}

std::optional<LinkEnd> Link::feed_handshake(std::string_view bytes, std::string& out, LinkEvents& events) {
  const auto fed = parser_.feed(bytes);
  switch (fed.status) {
    case http::ResponseParser::Status::more: return std::nullopt;
    case http::ResponseParser::Status::refused:
      return fault("the answer to the handshake is not HTTP: " + std::string(parser_.refusal().detail));
    case http::ResponseParser::Status::response: return refused();
    case http::ResponseParser::Status::switched: break;
  }
  const auto& response = parser_.response();
  const auto upgrade = ws::check_response(handshake_, response.status, response.headers);
  if (!upgrade) return fault("the handshake failed: " + std::string(upgrade.error()));
  receiver_ = std::make_unique<ws::Receiver>(ws::Role::client, ws::Compression::none, receiver_options_);
  events.on_upgraded();
  const std::string_view rest = bytes.substr(fed.consumed);
  return rest.empty() ? std::nullopt : feed_frames(rest, out, events);
}

LinkEnd Link::refused() const {
  const auto& response = parser_.response();
  LinkEnd end;
  end.kind = LinkEnd::Kind::refused;
  end.code = response.status;
  end.reason = "the handshake was answered by HTTP " + std::to_string(response.status) + " " + std::string(response.reason);
  end.retry_after_ms = retry_after_ms(response);
  return end;
}

std::optional<LinkEnd> Link::feed_frames(std::string_view bytes, std::string& out, LinkEvents& events) {
  scratch_.assign(bytes);
  out_ = &out;
  events_ = &events;
  const auto fed = receiver_->feed(scratch_, *this);
  out_ = nullptr;
  events_ = nullptr;
  switch (fed.status) {
    case ws::Receiver::Status::more:
    case ws::Receiver::Status::stopped: return std::nullopt;
    case ws::Receiver::Status::closed: return std::move(close_);
    case ws::Receiver::Status::fault: break;
  }
  append_close(out, static_cast<std::uint16_t>(fed.fault.code), fed.fault.detail);
  return fault("the server broke the WebSocket protocol: " + std::string(fed.fault.detail));
}

ws::Flow Link::on_message(ws::MessageType type, std::string_view payload) { return events_->on_message(type, payload); }

ws::Flow Link::on_ping(std::string_view payload) {
  ws::append_masked_frame(*out_, ws::Opcode::pong, payload, mask_key());
  return ws::Flow::go_on;
}

ws::Flow Link::on_pong(std::string_view) { return ws::Flow::go_on; }

void Link::on_close(std::uint16_t code, std::string_view reason) {
  close_ = {};
  close_.kind = LinkEnd::Kind::closed;
  close_.code = code;
  close_.reason = reason;
  append_close(*out_, code, {});
}

void Link::append_text(std::string& out, std::string_view payload) {
  ws::append_masked_frame(out, ws::Opcode::text, payload, mask_key());
}

void Link::append_close(std::string& out, std::uint16_t code, std::string_view reason) {
  ws::append_masked_close_frame(out, code, reason, mask_key());
}

}  // namespace sparc::client
