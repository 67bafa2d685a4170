// Messages to requests, requests to answers.

#include <algorithm>

#include "base/json_text.h"
#include "protocol/handler_data.h"
#include "protocol/json_scan.h"
#include "protocol/room_name.h"
#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

using Phase = Connection::Phase;
using Kind = session::Session::Kind;
using protocol::Request;

Fault unknown_namespace(const Settings& settings, std::string_view name) {
  std::string text = "unknown namespace " + json_string(name) + "; configured are:";
  for (const NamespaceSettings& ns : settings.namespaces) text += ' ' + ns.name;
  return {Code::UNKNOWN_NAMESPACE, std::move(text)};
}

void Shard::on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload) {
  if (c.echo) {
    render_.clear();
    append_frame(render_, c.form, payload, type);
    return control_raw(id.slot, c, render_);
  }
  if (c.phase == Phase::carrier) return engine_io_.on_message(c, type, payload);
  wire(c).on_message(id, c, type, payload);
}

void Shard::arrive(ConnectionId id, Connection& c, protocol::native::Decoded decoded) {
  if (!decoded) return refuse(id, c, decoded.error().id, decoded.error().fault);
  Request request = std::move(*decoded);
  const auto request_id = request.id;
  switch (c.session->arrive(request, settings_->limits)) {
    case session::Turn::now: return handle(id, c, std::move(request));
    case session::Turn::parked: return;
    case session::Turn::full:
      return refuse(
          id, c, request_id,
          {Code::RATE_LIMITED, "too many frames wait behind an earlier one (limits.connection_parked_frames_max)", 100});
    case session::Turn::busy:
      return refuse(id, c, request_id,
                    {Code::RATE_LIMITED, "too many requests are unanswered (limits.connection_requests_max)", 100});
    case session::Turn::duplicate:  // the one in flight is still to be answered
      return wire(c).refuse(id, c, request_id,
                            {Code::BAD_REQUEST, "id " + std::to_string(*request_id) + " is in flight already"});
  }
}

void Shard::resume(ConnectionId id) {
  Connection* c = find(id);
  while (c != nullptr && c->session && c->phase != Phase::closing) {
    std::optional<Request> next = c->session->unpark();
    if (!next) return;
    handle(id, *c, std::move(*next));
    c = find(id);
  }
}

void Shard::reply(ConnectionId id, Connection& c, std::optional<std::int64_t> request, std::string_view data) {
  if (!request) return;
  c.session->answered(*request);
  wire(c).reply(id, c, *request, data);
}

void Shard::refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault) {
  counters_->errors_by_code[static_cast<std::size_t>(fault.code)].add();
  if (request) c.session->answered(*request);
  wire(c).refuse(id, c, request, fault);
}

void Shard::handle(ConnectionId id, Connection& c, Request request) {
  if (auto* auth = std::get_if<protocol::Auth>(&request.command)) return authenticate(id, c, std::move(auth->token), request.id);
  if (std::holds_alternative<protocol::Pong>(request.command)) return;
  if (c.phase == Phase::unknown) {
    const Fault fault{Code::UNAUTHENTICATED, "the first frame must be \"auth\""};
    refuse(id, c, request.id, fault);
    return close(id, c, 1008, fault.message);
  }
  if (c.session->kind == Kind::service) return on_service_request(id, c, std::move(request));
  if (std::holds_alternative<protocol::Join>(request.command)) return on_join(id, c, std::move(request));
  if (std::holds_alternative<protocol::Subscribe>(request.command)) return on_subscribe(id, c, std::move(request));
  if (std::holds_alternative<protocol::Event>(request.command)) return on_event(id, c, std::move(request));
  if (auto* leave = std::get_if<protocol::Leave>(&request.command)) return on_leave(id, c, request.id, leave->ns);
  if (auto* u = std::get_if<protocol::Unsubscribe>(&request.command)) return on_unsubscribe(id, c, request.id, *u);
  if (auto* p = std::get_if<protocol::Presence>(&request.command)) return on_presence(id, c, request.id, *p);
  if (auto* h = std::get_if<protocol::History>(&request.command)) return on_history_request(id, c, request.id, *h);
  if (auto* r = std::get_if<protocol::Result>(&request.command)) return on_result(id, c, request.id, std::move(*r));
  refuse(id, c, request.id, {Code::FORBIDDEN, "publish, ask, handle and watch are for services"});
}

session::NamespaceState* Shard::joined(ConnectionId id, Connection& c, std::optional<std::int64_t> request,
                                       std::string_view name) {
  const auto ns = settings_->find_namespace(name);
  if (!ns) {
    refuse(id, c, request, unknown_namespace(*settings_, name));
    return nullptr;
  }
  session::NamespaceState* state = c.session->find(*ns);
  if (state == nullptr)
    refuse(id, c, request, {Code::UNKNOWN_NAMESPACE, "namespace " + json_string(name) + " is not joined; send \"join\" first"});
  return state;
}

std::int64_t Shard::spend(std::string name, Rate rate) {
  if (!rate.limited()) return 0;
  Lease& lease = leases_[name];
  lease.used_ms = now_.monotonic_ms;
  if (lease.refused_until_ms > now_.monotonic_ms) return lease.refused_until_ms - now_.monotonic_ms;
  if (lease.points <= 0 && !lease.asked) {
    // A tenth ahead, so that a burst asks ten times and not a hundred; what is taken here is gone from the cluster's bucket.
    const std::uint32_t wanted = std::max<std::uint32_t>(1, rate.points / 10);
    lease.asked = true;
    const broker::Ticket ticket = ++last_ticket_;
    points_.emplace(ticket, name);
    parts_.broker.take_points(ticket, name, rate, wanted);
  }
  Lease& now = leases_[name];  // the answer may have come at once
  if (now.refused_until_ms > now_.monotonic_ms) return now.refused_until_ms - now_.monotonic_ms;
  // While the answer is under way the frame goes on credit, which the answer settles: no round trip per message.
  --now.points;
  return 0;
}

void Shard::on_points(broker::Ticket ticket, std::uint32_t granted, std::int64_t retry_after_ms) {
  auto found = points_.find(ticket);
  if (found == points_.end()) return;
  Lease& lease = leases_[found->second];
  points_.erase(found);
  lease.asked = false;
  lease.points += granted;
  if (granted == 0) lease.refused_until_ms = now_.monotonic_ms + std::max<std::int64_t>(retry_after_ms, 1);
}

bool Shard::within_rates(ConnectionId id, Connection& c, std::optional<std::int64_t> request, std::optional<NamespaceId> ns) {
  const Limits& limits = settings_->limits;
  session::Session& session = *c.session;
  const Identity& who = session.identity;
  std::string_view which = "this connection (limits.connection_messages)";
  std::int64_t wait = session.messages.take(limits.connection_messages, now_.monotonic_ms);
  if (const protocol::View* view = wire(c).view(c); wait == 0 && view != nullptr && view->user_rate.limited() && !who.anonymous) {
    which = "this user (rateLimitOptions of the view)";
    wait = spend("v/" + view->name + '/' + who.tenant_id + '/' + who.user_id, view->user_rate);
  }
  if (wait == 0 && ns && settings_->namespaces[*ns].user_rate.limited() && !who.anonymous) {
    which = "this user in the namespace (rateLimitOptions)";
    wait = spend("n/" + std::to_string(*ns) + '/' + who.tenant_id + '/' + who.user_id, settings_->namespaces[*ns].user_rate);
  }
  if (wait == 0 && limits.user_messages.limited() && !who.anonymous) {
    which = "this user (limits.user_messages)";
    wait = spend("u/" + who.tenant_id + '/' + who.user_id, limits.user_messages);
  }
  if (wait == 0 && limits.tenant_messages.limited()) {
    which = "this tenant (limits.tenant_messages)";
    wait = spend("t/" + who.tenant_id, limits.tenant_messages);
  }
  if (wait == 0) {
    session.violations = 0;
    return true;
  }
  counters_->rate_limited.add();
  if (limits.rate_violations_max != 0 && ++session.violations > limits.rate_violations_max) {
    fail(id, c, {Code::RATE_LIMITED, "too many messages, again and again", wait});
    return false;
  }
  refuse(id, c, request, {Code::RATE_LIMITED, "Rate limit exceeded for " + std::string(which), wait});
  return false;
}

void Shard::on_event(ConnectionId id, Connection& c, Request request) {
  auto& event = std::get<protocol::Event>(request.command);
  session::NamespaceState* state = joined(id, c, request.id, event.ns);
  if (state == nullptr || !within_rates(id, c, request.id, state->ns)) return;
  const Identity& identity = c.session->identity;
  std::string camera;
  if (authorizer_->needs_camera(event.ns, event.event)) {
    (void)protocol::json::read_string(protocol::json::find(event.data, "cameraId"), camera);
  }
  const broker::Ticket ticket = ++last_ticket_;
  const auth::Decision decision = authorizer_->check_event(identity, event.ns, event.event, camera, ticket);
  if (decision.outcome == auth::Decision::Outcome::pending) return wait_for_owner(ticket, id, c, std::move(request));
  if (!decision.allowed()) return refuse(id, c, request.id, decision.fault);
  counters_->namespaces[state->ns].client_events.add();
  ClientEvent out;
  out.connection = id;
  out.request = request.id;
  out.ns = state->ns;
  out.name = event.ns + ':' + event.event;
  out.data = protocol::handler_data(event.data, event.more_args, public_id(id), identity);
  out.attachments = std::move(event.attachments);
  out.tenant = identity.tenant_id;
  if (const InlineHandler* handler = parts_.host.inline_handler(out.name)) {
    if (auto answer = (*handler)(out)) {
      if (request.id) answer_event(id, *request.id, std::move(*answer));
      return;
    }
  }
  parts_.host.client_event(std::move(out));
}

void Shard::answer_event(ConnectionId id, std::int64_t request, EventAnswer answer) {
  Connection* c = find(id);
  if (c == nullptr || c->phase != Phase::active) return;
  if (answer.fault) return refuse(id, *c, request, *answer.fault);
  const std::string_view data = answer.data.empty() ? std::string_view("{}") : std::string_view(answer.data);
  if (answer.attachments.empty()) return reply(id, *c, request, data);
  c->session->answered(request);
  wire(*c).reply_binary(id, *c, request, data, answer.attachments);
}

void Shard::on_presence(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const protocol::Presence& presence) {
  session::NamespaceState* state = joined(id, c, request, presence.ns);
  if (state == nullptr || !within_rates(id, c, request, state->ns)) return;
  auto parsed = protocol::parse_room(presence.room, settings_->limits.room_name_bytes_max);
  if (!parsed) return refuse(id, c, request, parsed.error());
  if (!parsed->tenant.empty() && parsed->tenant != c.session->identity.tenant_id) {
    return refuse(id, c, request, {Code::FORBIDDEN, "room " + json_string(presence.room) + " belongs to another tenant"});
  }
  if (hub_.find(state->rooms, stream_of(*state), parsed->name) == nullptr) {
    return refuse(id, c, request, {Code::FORBIDDEN, "presence is told of rooms that this connection holds"});
  }
  const auth::RoomRule* rule = authorizer_->policy().room_rule(presence.ns, parsed->name);
  if (rule == nullptr || !rule->presence) {
    return refuse(id, c, request, {Code::FORBIDDEN, "no room rule with \"presence\" covers " + json_string(parsed->name)});
  }
  c.session->begin_wait(presence.ns);
  parts_.host.presence(stream_of(*state).key, parsed->name,
                       [this, id, request, ns = presence.ns](std::vector<PresenceEntry> users) {
                         Connection* to = find(id);
                         if (to == nullptr || to->phase != Phase::active) return;
                         std::string data = "{\"users\":[";
                         for (const PresenceEntry& user : users) {
                           if (data.back() != '[') data += ',';
                           data += "{\"userId\":" + json_string(user.user_id) +
                                   ",\"connections\":" + std::to_string(user.connections) + ",\"since\":\"";
                           append_iso_time(data, user.since_ms);
                           data += "\"}";
                         }
                         reply(id, *to, request, data + "]}");
                         to->session->end_wait(ns);
                         resume(id);
                       });
}

void Shard::on_service_request(ConnectionId id, Connection& c, Request request) {
  const ServiceIdentity& service = *c.session->service;
  auto may = [&](Scope scope, std::string_view name) {
    if (service.may(scope)) return true;
    refuse(id, c, request.id, {Code::FORBIDDEN, "this needs the scope \"" + std::string(name) + "\""});
    return false;
  };
  if (auto* p = std::get_if<protocol::Publish>(&request.command)) {
    if (!may(Scope::publish, "publish")) return;
    PublishRequest out{std::move(p->ns),     std::move(p->rooms),          std::move(p->event),
                       std::move(p->data),   std::move(p->more_args),      std::move(p->attachments),
                       std::move(p->except), std::move(p->publication_id), std::move(p->tenant)};
    return publish(std::move(out), &service, [this, id, rid = request.id](PublishAnswer answer) {
      Connection* to = find(id);
      if (to == nullptr || to->phase != Phase::active || !to->session) return;
      if (answer.fault) return refuse(id, *to, rid, *answer.fault);
      if (!rid) return;
      reply(id, *to, rid, publish_answer_json(answer));
    });
  }
  if (auto* a = std::get_if<protocol::Ask>(&request.command)) {
    // It is an event, and it tells who is there.
    if (!may(Scope::publish, "publish") || !may(Scope::read, "read")) return;
    return on_ask(id, c, request.id, std::move(*a));
  }
  if (auto* h = std::get_if<protocol::Handle>(&request.command)) {
    if (!may(Scope::handle, "handle")) return;
    return parts_.host.service_handle(id, service, std::move(*h), [this, id, rid = request.id](std::optional<Fault> refused) {
      Connection* to = find(id);
      if (to == nullptr || to->phase != Phase::active) return;
      if (refused) return refuse(id, *to, rid, *refused);
      reply(id, *to, rid, "{}");
    });
  }
  if (auto* r = std::get_if<protocol::Result>(&request.command)) {
    if (!may(Scope::handle, "handle")) return;
    reply(id, c, request.id, "{}");
    return parts_.host.service_result(id, std::move(*r));
  }
  if (auto* w = std::get_if<protocol::Watch>(&request.command)) {
    if (!may(Scope::read, "read")) return;
    bool connected = false, disconnected = false;
    for (const std::string& hook : w->hooks) {
      if (hook == "client:connected") {
        connected = true;
      } else if (hook == "client:disconnected") {
        disconnected = true;
      } else {
        return refuse(
            id, c, request.id,
            {Code::BAD_REQUEST, "unknown hook " + json_string(hook) + "; known are client:connected, client:disconnected"});
      }
    }
    parts_.host.service_watch(id, service, connected, disconnected);
    return reply(id, c, request.id, "{}");
  }
  refuse(id, c, request.id, {Code::FORBIDDEN, "a service connection publishes, asks, handles and watches; it cannot join"});
}

void Shard::invoke(ConnectionId service, std::string_view call_id, std::string_view event, std::string_view data,
                   std::span<const std::string> attachments, std::uint32_t deadline_ms) {
  Connection* c = find(service);
  if (c == nullptr || c->phase != Phase::active) return;
  render_.clear();
  native_wire_.append_invoke(render_, c->form, {call_id, {}, event, data, {}, attachments, deadline_ms});
  to_service(service, *c);
}

void Shard::to_service(ConnectionId service, Connection& c) {
  const bool fits = outbox(c, service.slot).push_invoke(Frame(render_, &frames_), settings_->limits.service_lane_bytes_max);
  mark_dirty(service.slot, c);
  if (fits) return;
  counters_->slow_consumers.add();
  close(service, c, close_code_of(Code::SLOW_CONSUMER), "invokes and answers are over limits.service_lane_bytes_max");
}

void Shard::hook(ConnectionId service, std::string_view hook, std::string_view ns, std::string_view client,
                 std::string_view reason) {
  Connection* c = find(service);
  if (c == nullptr || c->phase != Phase::active) return;
  if (c->outbox && c->outbox->control_bytes() > settings_->limits.control_lane_bytes_max / 2) {
    counters_->hooks_dropped.add();
    return;
  }
  std::string message;
  protocol::native::append_hook(message, hook, ns, client, reason);
  control(service, *c, message);
}

std::string publish_answer_json(const PublishAnswer& answer) {
  if (answer.queued) return "{\"queued\":true}";
  if (answer.position.epoch.empty()) return "{}";
  return "{\"epoch\":" + json_string(answer.position.epoch) + ",\"offset\":" + std::to_string(answer.position.offset) + "}";
}

}  // namespace sparc::shard
