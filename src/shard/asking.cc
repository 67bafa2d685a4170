// A service's question on its way to clients, and their answers on the way back.

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "protocol/native/push.h"
#include "shard/shard.h"

namespace sparc::shard {

using Phase = Connection::Phase;

void Shard::on_ask(ConnectionId id, std::optional<std::int64_t> request, const ServiceIdentity& service, protocol::Ask asked) {
  AskRequest out;
  out.what = {std::move(asked.ns),        std::move(asked.rooms),       std::move(asked.event),  std::move(asked.data),
              std::move(asked.more_args), std::move(asked.attachments), std::move(asked.except), {},
              std::move(asked.tenant)};
  out.connection = std::move(asked.connection);
  out.timeout_ms = asked.timeout_ms;
  ask(std::move(out), &service, [this, id, request](std::expected<std::vector<Answered>, Fault> answers) {
    Connection* to = find(id);
    if (to == nullptr || to->phase != Phase::active) return;
    if (!answers) return refuse(id, *to, request, answers.error());
    if (!request) return;
    std::string attached;
    const std::string data = answers_json(*answers, attached);
    to->session->answered(*request);
    wire(*to).reply_with_attachments(id, *to, *request, data, attached);
  });
}

void Shard::ask(AskRequest request, const ServiceIdentity* asker, AskDone done) {
  const Limits& limits = settings_->limits;
  const auto refuse = [&](Code code, std::string text) { done(std::unexpected(Fault{code, std::move(text)})); };
  if (request.timeout_ms > limits.ask_ms_max) {
    return refuse(Code::BAD_REQUEST, "\"timeoutMs\" must be 1 to " + std::to_string(limits.ask_ms_max) + " (limits.ask_ms_max)");
  }
  ClientAsk out;
  out.connection = std::move(request.connection);
  out.timeout_ms = request.timeout_ms != 0 ? request.timeout_ms : std::min(limits.ask_ms, limits.ask_ms_max);
  out.tenant = request.what.tenant;
  if (asker != nullptr && !asker->tenant_id.empty()) {
    if (!out.tenant.empty() && out.tenant != asker->tenant_id)
      return refuse(Code::FORBIDDEN, "this key acts on tenant \"" + asker->tenant_id + "\" alone");
    out.tenant = asker->tenant_id;
  }
  const bool to_one = !out.connection.empty();
  auto send = [this, out = std::move(out), done = std::move(done)](std::expected<Publication, Fault> what) mutable {
    if (!what) return done(std::unexpected(std::move(what.error())));
    if (what->rooms.empty() && out.connection.empty()) return done(std::vector<Answered>{});  // nobody to reach
    out.what = std::make_shared<const Publication>(std::move(*what));
    parts_.host.ask(std::move(out), std::move(done));
  };
  to_one ? send(unaddressed(std::move(request.what))) : address(std::move(request.what), asker, std::move(send));
}

bool Shard::can_be_asked(const Connection& c, NamespaceId ns) {
  if (c.phase != Phase::active || c.session->kind != session::Session::Kind::user || c.session->find(ns) == nullptr) return false;
  return c.sio() == nullptr || c.sio()->is_connected();
}

Recipients Shard::recipients(const ClientAsk& ask) {
  Recipients out;
  const Publication& what = *ask.what;
  const auto add = [&](ConnectionId id, const Connection& c) {
    if (++out.count > settings_->limits.ask_clients_max) return;
    out.clients.push_back({id, public_id(id), c.session->identity.user_id, c.session->identity.tenant_id});
  };
  if (!ask.connection.empty()) {
    const ConnectionId id = from_public_id(ask.connection);
    const Connection* c = find(id);
    if (c == nullptr || !can_be_asked(*c, what.ns)) return out;
    if (ask.tenant.empty() || c->session->identity.tenant_id == ask.tenant) add(id, *c);
    return out;
  }
  const hub::Stream* stream = hub_.find_stream({what.ns, what.tenant});
  if (stream == nullptr) return out;
  absl::flat_hash_set<std::uint32_t> seen;
  for (const std::string& name : what.rooms) {
    const hub::Room* room = hub_.find_room(*stream, name);
    if (room == nullptr) continue;
    hub_.for_each_member(*room, [&](std::uint32_t slot) {
      const Connection* c = connections_.at_slot(slot);
      if (c == nullptr || !can_be_asked(*c, what.ns) || !seen.insert(slot).second) return;
      if (seen_in(*c->session->find(what.ns), what) && !excepted(slot, what)) add(connections_.id_of(slot), *c);
    });
  }
  return out;
}

void Shard::ask_client(ConnectionId id, const Publication& what, const AskPlace& place, std::uint32_t timeout_ms) {
  const auto unanswered = [&](Code code, std::string why) {
    parts_.host.answered(place, ClientAnswer{.data = {}, .more_args = {}, .fault = Fault{code, std::move(why)}});
  };
  Connection* c = find(id);
  if (c == nullptr || !can_be_asked(*c, what.ns)) return unanswered(Code::UNAVAILABLE, "the client has left");
  if (c->outbox && c->outbox->control_bytes() > settings_->limits.control_lane_bytes_max / 2)
    return unanswered(Code::UNAVAILABLE, "the client does not read what is sent to it");
  const std::uint64_t number = asked_.add(id, place, now_.monotonic_ms + timeout_ms);
  if (wire(*c).ask(id, *c, number, what, timeout_ms)) {
    counters_->asked.add();
  } else if (asked_.take(id, number)) {
    unanswered(Code::NO_HANDLER, "the client's protocol has no answer to this event");
  }
  counters_->asked_unanswered.set(asked_.size());
}

void Shard::on_result(ConnectionId id, Connection& c, std::optional<std::int64_t> request, protocol::Result result) {
  std::uint64_t number = 0;
  const char* end = result.call_id.data() + result.call_id.size();
  const auto read = std::from_chars(result.call_id.data(), end, number);
  ClientAnswer answer{.data = std::move(result.data), .more_args = {}, .attachments = std::move(result.attachments)};
  if (!result.error_code.empty()) {
    answer.fault = {protocol::native::code_named(result.error_code).value_or(Code::INTERNAL), std::move(result.error_message)};
  }
  // An answer that is awaited costs no points: whoever asked has caused it.
  const bool awaited = read.ec == std::errc{} && read.ptr == end && client_answered(id, number, std::move(answer));
  if (!awaited && !within_rates(id, c, request, std::nullopt)) return;
  reply(id, c, request, "{}");
}

bool Shard::client_answered(ConnectionId id, std::uint64_t number, ClientAnswer answer) {
  const auto place = asked_.take(id, number);
  if (!place) {
    counters_->late_answers.add();
    return false;
  }
  counters_->asked_unanswered.set(asked_.size());
  parts_.host.answered(*place, std::move(answer));
  return true;
}

void Shard::end_asks_of(ConnectionId id) {
  if (asked_.size() == 0) return;
  give_up(asked_.take_all(id), {Code::UNAVAILABLE, "the client has left"});
}

void Shard::end_late_asks() {
  if (asked_.next_deadline() > now_.monotonic_ms) return;
  const auto late = asked_.take_late(now_.monotonic_ms);
  counters_->ask_timeouts.add(late.size());
  give_up(late, {Code::TIMEOUT, "the client did not answer in time"});
}

void Shard::give_up(const std::vector<AskPlace>& places, const Fault& why) {
  counters_->asked_unanswered.set(asked_.size());
  for (const AskPlace& place : places) parts_.host.answered(place, ClientAnswer{.data = {}, .more_args = {}, .fault = why});
}

}  // namespace sparc::shard
