// Engine.IO's requests: handshakes, polls, preflights, upgrades, and what they are answered.

#include "base/json_text.h"
#include "http/authorization.h"
#include "http/response.h"
#include "http/target.h"
#include "shard/engine_io.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"
#include "ws/handshake.h"

namespace sparc::shard {

using protocol::socketio::Engine;
using Phase = Connection::Phase;

namespace {

constexpr std::string_view refused_for_now =
    "too many handshakes (limits.address_handshakes, limits.node_handshakes), or the server is restarting";
constexpr std::string_view too_many_sessions = "too many sessions (limits.engine_sessions_max)";

}  // namespace

ConnectionId EngineIo::session_of(const http::Request& request) {
  const auto text = http::query_value(request.query, "sid");
  const auto sid = text ? EngineSid::parse(*text) : std::nullopt;
  const EngineSession* s = sid && sid->shard == shard_.parts_.index ? sessions_.at_slot(sid->slot) : nullptr;
  if (s == nullptr) return {};
  unsigned difference = 0;  // all of it, whatever the first byte says
  for (std::size_t i = 0; i < sid->secret.size(); ++i) difference |= static_cast<unsigned char>(sid->secret[i] ^ s->secret[i]);
  return difference == 0 ? sessions_.id_of(sid->slot) : ConnectionId{};
}

std::optional<EngineIo::Refusal> EngineIo::verify(const http::Request& request, bool upgrade, ConnectionId session) {
  const auto transport = http::query_value(request.query, "transport");
  const bool polling = transport == "polling" && shard_.settings_->socketio.polling;
  if (!polling && transport != "websocket") return Refusal{0, "Transport unknown"};
  if (http::query_value(request.query, "sid")) {
    if (!session.valid()) return Refusal{1, "Session ID unknown"};
    const bool is_polling = sessions_.find(session)->engine.transport() == Engine::Transport::polling;
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
  headers.push_back({"Access-Control-Allow-Origin", poll.origin});
  if (poll.origin != "*") headers.push_back({"Access-Control-Allow-Credentials", "true"});
}

void EngineIo::respond_error(const Poll& poll, const Refusal& refusal) {
  const std::string body = "{\"code\":" + std::to_string(refusal.code) + ",\"message\":" + json_string(refusal.message) + "}";
  respond(poll, refusal.code == 4 ? 403 : 400, "application/json", body);
}

const ws::ReceiverOptions& EngineIo::receiver_options() {
  receiver_options_ = shard_.receiver_options_;
  receiver_options_.message_bytes_max = shard_.settings_->socketio.max_payload_bytes;
  return receiver_options_;
}

EngineHandshake EngineIo::handshake_of(const Connection& c, const http::Request& request) {
  EngineHandshake out;
  out.peer = c.peer;
  if (c.peer.proxy) {
    if (auto client = shard_.parts_.host.forwarded(request.headers)) out.peer = *client;
  }
  EngineEntrance entrance{{}, std::string(request.path), engine_settings()};
  entrance.host = http::host_name(request.header("host").value_or(std::string_view{}));
  // Whoever comes next came the same way, nearly always.
  if (!last_entrance_ || *last_entrance_ != entrance)
    last_entrance_ = std::make_shared<const EngineEntrance>(std::move(entrance));
  out.entrance = last_entrance_;
  std::string token = http::token_of(request, shard_.settings_->token_cookie);
  if (!token.empty()) out.token = std::make_unique<const std::string>(std::move(token));
  return out;
}

std::string EngineIo::open_packet(ConnectionId session, const EngineSession& s, bool upgrades) const {
  const protocol::socketio::EngineSettings& settings = s.handshake.entrance->settings;
  const EngineSid sid{s.secret, static_cast<std::uint8_t>(shard_.parts_.index), session.slot};
  std::string out;
  protocol::socketio::append_open_packet(
      out, {sid.text(), upgrades, settings.ping_interval_ms, settings.ping_timeout_ms, settings.max_payload_bytes});
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
    poll.origin = shard_.origin_named(request) ? *origin : std::string_view("*");
  }
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
    respond(poll, 200, text_type, open_packet(opened, s, true));
    return schedule(opened, s);
  }
  if (request.method != "GET" && request.method != "POST") return respond(poll, 500, {}, {});
  EngineSession& s = *sessions_.find(session);
  if (request.method == "POST" && request.body.size() > shard_.settings_->socketio.max_payload_bytes)
    return respond(poll, 413, {}, {});
  HttpPhase::Exchange& waiting = c.http()->exchanges[exchange - c.http()->first];
  waiting.engine = session;
  waiting.origin = std::move(poll.origin);
  waiting.keep_alive = poll.keep_alive;
  const auto number = number_of(http, exchange);
  if (request.method == "GET") {
    s.engine.on_get(number);
    if (s.queued) with_queue_.push_back(session);
  } else {
    s.engine.on_post(number, request.header("content-type").value_or(""), request.body);
  }
  run(session);
  if (s.engine.writable()) unblock(s);
}

std::int64_t EngineIo::handshake_wait_ms(const Peer& peer) { return shard_.draining_ ? 1000 : shard_.handshake_wait_ms(peer); }

void EngineIo::respond_unavailable(const Poll& poll, std::int64_t wait_ms, std::string_view why) {
  const std::string seconds = shard_.retry_after(wait_ms);
  const Header retry[] = {{"Retry-After", seconds}};
  const std::string body = "{\"code\":3,\"message\":" + json_string(why) + "}";
  shard_.respond(poll.http, poll.exchange, http::closing_reply(503, "application/json", body, retry), false);
}

void EngineIo::on_upgrade(ConnectionId id, Connection& c, const http::Request& request, std::span<char> rest) {
  auto refuse = [&](std::uint16_t status, std::string_view message, Headers headers = {}) {
    shard_.refuse_upgrade(id, c, http::closing_reply(status, "text/html", message, headers));
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
  shard_.control_raw(id.slot, c, ws::upgrade_response(checked->key, checked->first_protocol(), {}));
  shard_.log_upgrade(c, request, "101");
  const std::unique_ptr<Speaks> http = std::move(c.speaks);  // `request` views it
  c.phase = Phase::carrier;
  c.dialect = Connection::Dialect::carrier;
  c.engine = session;
  c.deadline_ms = 0;
  shard_.schedule(id, c);
  EngineSession& s = *sessions_.find(session);
  if (known.valid()) {
    if (!s.engine.on_probe_opened(shard_.now_.monotonic_ms)) {
      c.engine = {};
      return close_websocket(id);
    }
    s.probe = id;
    run(session);
  } else {
    s.websocket = id;
    text_packet(session, open_packet(session, s, false));
    schedule(session, s);
  }
  if (!rest.empty()) shard_.on_websocket_bytes(id, c, rest);
}

}  // namespace sparc::shard
