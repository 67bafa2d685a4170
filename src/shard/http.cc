// The HTTP phase: requests in order, answers in order, and the way out of it, the upgrade.

#include <algorithm>

#include "base/json_text.h"
#include "http/authorization.h"
#include "http/cookies.h"
#include "http/response.h"
#include "http/target.h"
#include "shard/shard.h"
#include "ws/handshake.h"

namespace sparc::shard {

using Phase = Connection::Phase;

namespace {

constexpr std::string_view native_protocol = "sparc.v1.json";
constexpr std::string_view bearer_protocol = "bearer.";

std::string error_response(std::uint16_t status, Code code, std::string_view message, Headers headers = {}) {
  std::string body = "{\"error\":{\"code\":\"" + std::string(name_of(code)) + "\",\"message\":" + json_string(message) + "}}";
  return http::closing_reply(status, "application/json", body, headers);
}

/// Of a response that we wrote.
std::string_view status_of(std::string_view response) { return response.substr(std::string_view("HTTP/1.1 ").size(), 3); }

}  // namespace

void Shard::on_http_bytes(ConnectionId id, Connection& c, std::span<char> bytes) {
  HttpPhase& h = *c.http();
  if (h.closing) return;
  if (h.paused) {
    h.held.append(bytes.data(), bytes.size());
    return;
  }
  const bool was_within = h.within_request();
  if (!h.parser) {
    const Limits& limits = settings_->limits;
    h.parser = std::make_unique<http::RequestParser>(
        http::RequestLimits{limits.http_head_bytes_max, limits.http_headers_max, limits.message_bytes_max});
  }
  while (!bytes.empty()) {
    const auto fed = h.parser->feed({bytes.data(), bytes.size()});
    bytes = bytes.subspan(fed.consumed);
    switch (fed.status) {
      case http::RequestParser::Status::more: break;
      case http::RequestParser::Status::expect_continue:
        if (h.exchanges.empty()) {
          std::string out;
          http::append_continue(out);
          control_raw(id.slot, c, out);
        }
        break;
      case http::RequestParser::Status::request:
        if (moved_to_session(id, c, h.parser->request(), {bytes.data(), bytes.size()})) return;
        on_http_request(id, c, h.parser->request());
        break;
      case http::RequestParser::Status::upgrade: return upgrade(id, c, h.parser->request(), bytes);
      case http::RequestParser::Status::refused: {
        std::string out;
        http::append_refusal(out, h.parser->refusal());
        counters_->protocol_errors.add();
        h.exchanges.push_back({true, false, Frame(out, &frames_)});
        h.closing = true;
        return flush_answers(id, c);
      }
    }
    if (h.closing) return;
    if (has_too_many_answers(c)) {
      h.paused = true;
      h.held.assign(bytes.data(), bytes.size());
      parts_.transport.pause_reading(id);
      break;
    }
  }
  if (!h.within_request()) {
    h.parser.reset();
    c.deadline_ms = h.exchanges.empty() ? now_.monotonic_ms + settings_->limits.http_idle_ms : 0;
  } else if (!was_within) {
    c.deadline_ms = now_.monotonic_ms + settings_->limits.http_request_ms;
  }
  schedule(id, c);
}

void Shard::on_http_request(ConnectionId id, Connection& c, const http::Request& request) {
  HttpPhase& h = *c.http();
  const std::uint64_t exchange = h.first + h.exchanges.size();
  h.exchanges.push_back({});
  h.exchanges.back().asked = asked(c, request);
  if (!request.keep_alive || draining_) h.closing = true;
  if (engine_io_.serves(request.path)) return engine_io_.on_request(id, exchange, request);
  parts_.host.on_request(id, exchange, request);
}

std::unique_ptr<Host::Access> Shard::asked(const Connection& c, const http::Request& request) {
  if (!settings_->log_access) return nullptr;
  const auto client = c.peer.proxy ? parts_.host.forwarded(request.headers) : std::nullopt;
  return std::make_unique<Host::Access>((client ? client->address : c.peer.address).text(), std::string(request.method),
                                        std::string(request.path));
}

void Shard::log_upgrade(const Connection& c, const http::Request& request, std::string_view status) {
  if (const auto entry = asked(c, request)) parts_.host.access(*entry, status);
}

bool Shard::moved_to_session(ConnectionId id, Connection& c, const http::Request& request, std::string_view rest) {
  if (!engine_io_.serves(request.path)) return false;
  const auto shard = engine_io_.shard_elsewhere(request);
  if (!shard || !c.http()->exchanges.empty() || c.outbox) return false;
  std::string bytes =
      std::string(request.method) + ' ' + std::string(request.target) + " HTTP/1." + std::to_string(request.http_minor) + "\r\n";
  for (const Header& header : request.headers) {
    const bool framing = equals_ignoring_case(header.name, "transfer-encoding") ||
                         equals_ignoring_case(header.name, "content-length") || equals_ignoring_case(header.name, "expect");
    if (!framing) (void)http::append_header(bytes, header);
  }
  if (!request.body.empty() || request.method == "POST")
    bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  bytes += "\r\n";
  bytes += request.body;
  bytes += rest;
  if (!parts_.transport.hand_over(id, *shard, std::move(bytes))) return false;
  remove(id, c, "moved to its session");
  return true;
}

void Shard::respond(ConnectionId id, std::uint64_t exchange, std::string_view response, bool keep_alive) {
  respond(id, exchange, Frame(response, &frames_), keep_alive);
}

void Shard::respond(ConnectionId id, std::uint64_t exchange, Frame response, bool keep_alive) {
  Connection* c = find(id);
  if (c == nullptr || c->phase != Phase::http || exchange < c->http()->first) return;
  HttpPhase& h = *c->http();
  HttpPhase::Exchange& e = h.exchanges[exchange - h.first];
  h.answer_bytes += response.size();
  if (e.asked) parts_.host.access(*e.asked, status_of(response.bytes()));
  e.answer = std::move(response);
  e.keep_alive = keep_alive;
  e.done = true;
  flush_answers(id, *c);
}

void Shard::flush_answers(ConnectionId id, Connection& c) {
  HttpPhase& h = *c.http();
  while (!h.exchanges.empty() && h.exchanges.front().done) {
    HttpPhase::Exchange e = h.exchanges.pop_front();
    ++h.first;
    h.answer_bytes -= std::min(h.answer_bytes, e.answer.size());
    control_frame(id.slot, c, std::move(e.answer));
    if (!e.keep_alive) h.closing = true;
  }
  if (h.closing) {
    c.deadline_ms = now_.monotonic_ms + settings_->limits.http_request_ms;
    return schedule(id, c);
  }
  if (h.exchanges.empty() && !h.within_request()) {
    c.deadline_ms = now_.monotonic_ms + settings_->limits.http_idle_ms;
    schedule(id, c);
  }
  if (h.paused) resume_requests(id, c);
}

bool Shard::has_too_many_answers(const Connection& c) const {
  const std::size_t unread = c.outbox ? c.outbox->control_bytes() : 0;  // answered, and not taken by the socket
  return c.http()->exchanges.size() >= settings_->limits.http_pipeline_requests_max ||
         c.http()->answer_bytes + unread >= settings_->limits.http_answer_bytes_max;
}

void Shard::resume_requests(ConnectionId id, Connection& c) {
  if (has_too_many_answers(c)) return;
  c.http()->paused = false;
  std::string held = std::exchange(c.http()->held, {});
  parts_.transport.resume_reading(id);
  if (!held.empty()) on_http_bytes(id, c, held);
}

void Shard::refuse_upgrade(ConnectionId id, Connection& c, std::string_view response) {
  counters_->handshakes_refused.add();
  log_upgrade(c, c.http()->parser->request(), status_of(response));
  c.http()->exchanges.push_back({true, false, Frame(response, &frames_)});
  c.http()->closing = true;
  flush_answers(id, c);
}

bool Shard::refuse_late_request(ConnectionId id, Connection& c) {
  HttpPhase& h = *c.http();
  if (h.closing || !h.within_request()) return false;
  std::string out;
  http::append_refusal(out, {408, "a request must be whole within limits.http_request_ms"});
  counters_->protocol_errors.add();
  h.exchanges.push_back({true, false, Frame(out, &frames_)});
  h.closing = true;
  flush_answers(id, c);
  return true;
}

namespace {

bool is_listed(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

}  // namespace

bool Shard::origin_allowed(const http::Request& request) const {
  return !request.header("origin") || is_listed(settings_->cors_origins, "*") || origin_named(request);
}

bool Shard::origin_named(const http::Request& request) const {
  const auto origin = request.header("origin");
  if (!origin) return false;
  if (is_listed(settings_->cors_origins, *origin)) return true;
  const std::size_t scheme = origin->find("://");
  const auto host = request.header("host");
  return scheme != std::string_view::npos && host && equals_ignoring_case(origin->substr(scheme + 3), *host);
}

std::string Shard::retry_after(std::int64_t wait_ms) {
  const auto more = static_cast<std::int64_t>(parts_.entropy.below(static_cast<std::uint64_t>(wait_ms) + 1));
  return std::to_string((wait_ms + more + 999) / 1000);
}

void Shard::upgrade(ConnectionId id, Connection& c, const http::Request& request, std::span<char> rest) {
  auto anonymous = std::find_if(settings_->anonymous.begin(), settings_->anonymous.end(),
                                [&](const Anonymous& a) { return a.path == request.path; });
  const bool echo = settings_->dev_echo && request.path == "/echo";
  if (c.peer.proxy) {
    if (auto client = parts_.host.forwarded(request.headers)) c.peer = std::move(*client);
  }
  if (!c.http()->exchanges.empty()) {
    return refuse_upgrade(
        id, c, error_response(400, Code::BAD_REQUEST, "an upgrade may not follow unanswered requests on one connection"));
  }
  if (engine_io_.serves(request.path)) {
    if (!moved_to_session(id, c, request, {rest.data(), rest.size()})) engine_io_.on_upgrade(id, c, request, rest);
    return;
  }
  const auto old_view = rawws_wire_.view_of(request.path, http::host_name(request.header("host").value_or(std::string_view{})));
  if (request.path != "/ws" && !echo && !old_view && anonymous == settings_->anonymous.end()) {
    return refuse_upgrade(id, c, error_response(404, Code::BAD_REQUEST, "no WebSocket here; the native protocol is at /ws"));
  }
  const auto refuse_for_now = [&](std::int64_t wait_ms, std::string_view why) {
    const std::string seconds = retry_after(wait_ms);
    const Header retry[] = {{"Retry-After", seconds}};
    refuse_upgrade(id, c, error_response(503, Code::UNAVAILABLE, why, retry));
  };
  if (draining_) return refuse_for_now(1000, "the server is restarting");
  if (const std::int64_t wait_ms = handshake_wait_ms(c.peer); wait_ms != 0) {
    return refuse_for_now(wait_ms, "too many handshakes (limits.address_handshakes, limits.node_handshakes)");
  }
  if (!origin_allowed(request)) {
    return refuse_upgrade(id, c,
                          error_response(403, Code::FORBIDDEN, "this Origin is not listed in cors_origins (CORS_ORIGINS)"));
  }
  const auto checked = ws::check_upgrade({request.method, 1, request.http_minor, request.headers});
  if (!checked) {
    const Header version[] = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
    return refuse_upgrade(id, c,
                          error_response(checked.error().status, Code::BAD_REQUEST, checked.error().detail,
                                         checked.error().status == 426 ? Headers(version) : Headers{}));
  }
  std::string_view protocol, offered_token;
  for (const std::string_view offered : checked->protocols) {
    if (offered == native_protocol) protocol = native_protocol;
    if (offered.starts_with(bearer_protocol)) offered_token = offered.substr(bearer_protocol.size());
  }
  if (old_view) protocol = checked->first_protocol();
  std::string extensions;
  if (settings_->deflate && !old_view) {
    if (auto agreed = ws::accept_deflate(checked->extensions, settings_->deflate_window_bits)) {
      extensions = std::move(agreed->response);
      c.form = native_deflate;
    }
  }
  control_raw(id.slot, c, ws::upgrade_response(checked->key, protocol, extensions));
  log_upgrade(c, request, "101");
  const std::unique_ptr<Speaks> http = std::move(c.speaks);  // `request` views it
  c.session = std::make_unique<session::Session>();
  if (old_view) rawws_wire_.begin(c, old_view);
  c.phase = Phase::unknown;
  c.echo = echo;
  c.anonymous = anonymous == settings_->anonymous.end() ? nullptr : &*anonymous;
  c.deadline_ms = echo ? 0 : now_.monotonic_ms + settings_->limits.auth_ms;
  schedule(id, c);
  if (old_view) {
    rawws_wire_.identify(id, c, http::token_of(request, settings_->token_cookie));
  } else if (!echo) {
    authenticate_upgrade(id, c, request, offered_token);
  }
  if (!rest.empty()) on_websocket_bytes(id, c, rest);
}

void Shard::authenticate_upgrade(ConnectionId id, Connection& c, const http::Request& request, std::string_view offered_token) {
  if (const auto authorization = request.header("authorization")) {
    return authenticate(id, c, std::string(http::bearer_token(*authorization)), std::nullopt);
  }
  if (const auto key = request.header("x-api-key")) {
    return authenticate(id, c, std::string(*key), std::nullopt);
  }
  if (!offered_token.empty()) {
    return authenticate(id, c, std::string(offered_token), std::nullopt);
  }
  if (auto token = http::query_value(request.query, "token"); token && !token->empty()) {
    return authenticate(id, c, std::move(*token), std::nullopt);
  }
  if (!settings_->token_cookie.empty()) {
    if (const auto cookie = http::cookie(request.headers, settings_->token_cookie)) {
      return authenticate(id, c, std::string(*cookie), std::nullopt);
    }
  }
  if (c.anonymous != nullptr) accept_user(id, c, c.anonymous->identity, std::nullopt);
}

}  // namespace sparc::shard
