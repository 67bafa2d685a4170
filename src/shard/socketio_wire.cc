#include "shard/socketio_wire.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/native/request_writer.h"
#include "protocol/view_subscription.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

namespace json = protocol::json;
namespace sio = protocol::socketio;
using protocol::ViewInput;
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

void append_fault_members(std::string& out, const Fault& fault) {
  out += "\"code\":\"" + std::string(name_of(fault.code)) + "\",\"message\":";
  append_json_string(out, fault.message);
  if (fault.retry_after_ms != 0) out += ",\"retryAfterMs\":" + std::to_string(fault.retry_after_ms);
}

/// `{"message":…,"code":…}`: older clients show the message.
std::string error_payload(const Fault& fault, std::string_view event = {}) {
  std::string out = "{";
  append_fault_members(out, fault);
  if (!event.empty()) {
    out += ",\"event\":";
    append_json_string(out, event);
  }
  return out + "}";
}

constexpr std::size_t pid_characters = 24;  // 124 bits

std::string record_key(std::string_view pid) { return "socketio/" + std::string(pid); }

/// `<epoch>:<offset>`, as clients give it back.
std::string offset_text(const Position& position) { return position.epoch + ':' + std::to_string(position.offset); }

std::optional<Position> position_of(std::string_view offset) {
  const std::size_t colon = offset.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 64) return std::nullopt;
  Position out{std::string(offset.substr(0, colon)), 0};
  const std::string_view digits = offset.substr(colon + 1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out.offset);
  if (digits.empty() || read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return std::nullopt;
  return out;
}

const ViewInput& generic_row() {
  static const ViewInput row;
  return row;
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

void SocketIoWire::send_event(ConnectionId id, Connection& c, std::string_view event, std::string_view first,
                              std::string_view more) {
  sio::Outgoing packet;
  packet.nsp = c.sio()->nsp;
  packet.event = event;
  packet.first = first;
  packet.more = more;
  send(id, c, packet);
}

void SocketIoWire::send_ack(ConnectionId id, Connection& c, std::uint64_t ack, std::string_view first) {
  sio::Outgoing packet;
  packet.type = sio::PacketType::ack;
  packet.nsp = c.sio()->nsp;
  packet.id = ack;
  packet.first = first;
  send(id, c, packet);
}

std::shared_ptr<const protocol::View> SocketIoWire::view_of(const EngineHandshake& handshake, std::string_view nsp) {
  for (const protocol::View& view : shard_.settings_->views) {
    if (view.wire != protocol::View::Wire::socketio || view.socketio_namespace != nsp) continue;
    const auto listed = [](const std::vector<std::string>& list, std::string_view item) {
      return list.empty() || std::find(list.begin(), list.end(), item) != list.end();
    };
    if (listed(view.paths, handshake.path) && listed(view.hosts, handshake.host)) return {shard_.settings_, &view};
  }
  if (nsp.size() < 2 || !shard_.settings_->find_namespace(nsp.substr(1))) return nullptr;
  auto& view = plain_views_[std::string(nsp)];
  if (view == nullptr) {
    auto made = std::make_shared<protocol::View>();
    made->name = nsp.substr(1);
    made->socketio_namespace = nsp;
    made->namespaces = {made->name};
    view = std::move(made);
  }
  return view;
}

void SocketIoWire::on_packet(ConnectionId session, EngineSession& s, sio::Packet packet) {
  auto close = [&] { s.engine.close("forced close", shard_.now_.monotonic_ms); };
  auto found = std::find_if(s.sockets.begin(), s.sockets.end(), [&](const auto& item) { return item.first == packet.nsp; });
  Connection* c = found == s.sockets.end() ? nullptr : shard_.find(found->second);
  if (packet.type == sio::PacketType::connect) return c != nullptr ? close() : on_connect(session, s, std::move(packet));
  if (c == nullptr || c->phase == Phase::closing) {
    // What was under way when the socket was told to go is no violation.
    return c == nullptr && packet.type != sio::PacketType::disconnect ? close() : void();
  }
  const ConnectionId id = found->second;
  switch (packet.type) {
    case sio::PacketType::disconnect:
      // Who leaves by itself does not come back to what it had: the record is taken, and nobody waits for it.
      if (const std::string& pid = c->sio()->pid; !pid.empty())
        shard_.parts_.broker.take_record(++shard_.last_ticket_, record_key(pid));
      shard_.end_session(id, *c, "client namespace disconnect");
      return shard_.remove(id, *c, "client namespace disconnect");
    case sio::PacketType::event: return c->phase == Phase::active ? on_event(id, *c, std::move(packet)) : close();
    case sio::PacketType::ack: return;  // of none that we asked for
    default: return close();
  }
}

void SocketIoWire::on_connect(ConnectionId session, EngineSession& s, sio::Packet packet) {
  auto view = view_of(s.handshake, packet.nsp);
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
  socket.engine = session;
  socket.nsp = std::move(packet.nsp);
  socket.sid = shard_.parts_.entropy.token(20);
  socket.view = std::move(view);
  socket.claims = shard_.claims_for(*socket.view);
  Shard::FormInfo form;
  form.wire = this;
  form.view = socket.view;
  form.offsets = socket.view->recovers() && shard_.settings_->socketio.recovery_ms != 0;
  c.form = shard_.form_of(std::move(form));
  s.sockets.emplace_back(socket.nsp, id);
  shard_.fanout_.set_direct_after(id.slot, shard_.fanout_.number());
  shard_.schedule(id, c);
  std::string token;
  if (!packet.data.empty()) (void)json::read_string(json::find(packet.data, "token"), token);
  if (token.empty()) token = s.handshake.token;
  std::string pid, offset;
  const bool comes_back = form_recovers(c) && !packet.data.empty() && json::read_string(json::find(packet.data, "pid"), pid) &&
                          json::read_string(json::find(packet.data, "offset"), offset);
  if (!comes_back) return identify(id, c, std::move(token));
  const auto position = position_of(offset);
  if (!position || pid.size() != pid_characters) return identify(id, c, std::move(token));
  socket.recovery = std::make_unique<protocol::Join>();
  socket.recovery->recover = *position;
  socket.kept_pid = pid;
  const broker::Ticket ticket = ++shard_.last_ticket_;
  shard_.records_.emplace(ticket, [this, id, token = std::move(token)](std::optional<std::string> value) mutable {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::unknown) return;
    recover(*now, value);
    identify(id, *now, std::move(token));
  });
  shard_.parts_.broker.take_record(ticket, record_key(pid));
}

void SocketIoWire::identify(ConnectionId id, Connection& c, std::string token) {
  SocketIoSocket& socket = *c.sio();
  if (token.empty() && !socket.view->anonymous_tenant.empty()) {
    return shard_.accept_user(id, c, Shard::anonymous_identity(*socket.view), std::nullopt);
  }
  socket.token_missing = token.empty();
  if (token.empty()) return shard_.refuse_identity(id, c, std::nullopt, {Code::UNAUTHENTICATED, "Missing authentication token"});
  shard_.authenticate(id, c, std::move(token), std::nullopt);
}

bool SocketIoWire::form_recovers(const Connection& c) const { return shard_.forms_[c.form].offsets; }

// A record: sid, user and tenant, each followed by a blank; then a native `join` of what was held.
void SocketIoWire::keep_record(ConnectionId id, Connection& c) {
  SocketIoSocket& socket = *c.sio();
  if (socket.pid.empty() || !socket.connected || c.session->namespaces.empty()) return;
  const session::NamespaceState& state = c.session->namespaces.front();
  const Identity& identity = c.session->identity;
  std::string record = socket.sid + ' ' + identity.user_id + ' ' + identity.tenant_id + ' ';
  protocol::Request request;
  protocol::Join join;
  join.wants.ns = shard_.settings_->namespaces[state.ns].name;
  for (std::string& room : shard_.rooms_of(state)) {
    if (!auth::has_reserved_prefix(room)) join.wants.rooms.push_back(std::move(room));
  }
  const protocol::Wish& wish = shard_.wishes_[state.ns]->at(state.wish);
  using Kind = protocol::Choice<std::string>::Kind;
  if (!wish.all_topics) join.wants.topics = {Kind::list, wish.topics};
  if (!wish.all_values) join.wants.filters = {protocol::Choice<protocol::Filter>::Kind::list, wish.filters};
  request.command = std::move(join);
  protocol::native::append_request(record, request);
  (void)id;
  shard_.parts_.broker.keep_record(record_key(socket.pid), record, record_ttl_ms());
}

/// A connected client's record stays with each heartbeat of the session; one that goes has at least recovery_ms.
std::uint32_t SocketIoWire::record_ttl_ms() const {
  const std::uint64_t ttl_ms = std::uint64_t{shard_.settings_->socketio.recovery_ms} + 2ULL * shard_.settings_->ping_interval_ms;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ttl_ms, UINT32_MAX));
}

void SocketIoWire::recover(Connection& c, const std::optional<std::string>& value) {
  SocketIoSocket& socket = *c.sio();
  const auto recovery = std::move(socket.recovery);
  if (!value) return;
  std::string_view rest = *value;
  auto word = [&] {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    std::string out(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  };
  socket.kept_sid = word();
  socket.kept_user = word();
  socket.kept_tenant = word();
  auto decoded = shard_.decoder_.text(rest);
  if (decoded.size() != 1 || !decoded.front()) return;
  auto* join = std::get_if<protocol::Join>(&decoded.front()->command);
  if (join == nullptr || join->wants.ns != socket.view->namespaces.front()) return;
  join->recover = recovery->recover;
  socket.recovery = std::make_unique<protocol::Join>(std::move(*join));
}

void SocketIoWire::on_transport_closed(EngineSession& s, std::string_view reason) {
  for (const auto& [nsp, id] : std::exchange(s.sockets, {})) {
    if (Connection* c = shard_.find(id)) shard_.remove(id, *c, reason);
  }
}

std::shared_ptr<const auth::ClaimRules> SocketIoWire::claims(const Connection& c) const { return c.sio()->claims; }
const protocol::View* SocketIoWire::view(const Connection& c) const { return c.sio()->view.get(); }
bool SocketIoWire::gate_open(const Connection& c) const { return !c.sio()->view->tenant_gate || c.sio()->gate_open; }

void SocketIoWire::ask(ConnectionId id, Connection& c, Waiting waiting, protocol::Command command) {
  waiting.request = ++c.sio()->requests;
  const std::int64_t number = waiting.request;
  c.sio()->waiting.push_back(std::move(waiting));
  shard_.arrive(id, c, protocol::Request{number, std::move(command)});
}

void SocketIoWire::welcome(ConnectionId id, Connection& c) {
  SocketIoSocket& socket = *c.sio();
  std::vector<std::string> names;
  for (const std::string& ns : socket.view->namespaces) {
    if (shard_.settings_->find_namespace(ns)) names.push_back(ns);
  }
  socket.joins_left = static_cast<std::uint16_t>(names.size());
  if (names.empty()) return shard_.fail(id, c, {Code::UNKNOWN_NAMESPACE, "Invalid namespace"});
  for (std::string& ns : names) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Phase::active) return;
    protocol::Join join;
    const Identity& identity = now->session->identity;
    const auto recovery = std::move(socket.recovery);
    if (recovery && socket.kept_user == identity.user_id && socket.kept_tenant == identity.tenant_id) join = std::move(*recovery);
    join.wants.ns = std::move(ns);
    Waiting waiting;
    waiting.what = What::join;
    ask(id, *now, std::move(waiting), std::move(join));
  }
}

void SocketIoWire::joined(ConnectionId id, Connection& c, const Waiting&, std::string_view data, const Fault* fault) {
  SocketIoSocket& socket = *c.sio();
  --socket.joins_left;
  if (fault != nullptr) {
    socket.join_fault = *fault;
  } else {
    ++socket.joins_done;
    std::string epoch;
    const std::string_view position = json::find(data, "position");
    const bool replays = !json::find(data, "until").empty();
    if (json::find(data, "recovered") == "true") {
      socket.sid = socket.kept_sid;
      socket.pid = socket.kept_pid;
    }
    if (json::read_string(json::find(position, "epoch"), epoch) && !epoch.empty() && !replays) {
      socket.position = epoch + ':' + std::string(json::find(position, "offset"));
    }
  }
  if (socket.joins_left != 0) return;
  if (socket.joins_done == 0) return shard_.fail(id, c, Fault(socket.join_fault));
  connected(id, c);
}

void SocketIoWire::connected(ConnectionId id, Connection& c) {
  SocketIoSocket& socket = *c.sio();
  socket.connected = true;
  if (form_recovers(c) && socket.pid.empty()) socket.pid = shard_.parts_.entropy.token(pid_characters);
  shard_.engine_io_.socket_joined(socket.engine);
  std::string said = "{\"sid\":" + json_string(socket.sid);
  if (!socket.pid.empty()) said += ",\"pid\":" + json_string(socket.pid);
  said += '}';
  sio::Outgoing packet;
  packet.type = sio::PacketType::connect;
  packet.nsp = socket.nsp;
  packet.first = said;
  send(id, c, packet);
  const std::string position = socket.pid.empty() || socket.position.empty() ? std::string() : json_string(socket.position);
  if (socket.view->greets) {
    std::string hello = "{\"clientId\":" + json_string(socket.sid) +
                        ",\"namespace\":" + json_string(socket.view->namespaces.front()) +
                        ",\"tenantId\":" + json_string(c.session->identity.tenant_id) + ",\"timestamp\":\"";
    append_iso_time(hello, shard_.now_.wall_ms);
    send_event(id, c, "connected", hello + "\"}", position);
  } else if (!position.empty()) {
    send_event(id, c, "position", position);
  }
  if (c.session->expiry_announced) token_expiring(id, c, (c.session->identity.expires_ms - shard_.now_.wall_ms) / 1000);
  socket.position = {};
  socket.kept_sid = socket.kept_pid = socket.kept_user = socket.kept_tenant = {};
  keep_record(id, c);
}

bool SocketIoWire::ping(ConnectionId id, Connection& c) {
  (void)id;
  // What it holds was kept when it changed. Written anew, the record would be this connection's again where another has recovered
  // from it meanwhile, because the server does not know yet that this one is dead.
  if (!c.sio()->pid.empty()) shard_.parts_.broker.keep_record(record_key(c.sio()->pid), {}, record_ttl_ms());
  return false;  // the Engine.IO session has its own heartbeat
}

void SocketIoWire::on_event(ConnectionId id, Connection& c, sio::Packet packet) {
  SocketIoSocket& socket = *c.sio();
  c.received_ms = shard_.now_.monotonic_ms;
  shard_.counters_->messages_in.add();
  sio::EventParts parts = sio::split_event(packet.data);
  const ViewInput* row = protocol::input_of(*socket.view, parts.name, parts.first);
  Waiting waiting;
  waiting.ack = packet.id;
  waiting.row = row != nullptr ? row : &generic_row();
  waiting.event = parts.name;
  waiting.data = protocol::request_of(*waiting.row, parts.first);
  switch (waiting.row->action) {
    case ViewInput::Action::forward: return forward(id, c, std::move(waiting), std::move(parts), std::move(packet.attachments));
    case ViewInput::Action::join_tenant:
    case ViewInput::Action::leave_tenant: {
      std::string tenant;
      if (!json::read_string(parts.first, tenant)) (void)json::read_string(json::find(waiting.data, "tenantId"), tenant);
      return change_gate(id, c, waiting, tenant, waiting.row->action == ViewInput::Action::join_tenant);
    }
    case ViewInput::Action::subscribe: return subscribe(id, c, std::move(waiting), true);
    case ViewInput::Action::unsubscribe: return subscribe(id, c, std::move(waiting), false);
    case ViewInput::Action::ping: {
      const std::string now = "{\"timestamp\":" + std::to_string(shard_.now_.wall_ms) + "}";
      send_event(id, c, waiting.row->success.empty() ? std::string_view("pong") : std::string_view(waiting.row->success), now);
      if (waiting.ack) send_ack(id, c, *waiting.ack, now);
      return;
    }
    case ViewInput::Action::refresh: {
      std::string token;
      if (!json::read_string(parts.first, token)) (void)json::read_string(json::find(waiting.data, "token"), token);
      waiting.what = What::refresh;
      return ask(id, c, std::move(waiting), protocol::Auth{std::move(token)});
    }
    case ViewInput::Action::ignore: shard_.counters_->ignored_messages.add(); return;
  }
}

void SocketIoWire::forward(ConnectionId id, Connection& c, Waiting waiting, sio::EventParts parts,
                           std::vector<std::string> attachments) {
  const ViewInput& row = *waiting.row;
  protocol::Event event;
  event.ns = row.ns.empty() ? c.sio()->view->namespaces.front() : row.ns;
  event.event = row.to.empty() ? parts.name : row.to;
  event.data = &row == &generic_row() ? std::move(parts.first) : waiting.data;
  event.more_args = std::move(parts.more);
  event.attachments = std::move(attachments);
  waiting.what = What::event;
  ask(id, c, std::move(waiting), std::move(event));
}

void SocketIoWire::change_gate(ConnectionId id, Connection& c, const Waiting& waiting, std::string_view tenant, bool opens) {
  SocketIoSocket& socket = *c.sio();
  const std::string own = c.session->identity.tenant_id;
  if (tenant != own) {
    shard_.parts_.host.audit("room of another tenant refused", c.session->identity, tenant);
    return answer_fault(id, c, waiting, {Code::FORBIDDEN, "a token's own tenant is the only one that it joins"});
  }
  const bool changes = socket.view->tenant_gate && socket.gate_open != opens;
  socket.gate_open = opens;
  for (session::NamespaceState& state : c.session->namespaces) {
    if (!changes) break;
    if (opens) {
      const auto before = shard_.rooms_of(state);
      shard_.add_identity_rooms(id.slot, c, state);
      std::vector<std::string> fresh = shard_.rooms_of(state);
      std::erase_if(fresh,
                    [&](const std::string& room) { return std::find(before.begin(), before.end(), room) != before.end(); });
      shard_.send_latest(id, state.ns, std::move(fresh));
    } else {
      shard_.leave_identity_rooms(state);
    }
  }
  const std::string data = "{\"tenantId\":" + json_string(own) + "}";
  if (opens && !waiting.row->success.empty()) send_event(id, c, waiting.row->success, data);
  if (waiting.ack) send_ack(id, c, *waiting.ack, data);
}

/// {channels}: those that are topics of the namespace choose events, the others are rooms. {alertTypes, priorities}: one filter.
/// {eventTypes}: topics. {metrics, interval}: the topic `metrics`, and a filter.
void SocketIoWire::subscribe(ConnectionId id, Connection& c, Waiting waiting, bool adds) {
  const std::string ns = waiting.row->ns.empty() ? c.sio()->view->namespaces.front() : waiting.row->ns;
  const auto ns_id = shard_.settings_->find_namespace(ns);
  session::NamespaceState* state = ns_id ? c.session->find(*ns_id) : nullptr;
  if (state == nullptr)
    return answer_fault(id, c, waiting, {Code::UNKNOWN_NAMESPACE, "namespace " + json_string(ns) + " is not joined"});
  auto command = protocol::subscription_of(waiting.data, ns, shard_.settings_->namespaces[*ns_id].vocabulary,
                                           shard_.wishes_[*ns_id]->at(state->wish),
                                           adds ? protocol::SubscriptionChange::add : protocol::SubscriptionChange::remove);
  if (!command) return answer_fault(id, c, waiting, command.error());
  waiting.what = What::subscribe;
  if (!command->unsubscribe.rooms.empty()) {
    Waiting silent;
    ask(id, c, std::move(silent), protocol::Unsubscribe(command->unsubscribe));
  }
  ask(id, c, std::move(waiting), std::move(command->subscribe));
}

void SocketIoWire::reply(ConnectionId id, Connection& c, std::int64_t request, std::string_view data) {
  SocketIoSocket& socket = *c.sio();
  auto found = std::find_if(socket.waiting.begin(), socket.waiting.end(), [&](const Waiting& w) { return w.request == request; });
  if (found == socket.waiting.end()) return;
  const Waiting waiting = std::move(*found);
  socket.waiting.erase(found);
  switch (waiting.what) {
    case What::join: return joined(id, c, waiting, data, nullptr);
    case What::silent: return keep_record(id, c);
    case What::subscribe: {
      std::string said =
          waiting.data.size() > 2 ? waiting.data.substr(0, waiting.data.size() - 1) + ",\"timestamp\":\"" : "{\"timestamp\":\"";
      append_iso_time(said, shard_.now_.wall_ms);
      keep_record(id, c);
      return answer(id, c, waiting, said + "\"}");
    }
    case What::refresh: return answer(id, c, waiting, data);
    case What::event: break;
  }
  answer(id, c, waiting, data);
  const std::string ns = waiting.row->ns.empty() ? socket.view->namespaces.front() : waiting.row->ns;
  if (const std::string room = protocol::fill_template(waiting.row->enters, waiting.data); !room.empty()) {
    protocol::Subscribe enters;
    enters.ns = ns;
    enters.rooms = {room};
    ask(id, c, Waiting{}, std::move(enters));
  }
  if (const std::string room = protocol::fill_template(waiting.row->leaves, waiting.data); !room.empty()) {
    ask(id, c, Waiting{}, protocol::Unsubscribe{ns, {room}});
  }
}

void SocketIoWire::refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  SocketIoSocket& socket = *c.sio();
  auto found = std::find_if(socket.waiting.begin(), socket.waiting.end(),
                            [&](const Waiting& w) { return request && w.request == *request; });
  if (found == socket.waiting.end()) return send_event(id, c, "error", error_payload(fault));
  const Waiting waiting = std::move(*found);
  socket.waiting.erase(found);
  if (waiting.what == What::join) return joined(id, c, waiting, {}, &fault);
  if (waiting.what != What::silent) answer_fault(id, c, waiting, fault);
}

void SocketIoWire::answer(ConnectionId id, Connection& c, const Waiting& waiting, std::string_view data) {
  if (!waiting.row->success.empty()) {
    std::string said = protocol::merge_copied(*waiting.row, waiting.data, data);
    if (waiting.row->stamped && waiting.what != What::subscribe) {
      said.insert(said.size() - 1, said.size() > 2 ? ",\"timestamp\":\"" : "\"timestamp\":\"");
      std::string at;
      append_iso_time(at, shard_.now_.wall_ms);
      said.insert(said.size() - 1, at + '"');
    }
    send_event(id, c, waiting.row->success, said);
  }
  if (waiting.what == What::event) send_event(id, c, waiting.event + ":response", data);
  if (waiting.ack) send_ack(id, c, *waiting.ack, data);
}

void SocketIoWire::answer_fault(ConnectionId id, Connection& c, const Waiting& waiting, const Fault& fault) {
  std::string wrapped = "{\"error\":{";
  append_fault_members(wrapped, fault);
  wrapped += "}}";
  if (waiting.row->failure.empty()) {
    send_event(id, c, "error", error_payload(fault, waiting.event));
  } else {
    std::string error = "{\"error\":" + json_string(fault.message) + ",\"code\":\"" + std::string(name_of(fault.code)) + "\"}";
    send_event(id, c, waiting.row->failure, protocol::merge_copied(*waiting.row, waiting.data, error));
  }
  if (waiting.what == What::event) send_event(id, c, waiting.event + ":response", wrapped);
  if (waiting.ack) send_ack(id, c, *waiting.ack, wrapped);
}

void SocketIoWire::last_words(ConnectionId id, Connection& c, const Fault& fault) {
  if (c.sio()->connected) return send_event(id, c, "error", error_payload(fault));
  std::string said = "{\"message\":";
  append_json_string(said, refusal_message(fault, c.sio()->token_missing));
  said += ",\"data\":{";
  append_fault_members(said, fault);
  said += "}}";
  sio::Outgoing packet;
  packet.type = sio::PacketType::connect_error;
  packet.nsp = c.sio()->nsp;
  packet.first = said;
  say(c.sio()->engine, packet);
}

void SocketIoWire::close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) {
  SocketIoSocket& socket = *c.sio();
  c.peer_closed = true;  // nothing is awaited: it goes when what waits is sent
  if (!socket.connected) {
    shard_.break_later(id.slot);
    return;
  }
  // After a disconnect packet a client stays away; where it may come back, the transport closes and it does by itself.
  const bool stays_away = code == close_code_of(Code::FORBIDDEN) || code == close_code_of(Code::REVOKED) ||
                          code == close_code_of(Code::TENANT_INACTIVE) || code == close_code_of(Code::BAD_REQUEST);
  if (!stays_away) return shard_.engine_io_.close(socket.engine, reason);
  sio::Outgoing packet;
  packet.type = sio::PacketType::disconnect;
  packet.nsp = socket.nsp;
  send(id, c, packet);
}

void SocketIoWire::token_expiring(ConnectionId id, Connection& c, std::int64_t expires_in_s) {
  if (!c.sio()->connected) return;  // it is said behind CONNECT
  send_event(id, c, "token_expiring", "{\"expiresIn\":" + std::to_string(expires_in_s) + "}");
}

void SocketIoWire::append_evicted(std::string& out, const Connection& c, std::string_view ns, std::span<const std::string> rooms,
                                  Code code) {
  std::string said = "{\"namespace\":" + json_string(ns) + ",\"rooms\":[";
  for (const std::string& room : rooms) {
    if (said.back() != '[') said += ',';
    append_json_string(said, room);
  }
  said += "],\"code\":\"" + std::string(name_of(code)) + "\"}";
  sio::Outgoing packet;
  packet.nsp = c.sio()->nsp;
  packet.event = "evicted";
  packet.first = said;
  append_packet(out, packet);
}

void SocketIoWire::append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view) {
  const Shard::FormInfo& info = shard_.forms_[form];
  const std::string& ns = shard_.settings_->namespaces[publication.ns].name;
  protocol::show(*info.view, ns, publication, protocol::all_channels, shown_, [&](const protocol::Shown& shown) {
    sio::Outgoing packet;
    packet.nsp = info.view->socketio_namespace;
    packet.event = shown.name;
    packet.first = shown.data;
    packet.more = shown.more_args;
    if (shown.as_published) packet.attachments = publication.attachments;
    std::string more;
    if (info.offsets) {
      // The reference takes the last string that is the last argument for the offset: so that one always is, where one could be.
      const Position at =
          publication.offset != 0 ? Position{publication.epoch, publication.offset} : shard_.position_of(publication);
      const std::string_view last = last_argument(shown);
      if (publication.offset != 0 || json::kind_of(last) == json::Kind::string) {
        more = shown.more_args;
        if (!more.empty()) more += ',';
        append_json_string(more, offset_text(at));
        packet.more = more;
      }
    }
    append_packet(out, packet);
  });
}

std::string_view SocketIoWire::last_argument(const protocol::Shown& shown) const {
  if (shown.more_args.empty()) return shown.data;
  std::string_view last;
  scratch_ = "[";
  scratch_ += shown.more_args;
  scratch_ += ']';
  json::Walker walker(scratch_);
  while (walker.next()) last = walker.value;
  return last;
}

void SocketIoWire::append_position(std::string& out, std::uint16_t form, NamespaceId, const Position& position) {
  const Shard::FormInfo& info = shard_.forms_[form];
  if (!info.offsets || position.epoch.empty()) return;
  const std::string said = json_string(offset_text(position));
  sio::Outgoing packet;
  packet.nsp = info.view->socketio_namespace;
  packet.event = "position";
  packet.first = said;
  append_packet(out, packet);
}

void SocketIoWire::append_gap(std::string& out, std::uint16_t form, NamespaceId ns, const session::GapRun& gap) {
  std::string said = "{\"namespace\":" + json_string(shard_.settings_->namespaces[ns].name);
  if (!gap.room.empty()) said += ",\"room\":" + json_string(gap.room);
  said += ",\"count\":" + std::to_string(gap.count);
  if (gap.from != 0) said += ",\"from\":" + std::to_string(gap.from) + ",\"to\":" + std::to_string(gap.to);
  said += ",\"reason\":\"" + std::string(session::name_of(gap.reason)) + "\"}";
  sio::Outgoing packet;
  packet.nsp = shard_.forms_[form].view->socketio_namespace;
  packet.event = "gap";
  packet.first = said;
  append_packet(out, packet);
}

}  // namespace sparc::shard
