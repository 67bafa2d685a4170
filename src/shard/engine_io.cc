#include "shard/engine_io.h"

#include <algorithm>
#include <charconv>

#include "auth/base64url.h"
#include "base/json_text.h"
#include "http/authorization.h"
#include "http/cookies.h"
#include "http/response.h"
#include "http/target.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace sparc::shard {

using protocol::socketio::Engine;
using protocol::socketio::EngineType;
using Phase = Connection::Phase;

namespace {

constexpr std::size_t sid_characters = 20;
constexpr std::string_view text_type = "text/plain; charset=UTF-8";
constexpr std::string_view refused_for_now =
    "too many handshakes (limits.address_handshakes, limits.node_handshakes), or the server is restarting";
constexpr std::string_view too_many_sessions = "too many sessions (limits.engine_sessions_max)";

/// One frame of a server, at the beginning of `bytes`; the frame is whole.
struct FrameView {
  bool binary = false;
  std::string_view payload;
  std::size_t size = 0;
};

FrameView frame_at(std::string_view bytes) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  std::size_t length = byte(1) & 0x7F, head = 2;
  if (length == 126) {
    length = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
    head = 4;
  } else if (length == 127) {
    length = 0;
    for (std::size_t i = 2; i < 10; ++i) length = length << 8 | byte(i);
    head = 10;
  }
  return {(byte(0) & 0x0F) == 2, bytes.substr(head, length), head + length};
}

/// Attachments that follow a packet: `45<n>-` and `46<n>-`.
std::size_t attachments_behind(const FrameView& frame) {
  std::size_t count = 0;
  if (frame.binary || frame.payload.size() < 3 || (!frame.payload.starts_with("45") && !frame.payload.starts_with("46")))
    return 0;
  (void)std::from_chars(frame.payload.data() + 2, frame.payload.data() + frame.payload.size(), count);
  return count;
}

/// The end of the packet, attachments included, that byte `at` is in, or that ends there.
std::size_t packet_end(std::string_view block, std::size_t at) {
  std::size_t end = 0, left = 0;
  while (end < block.size() && (end < at || left != 0)) {
    const FrameView frame = frame_at(block.substr(end));
    left = left != 0 ? left - 1 : attachments_behind(frame);
    end += frame.size;
  }
  return end;
}

void append_frames_to_payload(std::string& body, std::string_view block) {
  while (!block.empty()) {
    const FrameView frame = frame_at(block);
    if (frame.binary) {
      protocol::socketio::append_binary_to_payload(body, frame.payload);
    } else if (!frame.payload.empty()) {
      protocol::socketio::append_to_payload(body, static_cast<EngineType>(frame.payload[0] - '0'), frame.payload.substr(1));
    }
    block.remove_prefix(frame.size);
  }
}

}  // namespace

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
  const auto sid = http::query_value(request.query, "sid");
  if (!sid || sid->size() != sid_characters || by_sid_.contains(*sid)) return std::nullopt;
  const auto raw = auth::base64url_decode(*sid);
  if (!raw) return std::nullopt;
  const auto shard = static_cast<std::uint16_t>(static_cast<std::uint8_t>((*raw)[2]));
  return shard == shard_.parts_.index ? std::nullopt : std::optional(shard);
}

ConnectionId EngineIo::session_of(const http::Request& request) const {
  const auto sid = http::query_value(request.query, "sid");
  if (!sid) return {};
  auto found = by_sid_.find(*sid);
  return found == by_sid_.end() ? ConnectionId{} : found->second;
}

std::optional<EngineIo::Refusal> EngineIo::verify(const http::Request& request, bool upgrade, ConnectionId session) const {
  const auto transport = http::query_value(request.query, "transport");
  const bool polling = transport == "polling" && shard_.settings_->socketio.polling;
  if (!polling && transport != "websocket") return Refusal{0, "Transport unknown"};
  if (http::query_value(request.query, "sid")) {
    if (!session.valid()) return Refusal{1, "Session ID unknown"};
    const bool is_polling =
        const_cast<EngineIo*>(this)->sessions_.find(session)->engine.transport() == Engine::Transport::polling;
    if (!upgrade && polling != is_polling) return Refusal{3, "Bad request"};
    return std::nullopt;
  }
  if (request.method != "GET") return Refusal{2, "Bad handshake method"};
  if (!polling && !upgrade) return Refusal{3, "Bad request"};
  if (http::query_value(request.query, "EIO") != "4") return Refusal{5, "Unsupported protocol version"};
  return std::nullopt;
}

void EngineIo::respond(const Poll& poll, std::uint16_t status, std::string_view type, std::string_view body) {
  shard_.respond(poll.http, poll.exchange, reply_of(poll, status, type, body), poll.keep_alive);
}

std::string EngineIo::reply_of(const Poll& poll, std::uint16_t status, std::string_view type, std::string_view body) const {
  std::vector<Header> headers;
  if (status == 200) headers.push_back({"Cache-Control", "no-store"});
  append_cors(headers, poll);
  if (!poll.origin.empty()) headers.push_back({"Vary", "Origin"});
  http::Reply reply;
  reply.status = status;
  reply.content_type = type;
  reply.headers = headers;
  reply.body = body;
  reply.connection = poll.keep_alive ? http::Connection::keep_alive : http::Connection::close;
  std::string out;
  http::append_reply(out, reply);
  return out;
}

// Whoever may come because anybody may does not bring cookies.
void EngineIo::append_cors(std::vector<Header>& headers, const Poll& poll) const {
  if (poll.origin.empty()) return;
  headers.push_back({"Access-Control-Allow-Origin", poll.named_origin ? std::string_view(poll.origin) : std::string_view("*")});
  if (poll.named_origin) headers.push_back({"Access-Control-Allow-Credentials", "true"});
}

void EngineIo::respond_error(const Poll& poll, const Refusal& refusal) {
  const std::string body = "{\"code\":" + std::to_string(refusal.code) + ",\"message\":" + json_string(refusal.message) + "}";
  respond(poll, refusal.code == 4 ? 403 : 400, "application/json", body);
}

EngineHandshake EngineIo::handshake_of(const Connection& c, const http::Request& request) const {
  EngineHandshake out;
  out.peer = c.peer;
  if (c.peer.proxy) {
    if (auto client = shard_.parts_.host.forwarded(request.headers)) out.peer = std::move(*client);
  }
  if (const auto host = request.header("host")) out.host = host->substr(0, host->find(':'));
  out.path = request.path;
  if (auto token = http::query_value(request.query, "token"); token && !token->empty()) out.token = std::move(*token);
  if (const auto authorization = request.header("authorization"); out.token.empty() && authorization)
    out.token = http::bearer_token(*authorization);
  const std::string& cookie = shard_.settings_->token_cookie;
  if (out.token.empty() && !cookie.empty()) {
    if (const auto value = http::cookie(request.headers, cookie)) out.token = *value;
  }
  return out;
}

ConnectionId EngineIo::open(Engine::Transport transport, EngineHandshake handshake) {
  const Limits& limits = shard_.settings_->limits;
  const SocketIoSettings& settings = shard_.settings_->socketio;
  if (sessions_.live() >= limits.engine_sessions_max) return {};
  const ConnectionId id = sessions_.emplace(Engine(transport, engine_settings(), shard_.now_.monotonic_ms),
                                            protocol::socketio::PacketDecoder(settings.parser, {10, settings.max_payload_bytes}));
  EngineSession& s = *sessions_.find(id);
  // 16 bits for a node, 8 for its shard, 96 that nobody guesses: 20 characters.
  std::string raw(auth::base64url_decoded_size(sid_characters), '\0');
  shard_.parts_.entropy.fill(std::as_writable_bytes(std::span(raw)));
  raw[2] = static_cast<char>(shard_.parts_.index);
  auth::append_base64url(s.sid, raw);
  s.handshake = std::move(handshake);
  s.connect_by_ms = shard_.now_.monotonic_ms + settings.connect_timeout_ms;
  by_sid_.emplace(s.sid, id);
  shard_.counters_->engine_sessions.set(sessions_.live());
  return id;
}

std::string EngineIo::open_packet(const EngineSession& s, bool upgrades) const {
  const SocketIoSettings& settings = shard_.settings_->socketio;
  std::string out;
  protocol::socketio::append_open_packet(
      out, {s.sid, upgrades, settings.ping_interval_ms, settings.ping_timeout_ms, settings.max_payload_bytes});
  return out;
}

void EngineIo::on_request(ConnectionId http, std::uint64_t exchange, const http::Request& request) {
  Connection& c = *shard_.find(http);
  Poll poll;
  poll.http = http;
  poll.exchange = exchange;
  poll.keep_alive = request.keep_alive && !shard_.draining_;
  if (const auto origin = request.header("origin")) {
    if (!shard_.origin_allowed(request)) {
      return respond_error(poll, {4, "this Origin is not listed in cors_origins (CORS_ORIGINS)"});
    }
    poll.origin = *origin;
    poll.named_origin = shard_.origin_named(request);
  }
  shard_.parts_.host.access({c.peer.address, request.path, {}, {}, 200});
  if (request.method == "OPTIONS") {
    std::vector<Header> headers;
    append_cors(headers, poll);
    headers.push_back({"Vary", "Origin, Access-Control-Request-Headers"});
    headers.push_back({"Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE"});
    if (const auto wanted = request.header("access-control-request-headers"))
      headers.push_back({"Access-Control-Allow-Headers", *wanted});
    http::Reply reply;
    reply.status = 204;
    reply.headers = headers;
    std::string out;
    http::append_reply(out, reply);
    return shard_.respond(http, exchange, out, poll.keep_alive);
  }
  const ConnectionId session = session_of(request);
  if (const auto refusal = verify(request, false, session)) return respond_error(poll, *refusal);
  if (!session.valid()) {
    EngineHandshake handshake = handshake_of(c, request);
    if (const std::int64_t wait_ms = handshake_wait_ms(handshake.peer); wait_ms != 0) {
      shard_.counters_->handshakes_refused.add();
      return respond_unavailable(poll, wait_ms, refused_for_now);
    }
    const ConnectionId opened = open(Engine::Transport::polling, std::move(handshake));
    if (!opened.valid()) return respond_unavailable(poll, 1000, too_many_sessions);
    EngineSession& s = *sessions_.find(opened);
    respond(poll, 200, text_type, open_packet(s, true));
    return schedule(opened, s);
  }
  if (request.method != "GET" && request.method != "POST") return respond(poll, 500, {}, {});
  EngineSession& s = *sessions_.find(session);
  if (request.method == "POST" && request.body.size() > shard_.settings_->socketio.max_payload_bytes)
    return respond(poll, 413, {}, {});
  poll.session = session;
  const auto number = ++last_poll_;
  polls_.emplace(number, poll);
  polls_of_[http.packed()].push_back(number);
  if (request.method == "GET") {
    s.engine.on_get(number);
    if (!s.queued.empty()) with_queue_.push_back(session);
  } else {
    s.engine.on_post(number, request.header("content-type").value_or(""), request.body);
  }
  run(session);
  if (s.engine.writable()) unblock(s);
}

std::int64_t EngineIo::handshake_wait_ms(const Peer& peer) { return shard_.draining_ ? 1000 : shard_.handshake_wait_ms(peer); }

void EngineIo::respond_unavailable(const Poll& poll, std::int64_t wait_ms, std::string_view why) {
  std::string out;
  const std::string seconds = shard_.retry_after(wait_ms);
  const Header retry[] = {{"Retry-After", seconds}};
  const std::string body = "{\"code\":3,\"message\":" + json_string(why) + "}";
  http::Reply reply;
  reply.status = 503;
  reply.content_type = "application/json";
  reply.headers = retry;
  reply.body = body;
  reply.connection = http::Connection::close;
  http::append_reply(out, reply);
  shard_.respond(poll.http, poll.exchange, out, false);
}

void EngineIo::on_upgrade(ConnectionId id, Connection& c, const http::Request& request, std::span<char> rest) {
  auto refuse = [&](std::uint16_t status, std::string_view message, Headers headers = {}) {
    http::Reply reply;
    reply.status = status;
    reply.content_type = "text/html";
    reply.headers = headers;
    reply.body = message;
    reply.connection = http::Connection::close;
    std::string out;
    http::append_reply(out, reply);
    shard_.refuse_upgrade(id, c, out);
  };
  const ConnectionId known = session_of(request);
  if (!shard_.origin_allowed(request)) return refuse(403, "this Origin is not listed in cors_origins (CORS_ORIGINS)");
  if (const auto refusal = verify(request, true, known)) return refuse(400, refusal->message);
  const auto checked = ws::check_upgrade({request.method, 1, request.http_minor, request.headers});
  if (!checked) return refuse(checked.error().status, checked.error().detail);
  EngineHandshake handshake = handshake_of(c, request);
  if (const std::int64_t wait_ms = known.valid() ? 0 : handshake_wait_ms(handshake.peer); wait_ms != 0) {
    const std::string seconds = shard_.retry_after(wait_ms);
    const Header retry[] = {{"Retry-After", seconds}};
    return refuse(503, refused_for_now, retry);
  }
  ConnectionId session = known;
  if (!known.valid()) session = open(Engine::Transport::websocket, std::move(handshake));
  const Header retry[] = {{"Retry-After", "1"}};
  if (!session.valid()) return refuse(503, too_many_sessions, retry);
  shard_.control_raw(id.slot, c, ws::upgrade_response(checked->key, {}, {}));
  const std::unique_ptr<Speaks> http = std::move(c.speaks);  // `request` views it
  receiver_options_ = shard_.receiver_options_;
  receiver_options_.message_bytes_max = shard_.settings_->socketio.max_payload_bytes;
  c.receiver.emplace(ws::Role::server, ws::Compression::none, receiver_options_);
  c.phase = Phase::carrier;
  c.dialect = Connection::Dialect::carrier;
  auto carrier = std::make_unique<Carrier>();
  carrier->engine = session;
  c.speaks = std::move(carrier);
  c.deadline_ms = 0;
  shard_.schedule(id, c);
  EngineSession& s = *sessions_.find(session);
  if (known.valid()) {
    if (!s.engine.on_probe_opened(shard_.now_.monotonic_ms)) {
      c.carrier()->engine = {};
      return close_websocket(id);
    }
    s.probe = id;
    run(session);
  } else {
    s.websocket = id;
    text_packet(session, open_packet(s, false));
    schedule(session, s);
  }
  if (!rest.empty()) shard_.on_websocket_bytes(id, c, rest);
}

void EngineIo::on_message(Connection& carrier, ws::MessageType type, std::string_view payload) {
  const ConnectionId session = carrier.carrier()->engine;
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
  if (const auto found = polls_of_.find(id.packed()); found != polls_of_.end()) {
    const auto polls = std::move(found->second);
    polls_of_.erase(found);
    for (const auto number : polls) {
      const auto poll = polls_.find(number);
      if (poll == polls_.end()) continue;
      const ConnectionId session = poll->second.session;
      polls_.erase(poll);
      if (EngineSession* s = sessions_.find(session)) {
        s->engine.on_poll_aborted(number);
        run(session);
      }
    }
  }
  const ConnectionId session = c.carrier() != nullptr ? std::exchange(c.carrier()->engine, {}) : ConnectionId{};
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
    const auto poll = take(answer->poll);
    return poll ? respond(*poll, answer->status, answer->content_type, answer->body) : void();
  }
  if (auto* message = std::get_if<sio::DeliverMessage>(&action)) return deliver(session, s, message->binary, message->data);
  if (std::holds_alternative<sio::SendPing>(action)) return text_packet(session, "2");
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
      c->carrier()->engine = {};
      close_websocket(probe);
    }
    return;
  }
  if (std::holds_alternative<sio::Upgraded>(action)) {
    s.websocket = std::exchange(s.probe, {});
    if (!s.queued.empty()) packet(session, std::exchange(s.queued, {}));
    return unblock(s);
  }
  auto& closed = std::get<sio::EngineClosed>(action);
  if (std::exchange(s.over, true)) return;
  shard_.socketio_wire_.on_transport_closed(s, closed.reason);
  over_.push_back(session);
}

std::optional<EngineIo::Poll> EngineIo::take(protocol::socketio::PollId number) {
  const auto found = polls_.find(number);
  if (found == polls_.end()) return std::nullopt;
  Poll poll = std::move(found->second);
  polls_.erase(found);
  if (auto of = polls_of_.find(poll.http.packed()); of != polls_of_.end()) {
    std::erase(of->second, number);
    if (of->second.empty()) polls_of_.erase(of);
  }
  return poll;
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
    answer_poll(*s, block);
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

void EngineIo::answer_poll(EngineSession& s, std::string_view block) {
  const auto poll = take(s.engine.take_poll());
  if (!poll) return;
  if (!s.queued.empty()) block = s.queued.append(block);
  // A publication goes to many: the answer is rendered once for those who are to get the same.
  if (!shared_.answer || shared_.block != block || shared_.keep_alive != poll->keep_alive || shared_.origin != poll->origin) {
    std::string body;
    body.reserve(block.size());
    append_frames_to_payload(body, block);
    shared_ = {std::string(block), poll->origin, poll->keep_alive, Frame(reply_of(*poll, 200, text_type, body), &shard_.frames_)};
  }
  s.queued = {};
  shard_.respond(poll->http, poll->exchange, shared_.answer, poll->keep_alive);
}

void EngineIo::packet(ConnectionId session, std::string_view frames) {
  EngineSession& s = *sessions_.find(session);
  if (s.engine.transport() == Engine::Transport::polling) {
    if (s.queued.size() + frames.size() > shard_.settings_->limits.control_lane_bytes_max) {
      if (!std::exchange(s.overflowed, true)) {
        shard_.counters_->slow_consumers.add();
        close(session, "control lane is over limits.control_lane_bytes_max");
      }
      return;
    }
    s.queued += frames;
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
  for (const auto& [nsp, id] : s.sockets) {
    Connection* socket = shard_.find(id);
    if (socket == nullptr || !socket->outbox) continue;
    socket->outbox->blocked = false;
    shard_.mark_dirty(id.slot, *socket);
  }
}

void EngineIo::on_drained(Connection& carrier) {
  if (EngineSession* s = sessions_.find(carrier.carrier()->engine)) unblock(*s);
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
  if (EngineSession* s = sessions_.find(session))
    std::erase_if(s->sockets, [&](const auto& item) { return item.second == socket; });
}

void EngineIo::end_of_turn() {
  for (const ConnectionId session : std::exchange(with_queue_, {})) {
    EngineSession* s = sessions_.find(session);
    if (s == nullptr || s->queued.empty() || !s->engine.writable()) continue;
    answer_poll(*s, {});
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
      c->carrier()->engine = {};
      close_websocket(id);
    }
  }
  (void)timers_.cancel(s.timer);
  by_sid_.erase(s.sid);
  sessions_.erase(session);
  shard_.counters_->engine_sessions.set(sessions_.live());
}

}  // namespace sparc::shard
