// The life of a connection: opened, read, pinged, drained, closed.

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/json_text.h"
#include "protocol/native/codec.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

using Phase = Connection::Phase;

std::optional<ConnectionId> Shard::on_open(Peer peer) {
  if (draining_ && !peer.admin) {
    counters_->handshakes_refused.add();
    return std::nullopt;
  }
  const ConnectionId id = connections_.emplace();
  Connection& c = *find(id);
  c.speaks = std::make_unique<HttpPhase>();
  c.peer = peer;
  c.received_ms = now_.monotonic_ms;
  c.opened_wall_ms = now_.wall_ms;
  c.deadline_ms = now_.monotonic_ms + settings_->limits.http_request_ms;
  counters_->opened.add();
  count_connections();
  fanout_.set_direct_after(id.slot, fanout_.number());
  schedule(id, c);
  return id;
}

std::int64_t Shard::handshake_wait_ms(const Peer& peer) {
  const Limits& limits = settings_->limits;
  // The address first: what one source sends too much takes nothing from the others' bucket.
  if (!peer.exempt && limits.address_handshakes.limited()) {
    const auto source = peer.address.source().bytes;
    if (handshakes_.size() >= limits.handshake_addresses_max && !handshakes_.contains(source)) {
      handshakes_.clear();
      counters_->handshake_addresses_forgotten.add();
    }
    if (const std::int64_t wait = handshakes_[source].take(limits.address_handshakes, now_.monotonic_ms); wait != 0) return wait;
  }
  return node_handshakes_.take(limits.node_handshakes, now_.monotonic_ms);
}

void Shard::on_bytes(ConnectionId id, std::span<char> bytes) {
  Connection* c = find(id);
  if (c == nullptr) return;
  counters_->bytes_in.add(bytes.size());
  c->received_ms = now_.monotonic_ms;
  if (c->phase == Phase::http) {
    on_http_bytes(id, *c, bytes);
  } else {
    on_websocket_bytes(id, *c, bytes);
  }
}

/// What a connection's receiver delivers goes back to the shard that reads it.
struct MessageHandler final : ws::ReceiverHandler {
  Shard& shard;
  ConnectionId id;
  MessageHandler(Shard& s, ConnectionId i) : shard(s), id(i) {}

  ws::Flow on_message(ws::MessageType type, std::string_view payload) override {
    Connection& c = *shard.find(id);
    shard.counters_->messages_in.add();
    if (c.phase != Phase::closing) shard.on_message(id, c, type, payload);
    return ws::Flow::go_on;
  }
  ws::Flow on_ping(std::string_view payload) override {
    Connection& c = *shard.find(id);
    if (c.phase == Phase::closing) return ws::Flow::go_on;
    std::string frame;
    ws::append_pong_frame(frame, payload);
    shard.control_raw(id.slot, c, frame);
    return ws::Flow::go_on;
  }
  ws::Flow on_pong(std::string_view) override { return ws::Flow::go_on; }
  void on_close(std::uint16_t code, std::string_view) override {
    Connection& c = *shard.find(id);
    c.peer_closed = true;
    if (c.phase != Phase::closing) {
      shard.close(id, c, code == static_cast<std::uint16_t>(ws::CloseCode::no_status) ? 1000 : code, "client closed");
    }
    shard.mark_dirty(id.slot, c);
    shard.outbox(c, id.slot);
  }
};

void Shard::on_websocket_bytes(ConnectionId id, Connection& c, std::span<char> bytes) {
  if (c.peer_closed || c.broken) return;
  MessageHandler handler(*this, id);
  // Between messages a receiver holds nothing that the connection does not know.
  std::optional<ws::Receiver> fresh;
  if (!c.receiver) {
    const bool deflate = c.dialect == Connection::Dialect::sparc && c.form == native_deflate;
    fresh.emplace(ws::Role::server, deflate ? ws::Compression::deflate : ws::Compression::none,
                  c.dialect == Connection::Dialect::carrier ? engine_io_.receiver_options() : receiver_options_);
  }
  ws::Receiver& receiver = fresh ? *fresh : *c.receiver;
  const ws::Receiver::Fed fed = receiver.feed(bytes, handler);
  const bool goes_on = fed.status == ws::Receiver::Status::more && receiver.partial();
  if (!goes_on) {
    c.receiver.reset();
  } else if (fresh) {
    c.receiver = std::make_unique<ws::Receiver>(std::move(*fresh));
  }
  if (fed.status == ws::Receiver::Status::fault) {
    counters_->protocol_errors.add();
    c.peer_closed = true;  // nothing more is read: the receiver is spent
    const auto code = static_cast<std::uint16_t>(fed.fault.code);
    if (c.phase != Phase::closing) close(id, c, code, fed.fault.detail);
  }
}

void Shard::on_writable(ConnectionId id) {
  Connection* c = find(id);
  if (c == nullptr || !c->outbox) return;
  c->outbox->blocked = false;
  mark_dirty(id.slot, *c);
}

void Shard::on_closed(ConnectionId id, std::string_view reason) {
  if (Connection* c = find(id)) remove(id, *c, reason);
}

void Shard::break_later(std::uint32_t slot) {
  Connection* c = connections_.at_slot(slot);
  if (c == nullptr || c->broken) return;
  c->broken = true;
  broken_.push_back(connections_.id_of(slot));
}

void Shard::fail(ConnectionId id, Connection& c, const Fault& fault, std::uint16_t close_code) {
  counters_->errors_by_code[static_cast<std::size_t>(fault.code)].add();
  wire(c).last_words(id, c, fault);
  close(id, c, close_code, fault.message);
}

Connection::Connection() = default;
Connection::~Connection() = default;
SocketIoSocket* Connection::sio() const {
  return dialect == Dialect::socketio ? static_cast<SocketIoSocket*>(speaks.get()) : nullptr;
}
RawWsPeer* Connection::rawws() const { return dialect == Dialect::rawws ? static_cast<RawWsPeer*>(speaks.get()) : nullptr; }

Wire& Shard::wire(const Connection& c) {
  switch (c.dialect) {
    case Connection::Dialect::socketio: return socketio_wire_;
    case Connection::Dialect::rawws: return rawws_wire_;
    case Connection::Dialect::carrier:  // for its close frame: that of any WebSocket
    case Connection::Dialect::sparc: break;
  }
  return native_wire_;
}

void Shard::close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason) {
  if (c.phase == Phase::closing) return;
  if (c.phase == Phase::carrier) engine_io_.on_gone(id, c);
  end_session(id, c, reason);
  c.phase = Phase::closing;
  wire(c).close(id, c, code, reason);
  c.deadline_ms = now_.monotonic_ms + settings_->limits.close_ms;
  schedule(id, c);
}

void Shard::end_session(ConnectionId id, Connection& c, std::string_view reason) {
  if (!c.session) return;
  end_asks_of(id, std::nullopt);
  session::Session& session = *c.session;
  if (session.kind == session::Session::Kind::service) parts_.host.service_gone(id);
  for (session::NamespaceState& state : session.namespaces) {
    parts_.host.client_disconnected(client_info(id, c), state.ns, reason);
    leave_rooms(state);
    wishes_[state.ns]->release(state.wish);
    counters_->namespaces[state.ns].connections.set(counters_->namespaces[state.ns].connections.get() - 1);
    if (c.outbox) c.outbox->drop_lane(state.ns);
  }
  session.namespaces.clear();
  if (c.announced) {
    c.announced = false;
    counters_->sessions.set(counters_->sessions.get() - 1);
    if (session.kind == session::Session::Kind::user) {
      parts_.host.client_gone(id);
      parts_.host.release(session.identity);
      if (!session.identity.anonymous) {
        parts_.broker.detached(broker::IdKind::user, session.identity.user_id, session.identity.tenant_id);
        if (!session.identity.organization_id.empty()) {
          parts_.broker.detached(broker::IdKind::organization, session.identity.organization_id, session.identity.tenant_id);
        }
      }
    }
  }
  session.kind = session::Session::Kind::nobody;
}

void Shard::remove(ConnectionId id, Connection& c, std::string_view reason) {
  end_session(id, c, reason);
  if (c.sio()) {
    socketio_wire_.on_gone(c);
    engine_io_.socket_gone(c.engine, id);
    counters_->socketio_sockets.set(counters_->socketio_sockets.get() - 1);
  } else {
    engine_io_.on_gone(id, c);
  }
  release_form(c.form);
  (void)timers_.cancel(c.timer);
  connections_.erase(id);
  counters_->closed.add();
  count_connections();
}

void Shard::schedule(ConnectionId id, Connection& c) {
  std::int64_t at = INT64_MAX;
  if (c.deadline_ms != 0) at = std::min(at, c.deadline_ms);
  if (c.phase == Phase::active) {
    at = std::min(at, c.next_ping_ms);
    if (c.leave_ms != 0) at = std::min(at, c.leave_ms);
    const std::int64_t expires = c.session->service ? c.session->service->expires_ms : c.session->identity.expires_ms;
    if (expires != 0) {
      const std::int64_t left = expires - now_.wall_ms;
      const std::int64_t told = c.session->expiry_announced ? left : left - settings_->token_expiring_ms;
      at = std::min(at, now_.monotonic_ms + std::max<std::int64_t>(told, 0));
    }
  }
  (void)timers_.cancel(c.timer);
  c.timer = TimerId::none;
  if (at != INT64_MAX) c.timer = timers_.schedule(std::max<std::int64_t>(at - now_.monotonic_ms, 1), id.packed());
}

void Shard::on_timer(ConnectionId id) {
  Connection* c = find(id);
  if (c == nullptr || c->broken) return;
  c->timer = TimerId::none;
  const bool due = c->deadline_ms != 0 && c->deadline_ms <= now_.monotonic_ms;
  switch (c->phase) {
    case Phase::http:
      if (due && !refuse_late_request(id, *c)) break_later(id.slot);
      break;
    case Phase::unknown:
      if (due) fail(id, *c, {Code::UNAUTHENTICATED, "no identity came within limits.auth_ms"}, 1008);
      break;
    case Phase::closing:
      if (due) break_later(id.slot);
      break;
    case Phase::active: on_active_timer(id, *c); break;
    case Phase::carrier: break;  // its session has its own timers
  }
  if (!c->broken && c->timer == TimerId::none) schedule(id, *c);
}

void Shard::on_active_timer(ConnectionId id, Connection& c) {
  const std::int64_t now = now_.monotonic_ms;
  if (c.leave_ms != 0 && c.leave_ms <= now) {
    return close(id, c, 1012, "the server is restarting; reconnect");
  }
  if (c.deadline_ms != 0 && c.deadline_ms <= now) {
    if (c.received_ms < c.deadline_ms - settings_->ping_timeout_ms) {
      counters_->timeouts.add();
      remove_later(id, c, "ping timeout");
      return;
    }
    c.deadline_ms = 0;
  }
  const std::int64_t expires = c.session->service ? c.session->service->expires_ms : c.session->identity.expires_ms;
  if (expires != 0) {
    const std::int64_t left = expires - now_.wall_ms;
    if (left <= 0) return expire(id, c);
    if (left <= settings_->token_expiring_ms && !c.session->expiry_announced) {
      c.session->expiry_announced = true;
      wire(c).token_expiring(id, c, left / 1000);
    }
  }
  if (c.next_ping_ms <= now) send_ping(id, c);
}

void Shard::expire(ConnectionId id, Connection& c) {
  const protocol::View* view = wire(c).view(c);
  if (view == nullptr || view->on_expiry == protocol::View::OnExpiry::close)
    return fail(id, c, {Code::TOKEN_EXPIRED, "the token has expired"});
  counters_->kept_expired.add();
  c.session->identity.expires_ms = 0;  // until a refresh brings a new one
}

void Shard::remove_later(ConnectionId id, Connection& c, std::string_view reason) {
  end_session(id, c, reason);
  break_later(id.slot);
}

void Shard::send_ping(ConnectionId id, Connection& c) {
  const bool awaited = wire(c).ping(id, c);
  if (c.phase != Phase::active) return;
  send_positions(c, id.slot, now_.monotonic_ms - settings_->ping_interval_ms);
  if (awaited) {
    // The deadline is that of the first ping that is unanswered: where the timeout is longer than the interval, others follow it.
    const bool waiting = c.deadline_ms != 0 && c.received_ms < c.deadline_ms - settings_->ping_timeout_ms;
    if (!waiting) c.deadline_ms = now_.monotonic_ms + settings_->ping_timeout_ms;
  }
  c.next_ping_ms = now_.monotonic_ms + settings_->ping_interval_ms;
}

void Shard::send_positions(Connection& c, std::uint32_t slot, std::int64_t since_ms) {
  for (const session::NamespaceState& state : c.session->namespaces) {
    hub::Stream& stream = hub_.stream_at(state.stream);
    if (!settings_->namespaces[state.ns].history || fanout_.grown_ms(stream) < since_ms) continue;
    const Position served = fanout_.served(stream);
    // What is still being fanned out, or was missed, may already have reached this connection by history: a position never goes back.
    if (served.epoch.empty() || served != fanout_.received(stream) || info(stream).behind) continue;
    const session::Lane* lane = c.outbox ? c.outbox->find_lane(state.ns) : nullptr;
    if (lane != nullptr && (lane->catching_up() || lane->has_frames())) continue;
    push(slot, state.ns, position_entry(c, state.ns, served));
  }
}

std::int64_t Shard::end_of_turn() {
  served_.clear();
  timers_.advance(now_.monotonic_ms, [this](std::uint64_t token) { on_timer(ConnectionId::unpack(token)); });
  if (now_.monotonic_ms - last_tick_ms_ >= 1000) {
    last_tick_ms_ = now_.monotonic_ms;
    counters_->outbox_bytes.set(frames_.bytes);
    constexpr std::int64_t lease_idle_ms = 600'000;
    absl::erase_if(
        leases_, [&](const auto& item) { return now_.monotonic_ms - item.second.used_ms > lease_idle_ms && !item.second.asked; });
  }
  end_late_asks();
  engine_io_.advance(now_.monotonic_ms);
  close_slow();
  flush_dirty();  // answers first: they are small, and a fan-out may be long
  bool more = fanout_.run(now_, settings_->limits.fanout_slice_sends) == fanout::Fanout::Run::more;
  counters_->direct_events.set(fanout_.direct_events());
  close_slow();
  flush_dirty();
  std::vector<std::pair<ConnectionId, NamespaceId>> refills = std::move(refills_);
  refills_.clear();
  for (const auto& [id, ns] : refills) refill(id, ns);
  engine_io_.end_of_turn();
  std::vector<ConnectionId> broken = std::move(broken_);
  broken_.clear();
  for (const ConnectionId id : broken) {
    Connection* c = find(id);
    if (c == nullptr) continue;
    if (!c->sio()) parts_.transport.close(id);
    remove(id, *c, "connection closed");
  }
  if (!idle_streams_.empty()) release_idle_streams();
  shed_if_over_budget();
  more = more || !dirty_.empty() || !refills_.empty() || !broken_.empty();
  if (more) return 0;
  std::int64_t due =
      std::min({timers_.next_deadline(), engine_io_.next_deadline(), asked_.next_deadline(), last_tick_ms_ + 1000});
  if (const auto batch = fanout_.next_due()) due = std::min(due, *batch);
  return due;
}

void Shard::drain(std::uint32_t window_ms) {
  if (draining_) return;
  draining_ = true;
  drain_end_ms_ = now_.monotonic_ms + window_ms;
  engine_io_.close_unused("server shutting down");
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.peer.admin) return;
    if (c.phase == Phase::http) {
      if (c.http()->exchanges.empty()) break_later(id.slot);
      c.http()->closing = true;
      return;
    }
    if (c.phase == Phase::carrier) return;  // goes with its sockets
    if (c.phase == Phase::unknown) return close(id, c, 1012, "the server is restarting; reconnect");
    if (c.phase != Phase::active) return;
    // Services leave last, so that clients' events still find them.
    const bool service = c.session->kind == session::Session::Kind::service;
    const std::uint32_t after = service ? window_ms : static_cast<std::uint32_t>(parts_.entropy.below(window_ms * 3 / 4 + 1));
    c.leave_ms = now_.monotonic_ms + std::max<std::uint32_t>(after, 1);
    wire(c).reconnect(id, c, after, "drain");
    if (c.phase == Phase::active) schedule(id, c);
  });
}

bool Shard::drained() {
  if (!draining_) return false;
  bool left = true;
  connections_.for_each([&](ConnectionId, Connection& c) { left = left && c.peer.admin; });
  return left;
}

std::string Shard::public_id(ConnectionId id) const {
  char tail[32];
  std::snprintf(tail, sizeof tail, "-%02x%08x%08x", parts_.index, id.generation, id.slot);
  return parts_.node_id + tail;
}

ConnectionId Shard::from_public_id(std::string_view text) const {
  const std::string prefix = public_id({0, 0}).substr(0, parts_.node_id.size() + 3);
  if (text.size() != prefix.size() + 16 || !text.starts_with(prefix)) return {};
  ConnectionId id{0, 0};
  const char* digits = text.data() + prefix.size();
  const auto a = std::from_chars(digits, digits + 8, id.generation, 16);
  const auto b = std::from_chars(digits + 8, digits + 16, id.slot, 16);
  return a.ptr == digits + 8 && b.ptr == digits + 16 ? id : ConnectionId{};
}

ClientInfo Shard::client_info(ConnectionId id, const Connection& c) {
  const Identity& identity = c.session->identity;
  ClientInfo out{public_id(id),          identity.user_id,
                 identity.tenant_id,     identity.organization_id,
                 identity.roles.names(), {},
                 c.opened_wall_ms,       now_.wall_ms - (now_.monotonic_ms - c.received_ms),
                 c.peer.address.text()};
  for (const session::NamespaceState& state : c.session->namespaces) {
    out.subscriptions.emplace_back(settings_->namespaces[state.ns].name, rooms_of(state));
  }
  return out;
}

void Shard::for_each_client(const std::function<void(const ClientInfo&)>& visit) {
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.phase == Phase::active && c.session->kind == session::Session::Kind::user) visit(client_info(id, c));
  });
}

void Shard::for_each_room(const std::function<void(const RoomInfo&)>& visit) {
  hub_.for_each_room([&](const hub::Room& room) {
    visit({settings_->namespaces[room.stream->key.ns].name, room.stream->key.tenant, room.name, room.size});
  });
}

std::size_t Shard::disconnect(Match match, std::string_view text, std::string_view tenant, Code code, std::string_view reason) {
  std::vector<ConnectionId> found;
  const ConnectionId wanted = match == Match::connection ? from_public_id(text) : ConnectionId{};
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.phase != Phase::active || c.session->kind != session::Session::Kind::user) return;
    const Identity& identity = c.session->identity;
    if (!tenant.empty() && identity.tenant_id != tenant) return;
    const bool hit = match == Match::connection ? id == wanted
                     : match == Match::user     ? identity.user_id == text
                                                : identity.tenant_id == text;
    if (hit) found.push_back(id);
  });
  for (const ConnectionId id : found) fail(id, *find(id), {code, std::string(reason)});
  return found.size();
}

std::size_t Shard::close_revoked() {
  std::vector<ConnectionId> found;
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.phase != Phase::active) return;
    const bool revoked = c.session->service ? is_revoked(*c.session->service) : parts_.host.revoked(c.session->identity);
    if (revoked) found.push_back(id);
  });
  for (const ConnectionId id : found) fail(id, *find(id), {Code::REVOKED, "the token was revoked"});
  return found.size();
}

std::vector<PresenceEntry> Shard::presence_of(const StreamKey& key, std::string_view name) {
  std::vector<PresenceEntry> users;
  hub::Stream* stream = hub_.find_stream(key);
  hub::Room* room = stream == nullptr ? nullptr : hub_.find_room(*stream, name);
  if (room == nullptr) return users;
  absl::flat_hash_map<std::string, std::size_t> index;
  for (const auto& group : room->groups) {
    for (const hub::Member& member : group->members) {
      Connection* c = member.slot == hub::Member::tombstone ? nullptr : connections_.at_slot(member.slot);
      if (c == nullptr || !c->session) continue;
      auto since = present_since_.find(member.membership);
      const std::int64_t at = since == present_since_.end() ? c->opened_wall_ms : since->second;
      auto [found, fresh] = index.try_emplace(c->session->identity.user_id, users.size());
      if (fresh) users.push_back({c->session->identity.user_id, 0, at});
      PresenceEntry& entry = users[found->second];
      ++entry.connections;
      entry.since_ms = std::min(entry.since_ms, at);
    }
  }
  return users;
}

}  // namespace sparc::shard
