#include "protocol/socketio/engine.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <limits>
#include <utility>

#include "protocol/json_scan.h"

namespace sparc::protocol::socketio {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t noop_interval_ms = 100;

constexpr const char* payload_type = "text/plain; charset=UTF-8";
constexpr std::string_view close_packet = "1";
constexpr std::string_view noop_packet = "6";

constexpr std::string_view transport_error = "transport error";
constexpr std::string_view transport_close = "transport close";

AnswerPoll refusal(PollId poll, const char* body) { return {poll, 400, "application/json", body}; }
AnswerPoll empty_answer(PollId poll, std::uint16_t status) { return {poll, status, {}, {}}; }

bool is_octet_stream(std::string_view content_type) {
  const std::string_view type = json::trimmed(content_type.substr(0, content_type.find(';')));
  return std::ranges::equal(type, std::string_view("application/octet-stream"),
                            [](unsigned char a, char b) { return std::tolower(a) == b; });
}

}  // namespace

Engine::Engine(Transport transport, const EngineSettings& settings, std::int64_t now_ms)
    : transport_(transport), settings_(&settings), ping_due_(now_ms + settings.ping_interval_ms), pong_due_(never) {}

bool Engine::refuse(PollId poll) {
  if (closed_) {
    actions_.emplace_back(refusal(poll, R"({"code":1,"message":"Session ID unknown"})"));
  } else if (transport_ == Transport::websocket) {
    actions_.emplace_back(refusal(poll, R"({"code":3,"message":"Bad request"})"));
  }
  return closed_ || transport_ == Transport::websocket;
}

void Engine::on_get(PollId poll) {
  if (refuse(poll)) return;
  if (writable()) {
    actions_.emplace_back(empty_answer(poll, 400));
    return finish(transport_error, close_packet);
  }
  poll_ = poll;
}

void Engine::on_post(PollId poll, std::string_view content_type, std::string_view body) {
  if (refuse(poll)) return;
  if (body.size() > settings_->max_payload_bytes) {
    actions_.emplace_back(empty_answer(poll, 413));
    return;
  }
  if (is_octet_stream(content_type)) return fail_post(poll);
  auto packets = read_payload(body);
  std::string_view end = packets ? std::string_view{} : std::string_view(packets.error());
  for (std::size_t i = 0; packets && i < packets->size() && end.empty(); ++i) end = take(std::move((*packets)[i]));
  if (end.empty() || end == transport_close) {
    actions_.emplace_back(AnswerPoll{poll, 200, "text/html", "ok"});
  } else {
    actions_.emplace_back(empty_answer(poll, 400));
  }
  if (!end.empty()) finish(end, end == transport_close ? noop_packet : close_packet);
}

void Engine::on_post_overlap(PollId poll) {
  if (!refuse(poll)) fail_post(poll);
}

void Engine::fail_post(PollId poll) {
  actions_.emplace_back(empty_answer(poll, 400));
  finish(transport_error, close_packet);
}

void Engine::on_poll_aborted(PollId poll) {
  if (closed_ || poll_ != poll) return;
  poll_ = no_poll;
  finish(transport_error, close_packet);
}

/// Empty, or why the session ends.
std::string_view Engine::take(EnginePacket packet) {
  switch (packet.type) {
    case EngineType::ping: return transport_error;  // in this revision the server pings
    case EngineType::pong: pong_due_ = never; return {};
    case EngineType::message:
      if (!closing_) actions_.emplace_back(DeliverMessage{packet.binary, std::move(packet.data)});
      return {};
    case EngineType::close: return transport_ == Transport::polling ? transport_close : std::string_view{};
    case EngineType::open:
    case EngineType::upgrade:
    case EngineType::noop: return {};
  }
  return {};
}

bool Engine::on_probe_opened(std::int64_t now_ms) {
  if (closed_ || closing_ || transport_ == Transport::websocket || probe_) return false;
  probe_ = std::make_unique<Probe>(false, now_ms + settings_->upgrade_timeout_ms, now_ms);
  return true;
}

void Engine::on_probe_text(std::string_view text) {
  if (transport_ == Transport::websocket) return on_text(text);  // came with the packet that upgraded
  if (closed_ || !probe_) return;
  const auto packet = read_engine_packet(text);
  if (packet && packet->type == EngineType::ping && packet->data == "probe") {
    probe_->confirmed = true;
    actions_.emplace_back(SendToProbe{"3probe"});
  } else if (packet && packet->type == EngineType::upgrade) {
    // A client that keeps to the protocol has no poll left; another one is sent home.
    if (writable()) answer_poll(noop_packet);
    probe_.reset();
    transport_ = Transport::websocket;
    actions_.emplace_back(Upgraded{});
  } else {
    drop_probe();
  }
}

void Engine::on_probe_closed() {
  if (transport_ == Transport::websocket) return on_websocket_closed();
  probe_.reset();
}

void Engine::drop_probe() {
  if (!probe_) return;
  probe_.reset();
  actions_.emplace_back(CloseProbe{});
}

void Engine::on_text(std::string_view text) {
  if (closed_ || transport_ != Transport::websocket) return;
  auto packet = read_engine_packet(text);
  const std::string_view end = packet ? take(std::move(*packet)) : std::string_view(packet.error());
  if (!end.empty()) finish(end, {});
}

void Engine::on_binary(std::string_view data) {
  if (closed_ || transport_ != Transport::websocket) return;
  actions_.emplace_back(DeliverMessage{true, std::string(data)});
}

void Engine::on_websocket_closed() {
  if (!closed_ && transport_ == Transport::websocket) finish(transport_close, {});
}

void Engine::on_time(std::int64_t now_ms) {
  if (closed_) return;
  if (closing_) {
    if (writable() || now_ms >= closing_->due_ms) finish(closing_->reason, close_packet);
    return;
  }
  if (now_ms >= pong_due_) return finish("ping timeout", close_packet);
  if (pong_due_ == never && now_ms >= ping_due_) {
    actions_.emplace_back(SendPing{});
    // Counted from when it was due: a turn that is late lengthens nothing, but takes no more than a quarter of the peer's time.
    const std::int64_t due = std::max(ping_due_, now_ms - settings_->ping_timeout_ms / 4);
    ping_due_ = due + settings_->ping_interval_ms;
    pong_due_ = due + settings_->ping_timeout_ms;
  }
  if (!probe_) return;
  if (now_ms >= probe_->due_ms) return drop_probe();
  if (probe_->confirmed && writable() && now_ms >= probe_->noop_ms) {
    answer_poll(noop_packet);
    probe_->noop_ms = now_ms + noop_interval_ms;
  }
}

std::int64_t Engine::deadline() const {
  if (closed_) return never;
  if (closing_) return writable() ? 0 : closing_->due_ms;
  std::int64_t due = pong_due_ == never ? ping_due_ : pong_due_;
  if (probe_) due = std::min(due, probe_->due_ms);
  if (probe_ && probe_->confirmed && writable()) due = std::min(due, probe_->noop_ms);
  return due;
}

PollId Engine::take_poll() {
  assert(writable());
  return std::exchange(poll_, no_poll);
}

void Engine::answer_poll(std::string_view packet) {
  actions_.emplace_back(AnswerPoll{take_poll(), 200, payload_type, std::string(packet)});
}

void Engine::close(std::string_view reason, std::int64_t now_ms) {
  if (!closing_) close_by(reason, now_ms + settings_->close_timeout_ms);
}

void Engine::close_by(std::string_view reason, std::int64_t end_ms) {
  if (closed_) return;
  if (closing_) {
    closing_->due_ms = std::min(closing_->due_ms, end_ms);
    return;
  }
  if (transport_ == Transport::websocket || writable()) return finish(reason, close_packet);
  drop_probe();
  closing_ = std::make_unique<Closing>(end_ms, std::string(reason));
}

void Engine::finish(std::string_view reason, std::string_view last_packet) {
  std::string why(closing_ ? std::string_view(closing_->reason) : reason);
  if (writable()) answer_poll(last_packet);
  drop_probe();
  closed_ = true;
  actions_.emplace_back(EngineClosed{std::move(why)});
}

std::vector<EngineAction> Engine::take_actions() { return std::exchange(actions_, {}); }

}  // namespace sparc::protocol::socketio
