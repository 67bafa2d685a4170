// Connection state recovery: what a socket held is kept with the broker under its pid, and taken by who comes back with it.

#include <algorithm>

#include "protocol/json_scan.h"
#include "protocol/native/request_writer.h"
#include "shard/shard.h"
#include "shard/socketio_texts.h"
#include "shard/socketio_wire.h"

namespace sparc::shard {

namespace json = protocol::json;

namespace {

std::string record_key(std::string_view pid) { return "socketio/" + std::string(pid); }

}  // namespace

bool SocketIoWire::form_recovers(const Connection& c) const { return shard_.forms_[c.form].offsets; }

void SocketIoWire::read_recovery(Connection& c, std::string_view auth) {
  std::string pid, offset;
  const bool comes_back = form_recovers(c) && !auth.empty() && json::read_string(json::find(auth, "pid"), pid) &&
                          json::read_string(json::find(auth, "offset"), offset);
  if (!comes_back || pid.size() != c.sio()->pid.size) return;
  const auto position = socketio_texts::position_of(offset);
  if (!position) return;
  SocketIoSocket& socket = *c.sio();
  socket.connecting->recovery = std::make_unique<protocol::Join>();
  socket.connecting->recovery->recover = *position;
  socket.connecting->kept_pid = std::move(pid);
}

void SocketIoWire::take_record(ConnectionId id, Connection& c) {
  const broker::Ticket ticket = ++shard_.last_ticket_;
  const std::string pid = c.sio()->connecting->kept_pid;
  shard_.records_.emplace(ticket, [this, id, pid](std::optional<std::string> value) {
    Connection* now = shard_.find(id);
    if (now == nullptr || now->phase != Connection::Phase::active) return put_back(pid, value.value_or(""));
    recover(*now, value);
    join_all(id, *now);
  });
  shard_.parts_.broker.take_record(ticket, record_key(pid));
}

void SocketIoWire::put_back(std::string_view pid, std::string_view record) {
  if (!record.empty()) shard_.parts_.broker.keep_record(record_key(pid), record, record_ttl_ms());
}

void SocketIoWire::on_gone(const Connection& c) {
  // It comes back once more, and knows nothing of this attempt.
  if (const auto& connecting = c.sio()->connecting) put_back(connecting->kept_pid, connecting->kept_record);
}

// Who leaves by itself does not come back to what it had: the record is taken, and nobody waits for it.
void SocketIoWire::forget_record(const Connection& c) {
  if (const auto& connecting = c.sio()->connecting) connecting->kept_record.clear();
  if (const auto& pid = c.sio()->pid; !pid.empty())
    shard_.parts_.broker.take_record(++shard_.last_ticket_, record_key(pid.view()));
}

// A record: sid, user and tenant, each followed by a blank; then a native `join` of what was held, where anything was chosen.
void SocketIoWire::keep_record(const Connection& c) {
  const SocketIoSocket& socket = *c.sio();
  if (socket.pid.empty() || !socket.is_connected() || c.session->namespaces.empty()) return;
  const session::NamespaceState& state = c.session->namespaces.front();
  const Identity& identity = c.session->identity;
  std::string record = std::string(socket.sid.view()) + ' ' + identity.user_id + ' ' + identity.tenant_id + ' ';
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
  const bool chosen = !join.wants.rooms.empty() || !wish.all_topics || !wish.all_values;
  request.command = std::move(join);
  if (chosen) protocol::native::append_request(record, request);
  shard_.parts_.broker.keep_record(record_key(socket.pid.view()), record, record_ttl_ms());
}

void SocketIoWire::prolong_record(const Connection& c) {
  if (const auto& pid = c.sio()->pid; !pid.empty()) shard_.parts_.broker.keep_record(record_key(pid.view()), {}, record_ttl_ms());
}

/// A connected client's record stays with each heartbeat of the session; one that goes has at least recovery_ms.
std::uint32_t SocketIoWire::record_ttl_ms() const {
  const std::uint64_t ttl_ms = std::uint64_t{shard_.settings_->socketio.recovery_ms} + 2ULL * shard_.settings_->ping_interval_ms;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ttl_ms, UINT32_MAX));
}

void SocketIoWire::recover(Connection& c, const std::optional<std::string>& value) {
  SocketIoSocket& socket = *c.sio();
  const auto recovery = std::move(socket.connecting->recovery);
  if (!value) return;
  std::string_view rest = *value;
  auto word = [&] {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    std::string out(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  };
  socket.connecting->kept_sid = word();
  const std::string user = word();
  const std::string tenant = word();
  const Identity& identity = c.session->identity;
  if (user != identity.user_id || tenant != identity.tenant_id) {
    // Not its own: the owner may still come.
    return put_back(socket.connecting->kept_pid, *value);
  }
  protocol::Join held;
  held.wants.ns = socket.view->namespaces.front();
  if (!rest.empty()) {
    auto decoded = shard_.decoder_.text(rest);
    if (decoded.size() != 1 || !decoded.front()) return;
    auto* join = std::get_if<protocol::Join>(&decoded.front()->command);
    if (join == nullptr || join->wants.ns != held.wants.ns) return;
    held = std::move(*join);
  }
  held.recover = recovery->recover;
  socket.connecting->kept_record = *value;
  socket.connecting->recovery = std::make_unique<protocol::Join>(std::move(held));
}

}  // namespace sparc::shard
