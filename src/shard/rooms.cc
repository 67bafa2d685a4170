// join, leave, subscribe, unsubscribe: what a connection holds in a namespace.

#include <algorithm>

#include "base/json_text.h"
#include "protocol/room_name.h"
#include "shard/shard.h"

namespace sparc::shard {

using protocol::RoomKind;

Shard::StreamInfo& Shard::info(const hub::Stream& stream) {
  if (stream.index >= streams_.size()) streams_.resize(stream.index + 1);
  return streams_[stream.index];
}

Shard::RoomDecision Shard::check_room(const Connection& c, NamespaceId ns, std::string_view name) {
  RoomDecision decision;
  auto deny = [&](Code code, std::string text) {
    decision.outcome = RoomDecision::Outcome::deny;
    decision.fault = {code, std::move(text)};
    if (decision.name.empty()) decision.name = name;
    return decision;
  };
  auto parsed = protocol::parse_room(name, settings_->limits.room_name_bytes_max);
  if (!parsed) return deny(parsed.error().code, parsed.error().message);
  decision.name = parsed->name;
  const Identity& identity = c.session->identity;
  if (!parsed->tenant.empty() && parsed->tenant != identity.tenant_id) {
    parts_.host.audit("room of another tenant refused", c.peer, identity, name);
    return deny(Code::FORBIDDEN, "room " + json_string(name) + " belongs to another tenant");
  }
  decision.is_public = settings_->is_public_room(parsed->name);
  decision.ticket = ++last_ticket_;
  const auth::Decision allowed = authorizer_->check_room(identity, settings_->namespaces[ns].name, parsed->name, decision.ticket);
  switch (allowed.outcome) {
    case auth::Decision::Outcome::allow: break;
    case auth::Decision::Outcome::held: decision.outcome = RoomDecision::Outcome::held; break;
    case auth::Decision::Outcome::pending: decision.outcome = RoomDecision::Outcome::pending; break;
    case auth::Decision::Outcome::deny: return deny(allowed.fault.code, allowed.fault.message);
  }
  return decision;
}

auth::Decision Shard::may_enter(const Connection& c, std::string_view ns) const {
  if (c.anonymous != nullptr &&
      std::find(c.anonymous->namespaces.begin(), c.anonymous->namespaces.end(), ns) == c.anonymous->namespaces.end()) {
    return {auth::Decision::Outcome::deny, {Code::FORBIDDEN, "without a token this namespace is not open"}, {}};
  }
  return authorizer_->check_join_namespace(c.session->identity, ns);
}

void Shard::wait_for_owner(auth::Ticket ticket, ConnectionId id, Connection& c, protocol::Request request) {
  c.session->begin_wait(session::namespace_of(request.command));
  awaiting_owner_.emplace(ticket, AwaitingOwner{id, std::move(request)});
}

void Shard::owner_known(auth::Ticket ticket) {
  auto found = awaiting_owner_.find(ticket);
  if (found == awaiting_owner_.end()) return;
  AwaitingOwner waiting = std::move(found->second);
  awaiting_owner_.erase(found);
  Connection* c = find(waiting.id);
  if (c == nullptr || c->phase != Connection::Phase::active) return;
  c->session->end_wait(session::namespace_of(waiting.request.command));
  handle(waiting.id, *c, std::move(waiting.request));
  resume(waiting.id);
}

void Shard::on_join(ConnectionId id, Connection& c, protocol::Request request) {
  const auto& join = std::get<protocol::Join>(request.command);
  session::Session& session = *c.session;
  const auto ns = settings_->find_namespace(join.wants.ns);
  if (!ns) return refuse(id, c, request.id, unknown_namespace(*settings_, join.wants.ns));
  const auto burst = static_cast<std::uint32_t>(2 * settings_->namespaces.size());
  if (const std::int64_t wait = session.joins.take({burst, burst * 1000}, now_.monotonic_ms); wait != 0) {
    counters_->rate_limited.add();
    return refuse(id, c, request.id, {Code::RATE_LIMITED, "too many joins on this connection", wait});
  }
  if (session.find(*ns) != nullptr) {
    if (join.recover) {
      return refuse(id, c, request.id,
                    {Code::BAD_REQUEST, "\"recover\" is for the first join of a namespace; this connection is in it"});
    }
    return on_subscribe(id, c, std::move(request));
  }
  if (const auto allowed = may_enter(c, join.wants.ns); !allowed.allowed()) return refuse(id, c, request.id, allowed.fault);
  if (session.namespaces.size() >= settings_->limits.connection_namespaces_max) {
    return refuse(
        id, c, request.id,
        {Code::BAD_REQUEST, "this connection is in as many namespaces as it may be (limits.connection_namespaces_max)"});
  }
  Joining joining;
  for (const std::string& name : join.wants.rooms) {
    RoomDecision decision = check_room(c, *ns, name);
    if (decision.outcome == RoomDecision::Outcome::pending) return wait_for_owner(decision.ticket, id, c, std::move(request));
    if (decision.outcome == RoomDecision::Outcome::deny) {
      joining.denied.emplace_back(decision.name, decision.fault.code);
    } else {
      joining.rooms.push_back(std::move(decision));
    }
  }
  auto wish =
      protocol::apply({}, join.wants.topics, join.wants.filters, settings_->namespaces[*ns].vocabulary, settings_->limits);
  if (!wish) return refuse(id, c, request.id, wish.error());
  joining.wish = std::move(*wish);
  joining.id = id;
  joining.request = request.id;
  joining.ns = *ns;
  joining.recover = join.recover;
  joining.stream = &hub_.stream({*ns, session.identity.tenant_id});
  ++joining.stream->holders;
  session.begin_wait(join.wants.ns);
  enter_stream(std::move(joining));
}

void Shard::enter_public(NamespaceId ns, std::move_only_function<void()> then) {
  hub::Stream& stream = hub_.stream({ns, ""});
  ++stream.holders;
  info(stream).entered = true;
  const broker::Ticket ticket = ++last_ticket_;
  entered_.emplace(ticket, [this, &stream, then = std::move(then)](broker::StreamState) mutable {
    info(stream).known = true;
    then();
    --stream.holders;
    idle_streams_.push_back(stream.index);
  });
  const StreamKey key = stream.key;
  parts_.broker.enter(ticket, key);
}

void Shard::enter_stream(Joining joining) {
  const bool has_public =
      std::any_of(joining.rooms.begin(), joining.rooms.end(), [](const RoomDecision& room) { return room.is_public; });
  if (has_public && joining.open_to_all == nullptr) {
    joining.open_to_all = &hub_.stream({joining.ns, ""});
    ++joining.open_to_all->holders;
  }
  if (has_public && !info(*joining.open_to_all).known) {
    const NamespaceId ns = joining.ns;
    return enter_public(ns, [this, joining = std::move(joining)]() mutable { enter_stream(std::move(joining)); });
  }
  hub::Stream& stream = *joining.stream;
  auto then = [this](Joining j) {
    const bool has_history = settings_->namespaces[j.ns].history;
    if (!j.recover || j.recover->epoch.empty() || !has_history || !available_) return finish_join(std::move(j), std::nullopt);
    const broker::Ticket ticket = ++last_ticket_;
    const StreamKey key = j.stream->key;
    const Position since = *j.recover;
    history_.emplace(ticket,
                     [this, j = std::move(j)](broker::HistoryPart part) mutable { finish_join(std::move(j), std::move(part)); });
    parts_.broker.read(ticket, key, since, broker::ReadLimits{});
  };
  if (info(stream).known && !info(stream).behind) return then(std::move(joining));
  const broker::Ticket ticket = ++last_ticket_;
  info(stream).entered = true;
  const StreamKey key = stream.key;
  entered_.emplace(ticket, [this, then, joining = std::move(joining)](broker::StreamState state) mutable {
    hub::Stream& entered = *joining.stream;
    if (state.available) {
      StreamInfo& known = info(entered);
      known.known = true;
      known.behind = false;
      const Position received = fanout_.received(entered);
      if (received.epoch != state.position.epoch && entered.members != 0) {
        fanout_.announce_position(entered, state.position, now_);
      } else if (received.epoch != state.position.epoch || received.offset < state.position.offset) {
        fanout_.set_received(entered, state.position);
      }
    }
    then(std::move(joining));
  });
  parts_.broker.enter(ticket, key);
}

void Shard::release_streams(const Joining& joining) {
  for (hub::Stream* stream : {joining.stream, joining.open_to_all}) {
    if (stream == nullptr) continue;
    --stream->holders;
    idle_streams_.push_back(stream->index);
  }
}

void Shard::finish_join(Joining joining, std::optional<broker::HistoryPart> part) {
  Connection* c = find(joining.id);
  if (c == nullptr || c->phase != Connection::Phase::active) return release_streams(joining);
  const NamespaceSettings& ns = settings_->namespaces[joining.ns];
  session::Session& session = *c->session;
  const bool recovered = part && part->reach == broker::HistoryPart::Reach::reached;
  if (c->sio() != nullptr && joining.recover &&
      !recovered) {  // such a client believes that it begins anew, without rooms and filters
    joining.rooms.clear();
    joining.wish = {};
  }
  auto wish_id = wishes_[joining.ns]->acquire(joining.wish, session.identity.tenant_id, settings_->limits);
  if (!wish_id) {
    release_streams(joining);
    refuse(joining.id, *c, joining.request, wish_id.error());
    session.end_wait(ns.name);
    return resume(joining.id);
  }
  session.namespaces.push_back({joining.ns, *wish_id, joining.stream->index, 0, 0});
  ++joining.stream->holders;  // until leave_rooms, also where it loses every room
  session::NamespaceState& state = session.namespaces.back();
  hub::Stream& stream = *joining.stream;
  const std::uint32_t slot = joining.id.slot;
  add_identity_rooms(slot, *c, state);
  std::size_t held_rooms = 0;
  for (const auto& other : session.namespaces) held_rooms += chosen_rooms(other);
  for (const RoomDecision& room : joining.rooms) {
    if (room.outcome == RoomDecision::Outcome::held) continue;
    if (held_rooms++ >= settings_->limits.connection_rooms_max) {
      joining.denied.emplace_back(room.name, Code::BAD_REQUEST);
    } else {
      add_room(slot, *c, state, room.name, room.is_public);
    }
  }
  release_streams(joining);
  counters_->namespaces[joining.ns].connections.add();

  const Position current = fanout_.received(stream);
  const bool replays = recovered && (!part->complete || !part->entries.empty());
  std::string data = "{" + held_json(state);
  if (joining.recover) data += recovered ? ",\"recovered\":true" : ",\"recovered\":false";
  const Position& position = recovered ? *joining.recover : current;
  state.level = session::LevelMark(position);
  data += ",\"position\":{\"epoch\":";
  append_json_string(data, position.epoch);
  data += ",\"offset\":" + std::to_string(position.offset) + "}";
  if (replays) data += ",\"until\":" + std::to_string(std::max(current.offset, part->next.offset));
  if (!joining.denied.empty()) {
    data += ",\"denied\":[";
    for (const auto& [room, code] : joining.denied) {
      if (data.back() != '[') data += ',';
      data += "{\"room\":" + json_string(room) + ",\"code\":\"" + std::string(name_of(code)) + "\"}";
    }
    data += "]";
  }
  data += "}";
  reply(joining.id, *c, joining.request, data);
  if (replays) {
    session::Lane& lane = outbox(*c, slot).lane(lane_settings(joining.ns));
    lane.until = std::max(current.offset, part->next.offset);
    lane.begin_catch_up(*joining.recover);
    take_part(slot, *c, state, lane, *part);
  } else if (info(stream).behind && !position.epoch.empty()) {  // the broker is away: what was missed comes when it is back
    outbox(*c, slot).lane(lane_settings(joining.ns)).begin_catch_up(position);
  }
  if (!available_ && info(stream).gap_announced) {
    session::Entry gap;
    gap.kind = session::Entry::Kind::gap;
    gap.gap = std::make_unique<session::GapRun>();
    gap.gap->reason = session::GapReason::broker;
    push(slot, joining.ns, std::move(gap));
  }
  send_latest(joining.id, joining.ns, rooms_of(state));
  parts_.host.client_connected(client_info(joining.id, *c), joining.ns);
  session.end_wait(ns.name);
  resume(joining.id);
}

void Shard::add_room(std::uint32_t slot, Connection& c, session::NamespaceState& state, std::string_view room, bool is_public) {
  hub::Stream& stream = is_public ? hub_.stream({state.ns, ""}) : hub_.stream_at(state.stream);
  if (hub_.find(state.rooms, stream, room) != nullptr) return;
  if (is_public && !info(stream).entered) {
    info(stream).entered = true;
    parts_.broker.enter(0, stream.key);
  }
  const std::uint32_t membership = hub_.join(state.rooms, stream, room, slot, {state.wish, c.form}, fanout_.number());
  if (c.outbox == nullptr) fanout_.set_direct_after(slot, fanout_.number());
  const auth::RoomRule* rule = authorizer_->policy().room_rule(settings_->namespaces[state.ns].name, room);
  if (rule != nullptr && rule->presence) present_since_[membership] = now_.wall_ms;
}

void Shard::add_identity_rooms(std::uint32_t slot, Connection& c, session::NamespaceState& state) {
  if (!wire(c).gate_open(c)) return;
  const Identity& identity = c.session->identity;
  const bool custom = settings_->namespaces[state.ns].room_strategy == RoomStrategy::custom;
  if (!custom) {
    add_room(slot, c, state, "tenant:" + identity.tenant_id, false);
    if (!identity.organization_id.empty()) add_room(slot, c, state, "org:" + identity.organization_id, false);
  }
  if (!identity.anonymous) add_room(slot, c, state, "user:" + identity.user_id, false);
  if (custom) return;
  for (const std::string_view role : identity.roles) {
    if (valid_id(role)) add_room(slot, c, state, "role:" + std::string(role), false);
  }
}

std::vector<std::string> Shard::rooms_of(const session::NamespaceState& state) {
  std::vector<std::string> names;
  hub_.for_each(state.rooms, [&](const hub::Membership& m) { names.push_back(m.room->name); });
  std::reverse(names.begin(), names.end());
  return names;
}

std::size_t Shard::chosen_rooms(const session::NamespaceState& state) {
  std::size_t count = 0;
  hub_.for_each(state.rooms, [&](const hub::Membership& m) { count += auth::has_reserved_prefix(m.room->name) ? 0 : 1; });
  return count;
}

std::string Shard::held_json(const session::NamespaceState& state) {
  std::string out = "\"rooms\":[";
  for (const std::string& room : rooms_of(state)) {
    if (out.back() != '[') out += ',';
    append_json_string(out, room);
  }
  out += "],\"topics\":{";
  const protocol::FilterVocabulary& vocabulary = settings_->namespaces[state.ns].vocabulary;
  auto append_list = [&](const std::string& name, const std::vector<std::string>& items) {
    if (out.back() != '{') out += ',';
    append_json_string(out, name);
    out += ":[";
    for (const std::string& item : items) {
      if (out.back() != '[') out += ',';
      append_json_string(out, item);
    }
    out += ']';
  };
  for (const protocol::Topic& topic : vocabulary.topics) append_list(topic.name, topic.patterns);
  out += "},\"fields\":{";
  for (const protocol::FilterField& field : vocabulary.fields) append_list(field.name, field.paths);
  out += "}";
  return out;
}

void Shard::on_subscribe(ConnectionId id, Connection& c, protocol::Request request) {
  auto* join = std::get_if<protocol::Join>(&request.command);
  protocol::Subscribe& wants = join != nullptr ? join->wants : std::get<protocol::Subscribe>(request.command);
  session::NamespaceState* state = joined(id, c, request.id, wants.ns);
  if (state == nullptr || !within_rates(id, c, request.id, state->ns)) return;
  // Joined once, and lost since: by a refresh, a reload.
  if (const auto allowed = may_enter(c, wants.ns); !allowed.allowed()) return refuse(id, c, request.id, allowed.fault);
  std::vector<RoomDecision> rooms;
  std::vector<std::pair<std::string, Code>> denied;
  for (const std::string& name : wants.rooms) {
    RoomDecision decision = check_room(c, state->ns, name);
    if (decision.outcome == RoomDecision::Outcome::pending) return wait_for_owner(decision.ticket, id, c, std::move(request));
    if (decision.outcome != RoomDecision::Outcome::deny) {
      rooms.push_back(std::move(decision));
    } else if (join != nullptr) {
      denied.emplace_back(decision.name, decision.fault.code);
    } else {
      return refuse(id, c, request.id, decision.fault);
    }
  }
  if (std::any_of(rooms.begin(), rooms.end(), [](const RoomDecision& room) { return room.is_public; }) &&
      !info(hub_.stream({state->ns, ""})).known) {
    c.session->begin_wait(wants.ns);
    const NamespaceId ns = state->ns;
    return enter_public(ns, [this, id, request = std::move(request)]() mutable {
      Connection* to = find(id);
      if (to == nullptr || to->phase != Connection::Phase::active) return;
      to->session->end_wait(session::namespace_of(request.command));
      handle(id, *to, std::move(request));
      resume(id);
    });
  }
  std::size_t held = 0;
  for (const auto& other : c.session->namespaces) held += chosen_rooms(other);
  for (const RoomDecision& room : rooms) {
    if (room.outcome == RoomDecision::Outcome::held) continue;
    const hub::Stream* stream = room.is_public ? hub_.find_stream({state->ns, ""}) : &stream_of(*state);
    held += stream != nullptr && hub_.find(state->rooms, *stream, room.name) != nullptr ? 0 : 1;
  }
  if (held > settings_->limits.connection_rooms_max) {
    return refuse(id, c, request.id,
                  {Code::BAD_REQUEST, "a connection may hold " + std::to_string(settings_->limits.connection_rooms_max) +
                                          " rooms (limits.connection_rooms_max)"});
  }
  auto& table = *wishes_[state->ns];
  bool held_back = false;  // values that waited for an interval of the class which is left
  if (wants.topics.present() || wants.filters.present()) {
    auto wish = protocol::apply(table.at(state->wish), wants.topics, wants.filters, settings_->namespaces[state->ns].vocabulary,
                                settings_->limits);
    if (!wish) return refuse(id, c, request.id, wish.error());
    auto acquired = table.acquire(*wish, c.session->identity.tenant_id, settings_->limits);
    if (!acquired) return refuse(id, c, request.id, acquired.error());
    if (*acquired != state->wish) {
      held_back = table.at(state->wish).every_ms() != 0;
      fanout_.settle(state->rooms, stream_of(*state));
      if (const hub::Stream* open_to_all = hub_.find_stream({state->ns, ""})) fanout_.settle(state->rooms, *open_to_all);
      hub_.change_class(state->rooms, id.slot, {*acquired, c.form});
    }
    table.release(state->wish);
    state->wish = *acquired;
  }
  std::vector<std::string> fresh;
  for (const RoomDecision& room : rooms) {
    if (room.outcome == RoomDecision::Outcome::held) continue;
    hub::Stream& stream = room.is_public ? hub_.stream({state->ns, ""}) : stream_of(*state);
    if (hub_.find(state->rooms, stream, room.name) == nullptr) fresh.push_back(room.name);
    add_room(id.slot, c, *state, room.name, room.is_public);
  }
  std::string data = "{" + held_json(*state);
  if (join != nullptr) {
    const Position& current = fanout_.received(stream_of(*state));
    data += ",\"position\":{\"epoch\":" + json_string(current.epoch) + ",\"offset\":" + std::to_string(current.offset) + "}";
    if (!denied.empty()) {
      data += ",\"denied\":[";
      for (const auto& [room, code] : denied) {
        if (data.back() != '[') data += ',';
        data += "{\"room\":" + json_string(room) + ",\"code\":\"" + std::string(name_of(code)) + "\"}";
      }
      data += "]";
    }
  }
  reply(id, c, request.id, data + "}");
  if (held_back) fresh = rooms_of(*state);
  if (!fresh.empty()) send_latest(id, state->ns, std::move(fresh));
}

void Shard::on_unsubscribe(ConnectionId id, Connection& c, std::optional<std::int64_t> request,
                           const protocol::Unsubscribe& wants) {
  session::NamespaceState* state = joined(id, c, request, wants.ns);
  if (state == nullptr) return;
  for (const std::string& name : wants.rooms) {
    auto parsed = protocol::parse_room(name, settings_->limits.room_name_bytes_max);
    if (!parsed) return refuse(id, c, request, parsed.error());
    if (parsed->kind != RoomKind::other) continue;  // identity rooms come and go with the identity
    if (!parsed->tenant.empty() && parsed->tenant != c.session->identity.tenant_id) continue;  // not held
    hub::Stream& stream = settings_->is_public_room(parsed->name) ? hub_.stream({state->ns, ""}) : stream_of(*state);
    fanout_.settle(state->rooms, stream);
    hub_.leave(state->rooms, stream, parsed->name);
    idle_streams_.push_back(stream.index);
  }
  reply(id, c, request, "{" + held_json(*state) + "}");
}

void Shard::on_leave(ConnectionId id, Connection& c, std::optional<std::int64_t> request, std::string_view name) {
  const auto ns = settings_->find_namespace(name);
  if (!ns) return refuse(id, c, request, unknown_namespace(*settings_, name));
  if (session::NamespaceState* state = c.session->find(*ns)) {
    end_asks_of(id, *ns);
    leave_rooms(*state);
    wishes_[*ns]->release(state->wish);
    if (c.outbox) c.outbox->drop_lane(*ns);
    counters_->namespaces[*ns].connections.set(counters_->namespaces[*ns].connections.get() - 1);
    parts_.host.client_disconnected(client_info(id, c), *ns, "client left");
    c.session->namespaces.erase(std::ranges::find(c.session->namespaces, *ns, &session::NamespaceState::ns));
  }
  reply(id, c, request, "{}");
}

void Shard::send_latest(ConnectionId id, NamespaceId ns, std::vector<std::string> rooms) {
  if (!settings_->namespaces[ns].has_latest() || rooms.empty()) return;
  Connection* c = find(id);
  const session::NamespaceState* state = c->session->find(ns);
  const StreamKey own = stream_of(*state).key;
  auto ask = [&](const StreamKey& stream, std::vector<std::string> of) {
    if (of.empty()) return;
    if (!available_) {
      info(hub_.stream(stream)).latest_due = true;
      return;
    }
    const broker::Ticket ticket = ++last_ticket_;
    latest_.emplace(ticket, [this, id, ns](std::vector<PublicationPtr> values) {
      Connection* to = find(id);
      if (to == nullptr || to->phase != Connection::Phase::active) return;
      const session::NamespaceState* held = to->session->find(ns);
      if (held == nullptr) return;
      for (const PublicationPtr& value : values) {
        if (superseded(*value)) continue;
        if (const auto rank = seen_in(*held, *value)) push(id.slot, ns, render_entry(*to, value, *rank));
      }
    });
    parts_.broker.latest(ticket, stream, std::move(of));
  };
  const auto open_to_all = std::stable_partition(rooms.begin(), rooms.end(),
                                                 [&](const std::string& room) { return !settings_->is_public_room(room); });
  std::vector<std::string> shared(open_to_all, rooms.end());
  rooms.erase(open_to_all, rooms.end());
  ask(own, std::move(rooms));
  ask({ns, ""}, std::move(shared));
}

void Shard::leave_rooms(session::NamespaceState& state) {
  hub_.leave_all(state.rooms);
  --hub_.stream_at(state.stream).holders;
  idle_streams_.push_back(state.stream);
  if (const hub::Stream* open_to_all = hub_.find_stream({state.ns, ""})) idle_streams_.push_back(open_to_all->index);
}

void Shard::release_idle_streams() {
  std::vector<std::uint32_t> held;  // by a join or a fan-out under way
  for (const std::uint32_t index : idle_streams_) {
    hub::Stream* stream = hub_.find_stream_at(index);
    if (stream == nullptr || stream->members != 0) continue;
    if (stream->holders != 0) {
      if (std::find(held.begin(), held.end(), index) == held.end()) held.push_back(index);
      continue;
    }
    if (info(*stream).entered) parts_.broker.leave(stream->key);
    fanout_.forget(*stream);
    streams_[index] = StreamInfo{};
    hub_.release_if_idle(*stream);
  }
  idle_streams_ = std::move(held);
}

}  // namespace sparc::shard
