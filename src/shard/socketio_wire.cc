#include "shard/socketio_wire.h"

#include <algorithm>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "shard/shard.h"
#include "shard/socketio_texts.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

namespace json = protocol::json;
namespace sio = protocol::socketio;
using namespace socketio_texts;
using Phase = Connection::Phase;
using What = SocketIoSocket::Waiting::What;

namespace {

/// What clients of the older servers know connection refusals by.
std::string_view refusal_message(const Fault& fault, bool token_missing) {
  switch (fault.code) {
    case Code::UNAUTHENTICATED: return token_missing ? "Missing authentication token" : "Authentication failed";
    case Code::TOKEN_EXPIRED:
    case Code::REVOKED: return "Authentication failed";
    case Code::TENANT_INACTIVE: return "Tenant is not active";
    case Code::CONNECTION_LIMIT: return "Connection limit exceeded";
    default: return fault.message;
  }
}

}  // namespace

sio::Parser SocketIoWire::parser() const { return shard_.settings_->socketio.parser; }

void SocketIoWire::append_packet(std::string& out, const sio::Outgoing& packet) const {
  struct Frames final : sio::MessageSink {
    std::string& out;
    explicit Frames(std::string& o) : out(o) {}
    void text(std::string_view message) override { ws::append_text_frame(out, message); }
    void binary(std::string_view message) override { ws::append_binary_frame(out, message); }
  } frames(out);
  sio::encode(packet, parser(), scratch_, frames);
}

void SocketIoWire::say(ConnectionId session, const sio::Outgoing& packet) {
  std::string frames;
  append_packet(frames, packet);
  shard_.engine_io_.packet(session, frames);
}

void SocketIoWire::send(ConnectionId id, Connection& c, const sio::Outgoing& packet) {
  std::string frames;
  append_packet(frames, packet);
  shard_.control_raw(id.slot, c, frames);
}

sio::Outgoing SocketIoWire::event_packet(const Connection& c, std::string_view event, std::string_view first,
                                         std::span<const std::string> attachments) {
  sio::Outgoing packet;
  packet.nsp = c.sio()->nsp();
  packet.event = event;
  packet.first = first;
  packet.attachments = attachments;
  return packet;
}

sio::Outgoing SocketIoWire::ack_packet(const Connection& c, std::uint64_t ack, std::string_view first,
                                       std::span<const std::string> attachments) {
  sio::Outgoing packet;
  packet.type = sio::PacketType::ack;
  packet.nsp = c.sio()->nsp();
  packet.id = ack;
  packet.first = first;
  packet.attachments = attachments;
  return packet;
}

void SocketIoWire::send_event(ConnectionId id, Connection& c, std::string_view event, std::string_view first,
                              std::string_view more) {
  sio::Outgoing packet = event_packet(c, event, first, {});
  packet.more = more;
  send(id, c, packet);
}

void SocketIoWire::send_ack(ConnectionId id, Connection& c, std::uint64_t ack, std::string_view first) {
  send(id, c, ack_packet(c, ack, first, {}));
}

std::shared_ptr<const protocol::View> SocketIoWire::view_of(const EngineEntrance& entrance, std::string_view nsp) {
  for (const protocol::View& view : shard_.settings_->views) {
    if (view.wire != protocol::View::Wire::socketio || view.socketio_namespace != nsp) continue;
    const bool on_path = view.paths.empty() || std::ranges::find(view.paths, entrance.path) != view.paths.end();
    if (on_path && protocol::serves_host(view, entrance.host)) return {shard_.settings_, &view};
  }
  if (nsp.size() < 2 || !shard_.settings_->find_namespace(nsp.substr(1))) return nullptr;
  auto& view = plain_views_[std::string(nsp)];
  if (view == nullptr) {
    auto made = std::make_shared<protocol::View>();
    made->name = nsp.substr(1);
    made->socketio_namespace = nsp;
    made->namespaces = {made->name};
    made->on_expiry = protocol::View::OnExpiry::close;  // no older client's
    made->inputs = {protocol::token_refresh()};
    view = std::move(made);
  }
  return view;
}

Connection* SocketIoWire::socket_of(const EngineSession& s, std::string_view nsp, ConnectionId& id) {
  for (const ConnectionId socket : s.sockets) {
    Connection* c = shard_.find(socket);
    if (c == nullptr || c->sio()->nsp() != nsp) continue;
    id = socket;
    return c;
  }
  return nullptr;
}

void SocketIoWire::on_packet(ConnectionId session, EngineSession& s, sio::Packet packet) {
  auto close = [&] { s.engine.close("forced close", shard_.now_.monotonic_ms); };
  ConnectionId id;
  Connection* c = socket_of(s, packet.nsp, id);
  if (packet.type == sio::PacketType::connect) return c != nullptr ? close() : on_connect(session, s, std::move(packet));
  if (c == nullptr || c->phase == Phase::closing) {
    // What was under way when the socket was told to go is no violation.
    return c == nullptr && packet.type != sio::PacketType::disconnect ? close() : void();
  }
  switch (packet.type) {
    case sio::PacketType::disconnect:
      // Who leaves by itself does not come back to what it had: the record is taken, and nobody waits for it.
      forget_record(*c);
      shard_.end_session(id, *c, "client namespace disconnect");
      return shard_.remove(id, *c, "client namespace disconnect");
    case sio::PacketType::event:
      if (c->sio()->is_connected()) return on_event(id, *c, std::move(packet));
      return hold(*c->sio(), std::move(packet)) ? void() : close();
    case sio::PacketType::ack: return on_ack(id, *c, std::move(packet));
    default: return close();
  }
}

void SocketIoWire::on_connect(ConnectionId session, EngineSession& s, sio::Packet packet) {
  // As many as joins of a native connection: no loop of replays and newest values is free.
  if (++s.connects > 2 * shard_.settings_->limits.connection_namespaces_max) {
    shard_.counters_->rate_limited.add();
    return s.engine.close("forced close", shard_.now_.monotonic_ms);
  }
  auto view = view_of(*s.handshake.entrance, packet.nsp);
  if (!view || s.sockets.size() >= shard_.settings_->limits.connection_namespaces_max) {
    sio::Outgoing refused;
    refused.type = sio::PacketType::connect_error;
    refused.nsp = packet.nsp;
    refused.first = view ? "{\"message\":\"too many namespaces on this connection (limits.connection_namespaces_max)\"}"
                         : R"({"message":"Invalid namespace"})";
    return say(session, refused);
  }
  const ConnectionId id = shard_.connections_.emplace();
  Connection& c = *shard_.find(id);
  shard_.counters_->socketio_sockets.add();
  c.phase = Phase::unknown;
  c.peer = s.handshake.peer;
  c.session = std::make_unique<session::Session>();
  c.dialect = Connection::Dialect::socketio;
  c.speaks = std::make_unique<SocketIoSocket>();
  c.received_ms = shard_.now_.monotonic_ms;
  c.opened_wall_ms = shard_.now_.wall_ms;
  c.deadline_ms = shard_.now_.monotonic_ms + shard_.settings_->limits.auth_ms;
  SocketIoSocket& socket = *c.sio();
  c.engine = session;
  socket.sid.assign(shard_.parts_.entropy.token(socket.sid.size));
  Shard::FormInfo form;
  form.wire = this;
  form.offsets = view->recovers() && shard_.settings_->socketio.recovery_ms != 0;
  form.view = std::move(view);
  c.form = shard_.form_of(std::move(form));
  socket.view = shard_.forms_[c.form].view.get();
  s.sockets.push_back(id);
  shard_.fanout_.set_direct_after(id.slot, shard_.fanout_.number());
  shard_.schedule(id, c);
  std::string token;
  if (!packet.data.empty()) (void)json::read_string(json::find(packet.data, "token"), token);
  if (token.empty() && s.handshake.token) token = *s.handshake.token;
  read_recovery(c, packet.data);
  identify(id, c, std::move(token));
}

void SocketIoWire::identify(ConnectionId id, Connection& c, std::string token) {
  SocketIoSocket& socket = *c.sio();
  if (token.empty() && !socket.view->anonymous_tenant.empty()) {
    return shard_.accept_user(id, c, Shard::anonymous_identity(*socket.view), std::nullopt);
  }
  socket.connecting->token_missing = token.empty();
  if (token.empty()) return shard_.refuse_identity(id, c, std::nullopt, {Code::UNAUTHENTICATED, "Missing authentication token"});
  shard_.authenticate(id, c, std::move(token), std::nullopt);
}

void SocketIoWire::on_transport_closed(EngineSession& s, std::string_view reason) {
  const auto sockets = s.sockets;  // each leaves the list when it goes
  s.sockets.clear();
  for (const ConnectionId id : sockets) {
    if (Connection* c = shard_.find(id)) shard_.remove(id, *c, reason);
  }
}

std::shared_ptr<const auth::ClaimRules> SocketIoWire::claims(const Connection& c) const {
  return shard_.claims_for(*c.sio()->view);
}
const protocol::View* SocketIoWire::view(const Connection& c) const { return c.sio()->view; }
bool SocketIoWire::gate_open(const Connection& c) const { return !c.sio()->view->tenant_gate || c.sio()->gate_open; }

std::int64_t SocketIoWire::keep_waiting(SocketIoSocket& socket, Waiting waiting) {
  waiting.request = ++socket.requests;
  if (!socket.waiting) socket.waiting = std::make_unique<std::vector<Waiting>>();
  socket.waiting->push_back(std::move(waiting));
  return socket.requests;
}

void SocketIoWire::submit(ConnectionId id, Connection& c, Waiting waiting, protocol::Command command) {
  const std::int64_t number = keep_waiting(*c.sio(), std::move(waiting));
  shard_.arrive(id, c, protocol::Request{number, std::move(command)});
}

void SocketIoWire::welcome(ConnectionId id, Connection& c) {
  c.sio()->connecting->recovery ? take_record(id, c) : join_all(id, c);
}

void SocketIoWire::join_all(ConnectionId id, Connection& c) {
  SocketIoSocket& socket = *c.sio();
  std::vector<std::string> names;
  for (const std::string& ns : socket.view->namespaces) {
    if (shard_.settings_->find_namespace(ns)) names.push_back(ns);
  }
  socket.connecting->joins_left = static_cast<std::uint16_t>(names.size());
  if (names.empty()) return shard_.fail(id, c, {Code::UNKNOWN_NAMESPACE, "Invalid namespace"});
  // The last join may be answered at once, and then nothing of `connecting` is left.
  auto recovery = std::move(socket.connecting->recovery);
  for (std::string& ns : names) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::active) return;
    protocol::Join join;
    if (const auto held = std::move(recovery)) join = std::move(*held);
    join.wants.ns = std::move(ns);
    Waiting waiting;
    waiting.what = What::join;
    submit(id, *now, std::move(waiting), std::move(join));
  }
}

bool SocketIoWire::hold(SocketIoSocket& socket, sio::Packet packet) const {
  const Limits& limits = shard_.settings_->limits;
  SocketIoSocket::Connecting& held = *socket.connecting;
  held.early_bytes += packet.data.size();
  for (const std::string& attachment : packet.attachments) held.early_bytes += attachment.size();
  if (held.early.size() >= limits.connection_parked_frames_max || held.early_bytes > limits.connection_parked_bytes_max)
    return false;
  held.early.push_back(std::move(packet));
  return true;
}

void SocketIoWire::joined(ConnectionId id, Connection& c, std::string_view data, const Fault* fault) {
  SocketIoSocket& socket = *c.sio();
  SocketIoSocket::Connecting& state = *socket.connecting;
  --state.joins_left;
  if (fault != nullptr) {
    state.join_fault = *fault;
  } else {
    ++state.joins_done;
    std::string epoch;
    const std::string_view position = json::find(data, "position");
    const bool replays = !json::find(data, "until").empty();
    if (json::find(data, "recovered") == "true") {
      socket.sid.assign(state.kept_sid);
      socket.pid.assign(state.kept_pid);
    }
    if (json::read_string(json::find(position, "epoch"), epoch) && !epoch.empty() && !replays) {
      state.position = epoch + ':' + std::string(json::find(position, "offset"));
    }
  }
  if (state.joins_left != 0) return;
  if (state.joins_done == 0) return shard_.fail(id, c, Fault(state.join_fault));
  connected(id, c);
}

void SocketIoWire::connected(ConnectionId id, Connection& c) {
  SocketIoSocket& socket = *c.sio();
  const auto connecting = std::move(socket.connecting);
  if (form_recovers(c) && socket.pid.empty()) socket.pid.assign(shard_.parts_.entropy.token(socket.pid.size));
  shard_.engine_io_.socket_joined(c.engine);
  std::string said = "{\"sid\":" + json_string(socket.sid.view());
  if (!socket.pid.empty()) said += ",\"pid\":" + json_string(socket.pid.view());
  said += '}';
  sio::Outgoing packet;
  packet.type = sio::PacketType::connect;
  packet.nsp = socket.nsp();
  packet.first = said;
  if (c.outbox) c.outbox->blocked = false;
  send(id, c, packet);
  const std::string position =
      socket.pid.empty() || connecting->position.empty() ? std::string() : json_string(connecting->position);
  if (socket.view->greets) {
    std::string hello = "{\"clientId\":" + json_string(socket.sid.view()) +
                        ",\"namespace\":" + json_string(socket.view->namespaces.front()) +
                        ",\"tenantId\":" + json_string(c.session->identity.tenant_id) + ",\"timestamp\":\"";
    append_iso_time(hello, shard_.now_.wall_ms);
    send_event(id, c, "connected", hello + "\"}", position);
  } else if (!position.empty()) {
    send_event(id, c, "position", position);
  }
  if (c.session->expiry_announced) token_expiring(id, c, (c.session->identity.expires_ms - shard_.now_.wall_ms) / 1000);
  keep_record(c);
  for (sio::Packet& early : connecting->early) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::active) return;
    on_event(id, *now, std::move(early));
  }
}

bool SocketIoWire::ping(ConnectionId, Connection& c) {
  // What it holds was kept when it changed. Written anew, the record would be this connection's again where another has recovered
  // from it meanwhile, because the server does not know yet that this one is dead.
  prolong_record(c);
  return false;  // the Engine.IO session has its own heartbeat
}

void SocketIoWire::last_words(ConnectionId id, Connection& c, const Fault& fault) {
  if (c.sio()->is_connected()) return send_event(id, c, "error", error_argument(fault));
  std::string said = "{\"message\":";
  append_json_string(said, refusal_message(fault, c.sio()->connecting->token_missing));
  said += ",\"data\":{";
  append_fault_members(said, fault);
  said += "}}";
  sio::Outgoing packet;
  packet.type = sio::PacketType::connect_error;
  packet.nsp = c.sio()->nsp();
  packet.first = said;
  say(c.engine, packet);
}

void SocketIoWire::close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) {
  SocketIoSocket& socket = *c.sio();
  c.peer_closed = true;  // nothing is awaited: it goes when what waits is sent
  if (!socket.is_connected()) {
    shard_.break_later(id.slot);
    return;
  }
  // After a disconnect packet a client stays away; where it may come back, the transport closes and it does by itself.
  const bool stays_away = code == close_code_of(Code::FORBIDDEN) || code == close_code_of(Code::REVOKED) ||
                          code == close_code_of(Code::TENANT_INACTIVE) || code == close_code_of(Code::BAD_REQUEST);
  if (!stays_away) return shard_.engine_io_.close(c.engine, reason);
  sio::Outgoing packet;
  packet.type = sio::PacketType::disconnect;
  packet.nsp = socket.nsp();
  send(id, c, packet);
}

void SocketIoWire::token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) {
  if (!c.sio()->is_connected()) return;  // it is said behind CONNECT
  send_event(id, c, "token_expiring", "{\"expiresIn\":" + std::to_string(expires_in_s) + "}");
}

}  // namespace sparc::shard
