#include "shard/engine_io.h"

#include <algorithm>

#include "auth/base64url.h"
#include "http/target.h"
#include "shard/engine_io_frames.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

using protocol::socketio::Engine;
using Phase = Connection::Phase;

EngineIo::EngineIo(Shard& shard) : shard_(shard), timers_(shard.now_.monotonic_ms) {}

bool EngineIo::serves(std::string_view path) const { return path.starts_with(shard_.settings_->socketio.path); }

protocol::socketio::EngineSettings EngineIo::engine_settings() const {
  const SocketIoSettings& from = shard_.settings_->socketio;
  protocol::socketio::EngineSettings to;
  to.ping_interval_ms = from.ping_interval_ms;
  to.ping_timeout_ms = from.ping_timeout_ms;
  to.upgrade_timeout_ms = from.upgrade_timeout_ms;
  to.max_payload_bytes = from.max_payload_bytes;
  return to;
}

std::optional<std::uint16_t> EngineIo::shard_elsewhere(const http::Request& request) const {
  const auto text = http::query_value(request.query, "sid");
  const auto sid = text ? EngineSid::parse(*text) : std::nullopt;
  return !sid || sid->shard == shard_.parts_.index ? std::nullopt : std::optional<std::uint16_t>(sid->shard);
}

std::optional<EngineSid> EngineSid::parse(std::string_view text) {
  const auto raw = text.size() == characters ? auth::base64url_decode(text) : std::nullopt;
  if (!raw) return std::nullopt;
  EngineSid out;
  std::copy_n(raw->begin(), out.secret.size(), out.secret.begin());
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>((*raw)[out.secret.size() + i]); };
  out.shard = byte(0);
  out.slot = std::uint32_t{byte(1)} << 16 | std::uint32_t{byte(2)} << 8 | byte(3);
  return out;
}

std::string EngineSid::text() const {
  std::string raw(secret.begin(), secret.end());
  for (const std::uint32_t part : {std::uint32_t{shard}, slot >> 16, slot >> 8, slot}) raw += static_cast<char>(part);
  std::string out;
  auth::append_base64url(out, raw);
  return out;
}

ConnectionId EngineIo::open(Engine::Transport transport, EngineHandshake handshake) {
  const Limits& limits = shard_.settings_->limits;
  const SocketIoSettings& settings = shard_.settings_->socketio;
  if (sessions_.live() >= std::min<std::size_t>(limits.engine_sessions_max, EngineSid::slots)) return {};
  Engine engine(transport, handshake.entrance->settings, shard_.now_.monotonic_ms);
  const ConnectionId id = sessions_.emplace(
      std::move(handshake), std::move(engine),
      protocol::socketio::PacketDecoder(settings.parser, {10, static_cast<std::uint32_t>(settings.max_payload_bytes)}));
  EngineSession& s = *sessions_.find(id);
  shard_.parts_.entropy.fill(std::as_writable_bytes(std::span(s.secret)));
  s.connect_by_ms = shard_.now_.monotonic_ms + settings.connect_timeout_ms;
  shard_.counters_->engine_sessions.set(sessions_.live());
  return id;
}

void EngineIo::on_message(Connection& carrier, ws::MessageType type, std::string_view payload) {
  const ConnectionId session = carrier.engine;
  EngineSession* s = sessions_.find(session);
  if (s == nullptr) return;
  const bool is_probe = s->probe.valid() && shard_.find(s->probe) == &carrier;
  if (is_probe) {
    s->engine.on_probe_text(type == ws::MessageType::text ? payload : std::string_view{});
  } else if (type == ws::MessageType::text) {
    s->engine.on_text(payload);
  } else {
    s->engine.on_binary(payload);
  }
  run(session);
}

void EngineIo::on_gone(ConnectionId id, Connection& c) {
  if (HttpPhase* phase = c.http()) abort_polls(id, *phase);
  const ConnectionId session = std::exchange(c.engine, {});
  EngineSession* s = session.valid() ? sessions_.find(session) : nullptr;
  if (s == nullptr) return;
  if (s->websocket == id) {
    s->websocket = {};
    s->engine.on_websocket_closed();
  } else if (s->probe == id) {
    s->probe = {};
    s->engine.on_probe_closed();
  }
  run(session);
}

void EngineIo::abort_polls(ConnectionId http, HttpPhase& phase) {
  std::vector<std::pair<ConnectionId, protocol::socketio::PollId>> waiting;
  for (std::size_t i = 0; i < phase.exchanges.size(); ++i) {
    const ConnectionId session = std::exchange(phase.exchanges[i].engine, {});
    if (session.valid()) waiting.emplace_back(session, number_of(http, phase.first + i));
  }
  for (const auto& [session, number] : waiting) {
    EngineSession* s = sessions_.find(session);
    if (s == nullptr) continue;
    s->engine.on_poll_aborted(number);
    run(session);
  }
}

void EngineIo::run(ConnectionId session) {
  EngineSession& s = *sessions_.find(session);
  if (s.running) return;
  s.running = true;
  for (auto actions = s.engine.take_actions(); !actions.empty(); actions = s.engine.take_actions()) {
    for (auto& action : actions) carry_out(session, s, action);
  }
  s.running = false;
  schedule(session, s);
}

void EngineIo::carry_out(ConnectionId session, EngineSession& s, protocol::socketio::EngineAction& action) {
  namespace sio = protocol::socketio;
  if (auto* answer = std::get_if<sio::AnswerPoll>(&action)) {
    const auto poll = take(session, answer->poll);
    return poll ? respond(*poll, answer->status, answer->content_type, answer->body) : void();
  }
  if (auto* message = std::get_if<sio::DeliverMessage>(&action)) return deliver(session, s, message->binary, message->data);
  if (std::holds_alternative<sio::SendPing>(action)) {
    s.connects = 0;
    return text_packet(session, "2");
  }
  if (auto* text = std::get_if<sio::SendToProbe>(&action)) {
    Connection* probe = shard_.find(s.probe);
    if (probe == nullptr) return;
    std::string frame;
    ws::append_text_frame(frame, text->text);
    return shard_.control_raw(s.probe.slot, *probe, frame);
  }
  if (std::holds_alternative<sio::CloseProbe>(action)) {
    const ConnectionId probe = std::exchange(s.probe, {});
    if (Connection* c = shard_.find(probe)) {
      c->engine = {};
      close_websocket(probe);
    }
    return;
  }
  if (std::holds_alternative<sio::Upgraded>(action)) {
    s.websocket = std::exchange(s.probe, {});
    if (const auto queued = std::move(s.queued)) packet(session, *queued);
    return unblock(s);
  }
  auto& closed = std::get<sio::EngineClosed>(action);
  if (std::exchange(s.over, true)) return;
  shard_.socketio_wire_.on_transport_closed(s, closed.reason);
  over_.push_back(session);
}

std::optional<EngineIo::Poll> EngineIo::take(ConnectionId session, protocol::socketio::PollId number) {
  const auto slot = static_cast<std::uint32_t>(number >> 32);
  Connection* c = shard_.connections_.at_slot(slot);
  HttpPhase* phase = c == nullptr ? nullptr : c->http();
  if (phase == nullptr) return std::nullopt;
  const std::uint32_t behind = static_cast<std::uint32_t>(number) - static_cast<std::uint32_t>(phase->first);
  if (behind >= phase->exchanges.size() || phase->exchanges[behind].engine != session) return std::nullopt;
  HttpPhase::Exchange& exchange = phase->exchanges[behind];
  exchange.engine = {};
  return Poll{shard_.connections_.id_of(slot), phase->first + behind, std::move(exchange.origin), exchange.keep_alive};
}

void EngineIo::deliver(ConnectionId session, EngineSession& s, bool binary, std::string_view data) {
  if (s.over) return;
  auto decoded = binary ? s.decoder.binary(data) : s.decoder.text(data);
  if (!decoded) {
    shard_.counters_->protocol_errors.add();
    return s.engine.close("forced close", shard_.now_.monotonic_ms);
  }
  if (*decoded) shard_.socketio_wire_.on_packet(session, s, std::move(**decoded));
}

void EngineIo::schedule(ConnectionId session, EngineSession& s) {
  (void)timers_.cancel(s.timer);
  s.timer = TimerId::none;
  std::int64_t at = s.engine.deadline();
  if (s.connect_by_ms != 0) at = std::min(at, s.connect_by_ms);
  if (at != INT64_MAX) s.timer = timers_.schedule(std::max<std::int64_t>(at - shard_.now_.monotonic_ms, 1), session.packed());
}

void EngineIo::advance(std::int64_t now_ms) {
  timers_.advance(now_ms, [&](std::uint64_t token) {
    const ConnectionId session = ConnectionId::unpack(token);
    EngineSession* s = sessions_.find(session);
    if (s == nullptr) return;
    s->timer = TimerId::none;
    if (s->connect_by_ms != 0 && s->connect_by_ms <= now_ms) {
      s->connect_by_ms = 0;
      s->engine.close("forced close", now_ms);
    }
    s->engine.on_time(now_ms);
    run(session);
  });
}

std::ptrdiff_t EngineIo::send(ConnectionId session, std::string_view block) {
  EngineSession* s = sessions_.find(session);
  if (s == nullptr || block.empty()) return static_cast<std::ptrdiff_t>(block.size());
  if (s->engine.transport() == Engine::Transport::polling) {
    if (!s->engine.writable()) return 0;
    answer_poll(session, *s, block);
    return static_cast<std::ptrdiff_t>(block.size());
  }
  Connection* carrier = shard_.find(s->websocket);
  if (carrier == nullptr || carrier->phase != Phase::carrier || carrier->broken)
    return static_cast<std::ptrdiff_t>(block.size());  // it ends with this turn
  if (carrier->outbox) return 0;
  const std::ptrdiff_t sent = shard_.send(s->websocket.slot, block);
  if (sent < 0) return static_cast<std::ptrdiff_t>(block.size());
  const auto taken = static_cast<std::size_t>(sent);
  if (taken == block.size()) return sent;
  const std::size_t end = packet_end(block, taken);
  session::Outbox& box = shard_.outbox(*carrier, s->websocket.slot);
  if (end > taken)
    box.commit(Frame(block.substr(taken, end - taken), &shard_.frames_), 0, static_cast<std::uint32_t>(end - taken));
  box.blocked = true;
  return static_cast<std::ptrdiff_t>(end);
}

void EngineIo::answer_poll(ConnectionId session, EngineSession& s, std::string_view block) {
  const auto poll = take(session, s.engine.take_poll());
  if (!poll) return;
  const auto queued = std::move(s.queued);
  if (queued) block = queued->append(block);
  // A publication goes to many: the answer is rendered once for those who are to get the same.
  if (!shared_.answer || shared_.block != block || shared_.keep_alive != poll->keep_alive || shared_.origin != poll->origin) {
    std::string body;
    body.reserve(block.size());
    append_frames_to_payload(body, block);
    shared_ = {std::string(block), poll->origin, poll->keep_alive, Frame(reply_of(*poll, 200, text_type, body), &shard_.frames_)};
  }
  shard_.respond(poll->http, poll->exchange, shared_.answer, poll->keep_alive);
}

void EngineIo::packet(ConnectionId session, std::string_view frames) {
  EngineSession& s = *sessions_.find(session);
  if (s.engine.transport() == Engine::Transport::polling) {
    const std::size_t queued = s.queued ? s.queued->size() : 0;
    if (queued + frames.size() > shard_.settings_->limits.control_lane_bytes_max) {
      if (!std::exchange(s.overflowed, true)) {
        shard_.counters_->slow_consumers.add();
        close(session, "control lane is over limits.control_lane_bytes_max");
      }
      return;
    }
    if (!s.queued) s.queued = std::make_unique<std::string>();
    *s.queued += frames;
    if (s.engine.writable()) with_queue_.push_back(session);
    return;
  }
  Connection* carrier = shard_.find(s.websocket);
  if (carrier != nullptr && carrier->phase == Phase::carrier) shard_.control_raw(s.websocket.slot, *carrier, frames);
}

void EngineIo::text_packet(ConnectionId session, std::string_view text) {
  std::string frame;
  ws::append_text_frame(frame, text);
  packet(session, frame);
}

void EngineIo::unblock(EngineSession& s) {
  for (const ConnectionId id : s.sockets) {
    Connection* socket = shard_.find(id);
    if (socket == nullptr || !socket->outbox) continue;
    socket->outbox->blocked = false;
    shard_.mark_dirty(id.slot, *socket);
  }
}

void EngineIo::on_drained(Connection& carrier) {
  if (EngineSession* s = sessions_.find(carrier.engine)) unblock(*s);
}

void EngineIo::close(ConnectionId session, std::string_view reason) { to_close_.emplace_back(session, reason); }

void EngineIo::close_unused(std::string_view reason) {
  sessions_.for_each([&](ConnectionId id, EngineSession& s) {
    if (s.sockets.empty() || s.engine.closing()) to_close_.emplace_back(id, reason);
  });
}

void EngineIo::close_websocket(ConnectionId id) {
  Connection* c = shard_.find(id);
  if (c == nullptr || c->phase == Phase::closing) return;
  shard_.close(id, *c, static_cast<std::uint16_t>(ws::CloseCode::no_status), {});
}

void EngineIo::socket_joined(ConnectionId session) {
  EngineSession* s = sessions_.find(session);
  if (s == nullptr) return;
  s->connect_by_ms = 0;
  schedule(session, *s);
}

void EngineIo::socket_gone(ConnectionId session, ConnectionId socket) {
  EngineSession* s = sessions_.find(session);
  if (s == nullptr) return;
  s->sockets.erase(std::remove(s->sockets.begin(), s->sockets.end(), socket), s->sockets.end());
}

void EngineIo::end_of_turn() {
  for (const ConnectionId session : std::exchange(with_queue_, {})) {
    EngineSession* s = sessions_.find(session);
    if (s == nullptr || !s->queued || !s->engine.writable()) continue;
    answer_poll(session, *s, {});
  }
  shared_ = {};
  for (const auto& [session, reason] : std::exchange(to_close_, {})) {
    if (EngineSession* s = sessions_.find(session)) {
      const std::int64_t now = shard_.now_.monotonic_ms;
      // A drain does not wait for polls that may never come.
      if (shard_.draining_) {
        s->engine.close_by(reason, std::max(now, shard_.drain_end_ms_));
      } else {
        s->engine.close(reason, now);
      }
      run(session);
    }
  }
  for (const ConnectionId session : std::exchange(over_, {})) finish(session);
}

void EngineIo::finish(ConnectionId session) {
  EngineSession& s = *sessions_.find(session);
  for (const ConnectionId id : {s.websocket, s.probe}) {
    if (Connection* c = shard_.find(id)) {
      c->engine = {};
      close_websocket(id);
    }
  }
  (void)timers_.cancel(s.timer);
  sessions_.erase(session);
  shard_.counters_->engine_sessions.set(sessions_.live());
}

}  // namespace sparc::shard
