// Who a connection is: at its start, when its token is refreshed, when its roles change.

#include <algorithm>
#include <iterator>

#include "auth/digest.h"
#include "shard/shard.h"

namespace sparc::shard {

using Phase = Connection::Phase;
using Kind = session::Session::Kind;

void Shard::authenticate(ConnectionId id, Connection& c, std::string token, std::optional<std::int64_t> request) {
  if (!auth::looks_like_token(token) && wire(c).serves_services()) {
    if (const ServiceIdentity* service = authority_.api_keys->find(token)) return accept_service(id, c, *service, request);
    return refuse_identity(id, c, request, {Code::UNAUTHENTICATED, "neither a token nor a known API key"});
  }
  const auto claims = wire(c).claims(c);
  auto user = verifier_.verify_user(token, claims ? claims : authority_.claims, now_);
  if (user) return accept_user(id, c, std::move(*user), request);
  auth::Refusal refusal = std::move(user.error());
  if (wire(c).serves_services() && verifier_.keys().serves(auth::KeyPurpose::service)) {
    auto service = verifier_.verify_service(token, now_, authority_.claims->leeway_ms);
    if (service) return accept_service(id, c, std::move(*service), request);
    refusal.unknown_key = refusal.unknown_key || service.error().unknown_key;
  }
  const bool waited = std::any_of(awaiting_keys_.begin(), awaiting_keys_.end(), [&](const auto& w) { return w.id == id; });
  if (refusal.unknown_key && !waited && awaiting_keys_.size() < 10'000 && parts_.host.refresh_keys()) {
    c.session->begin_wait({});
    awaiting_keys_.push_back({id, std::move(token), request});
    return;
  }
  refuse_identity(id, c, request, refusal.fault);
}

void Shard::keys_changed(std::shared_ptr<const auth::KeySet> keys) {
  authority_.keys = std::move(keys);
  verifier_.set_keys(authority_.keys);
  const std::vector<AwaitingKeys> waiting = awaiting_keys_;
  for (const AwaitingKeys& w : waiting) {
    Connection* c = find(w.id);
    if (c == nullptr || (c->phase != Phase::unknown && c->phase != Phase::active)) continue;
    c->session->end_wait({});
    authenticate(w.id, *c, w.token, w.request);  // those that still wait here are not put on the list again
    resume(w.id);
  }
  awaiting_keys_.erase(awaiting_keys_.begin(), awaiting_keys_.begin() + static_cast<std::ptrdiff_t>(waiting.size()));
}

void Shard::refuse_identity(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  counters_->auth_failures.add();
  parts_.host.audit("authentication failed", c.peer, c.session->identity, fault.message);
  if (c.phase == Phase::active) return refuse(id, c, request, fault);  // a refresh: the old identity goes on
  if (request) refuse(id, c, request, fault);
  const bool token_needed = fault.code == Code::UNAUTHENTICATED || fault.code == Code::TOKEN_EXPIRED;
  const std::uint16_t code = token_needed ? 1008 : close_code_of(fault.code);
  if (request) return close(id, c, code, fault.message);
  fail(id, c, fault, code);
}

void Shard::accept_user(ConnectionId id, Connection& c, Identity identity, std::optional<std::int64_t> request) {
  if (!identity.anonymous && parts_.host.revoked(identity))
    return refuse_identity(id, c, request, {Code::REVOKED, "the token was revoked"});
  if (c.phase == Phase::active) return refresh(id, c, std::move(identity), request);
  if (auto admitted = parts_.host.admit(identity); !admitted) return refuse_identity(id, c, request, admitted.error());
  session::Session& session = *c.session;
  session.kind = Kind::user;
  session.identity = std::move(identity);
  c.phase = Phase::active;
  c.announced = true;
  counters_->sessions.add();
  if (!session.identity.anonymous) {
    parts_.broker.attached(broker::IdKind::user, session.identity.user_id, session.identity.tenant_id);
    if (!session.identity.organization_id.empty()) {
      parts_.broker.attached(broker::IdKind::organization, session.identity.organization_id, session.identity.tenant_id);
    }
  }
  c.deadline_ms = 0;
  c.next_ping_ms = now_.monotonic_ms + settings_->ping_interval_ms;
  schedule(id, c);
  wire(c).welcome(id, c);
  if (request) reply(id, c, request, "{}");
}

bool Shard::is_revoked(const ServiceIdentity& service) {
  Identity bearer;
  std::copy(std::begin(service.token_hash), std::end(service.token_hash), bearer.token_hash);
  return parts_.host.revoked(bearer);
}

void Shard::accept_service(ConnectionId id, Connection& c, ServiceIdentity service, std::optional<std::int64_t> request) {
  if (is_revoked(service)) return refuse_identity(id, c, request, {Code::REVOKED, "the token was revoked"});
  if (c.phase == Phase::active) {
    const bool same =
        c.session->service && c.session->service->name == service.name && c.session->service->tenant_id == service.tenant_id;
    if (!same) return refuse_identity(id, c, request, {Code::FORBIDDEN, "a refresh keeps the identity; this names another one"});
    *c.session->service = std::move(service);
    c.session->expiry_announced = false;
    schedule(id, c);
    return reply(id, c, request, "{}");
  }
  c.session->kind = Kind::service;
  c.session->service = std::make_unique<ServiceIdentity>(std::move(service));
  c.phase = Phase::active;
  c.announced = true;
  counters_->sessions.add();
  c.deadline_ms = 0;
  c.next_ping_ms = now_.monotonic_ms + settings_->ping_interval_ms;
  schedule(id, c);
  wire(c).welcome(id, c);
  if (request) reply(id, c, request, "{}");
}

void Shard::refresh(ConnectionId id, Connection& c, Identity identity, std::optional<std::int64_t> request) {
  session::Session& session = *c.session;
  if (session.kind != Kind::user || session.identity.anonymous || session.identity.user_id != identity.user_id ||
      session.identity.tenant_id != identity.tenant_id) {
    return refuse_identity(id, c, request, {Code::FORBIDDEN, "a refresh keeps user and tenant; this token names others"});
  }
  if (session.identity.organization_id != identity.organization_id) {
    if (!session.identity.organization_id.empty()) {
      parts_.broker.detached(broker::IdKind::organization, session.identity.organization_id, identity.tenant_id);
    }
    if (!identity.organization_id.empty())
      parts_.broker.attached(broker::IdKind::organization, identity.organization_id, identity.tenant_id);
  }
  session.identity = std::move(identity);
  session.expiry_announced = false;
  reevaluate(id, c);
  if (c.phase != Phase::active) return;
  schedule(id, c);
  reply(id, c, request, "{}");
}

void Shard::reevaluate(ConnectionId id, Connection& c) {
  session::Session& session = *c.session;
  for (session::NamespaceState& state : session.namespaces) {
    const std::string& ns = settings_->namespaces[state.ns].name;
    const bool may_stay = may_enter(c, ns).allowed();
    std::vector<std::string> evicted;
    for (const std::string& room : rooms_of(state)) {
      const RoomDecision decision = check_room(c, state.ns, room);
      if (may_stay && decision.outcome != RoomDecision::Outcome::deny) continue;
      hub::Stream& stream = decision.is_public ? hub_.stream({state.ns, ""}) : stream_of(state);
      hub_.leave(state.rooms, stream, room);
      idle_streams_.push_back(stream.index);
      evicted.push_back(room);
    }
    if (may_stay) {
      const auto before = rooms_of(state);
      add_identity_rooms(id.slot, c, state);
      std::vector<std::string> fresh = rooms_of(state);
      std::erase_if(fresh,
                    [&](const std::string& room) { return std::find(before.begin(), before.end(), room) != before.end(); });
      send_latest(id, state.ns, std::move(fresh));
    }
    if (evicted.empty()) continue;
    counters_->evicted_rooms.add(evicted.size());
    parts_.host.audit("rooms taken away", c.peer, session.identity, ns);
    render_.clear();
    wire(c).append_evicted(render_, c, ns, evicted, Code::FORBIDDEN);
    session::Entry entry;  // in the namespace's lane: it stands behind the events that were still allowed
    entry.kind = session::Entry::Kind::notice;
    entry.block = Frame(render_, &frames_);
    entry.size = static_cast<std::uint32_t>(render_.size());
    push(id.slot, state.ns, std::move(entry));
  }
}

}  // namespace sparc::shard
