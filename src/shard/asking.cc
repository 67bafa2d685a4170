// A service's question on its way to clients, and their answers on the way back.

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <charconv>

#include "base/json_text.h"
#include "protocol/native/push.h"
#include "shard/shard.h"

namespace sparc::shard {

using Phase = Connection::Phase;

void Shard::on_ask(ConnectionId id, Connection& c, std::optional<std::int64_t> request, protocol::Ask asked) {
  if (!request) return refuse(id, c, request, {Code::BAD_REQUEST, "\"ask\" needs an \"id\": the answers are its reply"});
  AskRequest out;
  out.what.ns = std::move(asked.ns);
  out.what.rooms = std::move(asked.rooms);
  out.what.event = std::move(asked.event);
  out.what.data = std::move(asked.data);
  out.what.more_args = std::move(asked.more_args);
  out.what.attachments = std::move(asked.attachments);
  out.what.except = std::move(asked.except);
  out.what.tenant = std::move(asked.tenant);
  out.connection = std::move(asked.connection);
  out.timeout_ms = asked.timeout_ms;
  ask(std::move(out), c.session->service.get(), [this, id, request](const std::expected<std::vector<Answered>, Fault>& answers) {
    Connection* to = find(id);
    if (to == nullptr || to->phase != Phase::active) return;
    if (!answers) return refuse(id, *to, request, answers.error());
    to->session->answered(*request);
    std::string attached;
    const std::string data = answers_json(*answers, attached);
    native_wire_.render_reply(*to, *request, data, attached);
    to_service(id, *to);
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
  if (asker != nullptr) {
    if (!asker->tenant_id.empty() && !out.tenant.empty() && out.tenant != asker->tenant_id)
      return refuse(Code::FORBIDDEN, "this key acts on tenant \"" + asker->tenant_id + "\" alone");
    if (!asker->tenant_id.empty()) out.tenant = asker->tenant_id;
    out.asker = asker->tenant_id + '/' + asker->name;
  }
  const bool to_one = !out.connection.empty();
  auto send = [this, out = std::move(out), done = std::move(done)](std::expected<Publication, Fault> what) mutable {
    if (!what) return done(std::unexpected(std::move(what.error())));
    if (what->rooms.empty() && out.connection.empty()) return done(std::vector<Answered>{});  // nobody to reach
    out.what = std::make_shared<const Publication>(std::move(*what));
    parts_.host.ask(std::move(out), std::move(done));
  };
  if (to_one) return send(unaddressed(std::move(request.what)));
  address(std::move(request.what), asker, std::move(send));
}

bool Shard::can_be_asked(const Connection& c, NamespaceId ns) {
  if (c.phase != Phase::active || c.session->kind != session::Session::Kind::user || c.session->find(ns) == nullptr) return false;
  return c.sio() == nullptr || c.sio()->is_connected();
}

Recipients Shard::recipients(const ClientAsk& ask) {
  Recipients out;
  const Publication& what = *ask.what;
  const auto add = [&](ConnectionId id, const Connection& c) {
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
  absl::flat_hash_set<std::uint32_t> passed_over;  // by slot: excepted, or listed already
  for (const std::string& named : what.except) {
    if (const ConnectionId id = from_public_id(named); find(id) != nullptr) passed_over.insert(id.slot);
  }
  const protocol::FilterVocabulary& words = vocabulary(what.ns);
  std::optional<protocol::FieldValues> values;  // of the payload; read for the first filter
  const auto lets_through = [&](std::uint32_t wish_id) {
    if (wish_id == 0) return true;
    if (!values) values = protocol::FieldValues::read(what.data, words);
    return protocol::passes(wish(what.ns, wish_id), what.event, *values, words);
  };
  for (const std::string& name : what.rooms) {
    const hub::Room* room = hub_.find_room(*stream, name);
    if (room == nullptr) continue;
    for (const auto& group : room->groups) {
      if (!lets_through(group->key.wish)) continue;
      for (const hub::Member& member : group->members) {
        if (member.slot == hub::Member::tombstone) continue;
        const Connection* c = connections_.at_slot(member.slot);
        if (c == nullptr || !can_be_asked(*c, what.ns) || !passed_over.insert(member.slot).second) continue;
        out.more = out.clients.size() == settings_->limits.ask_clients_max;
        if (out.more) return out;
        add(connections_.id_of(member.slot), *c);
      }
    }
  }
  return out;
}

void Shard::ask_clients(const std::vector<AskOut>& clients, const Publication& what, std::uint32_t timeout_ms) {
  const Limits& limits = settings_->limits;
  const std::uint64_t number = asked_.next_number();
  absl::flat_hash_map<std::uint16_t, Frame> blocks;  // by form; an empty one: nobody would answer
  for (const auto& [id, place] : clients) {
    const auto unanswered = [&](Code code, std::string why) {
      parts_.host.answered(place, ClientAnswer{.data = {}, .more_args = {}, .fault = Fault{code, std::move(why)}});
    };
    Connection* c = find(id);
    if (c == nullptr || !can_be_asked(*c, what.ns)) {
      unanswered(Code::UNAVAILABLE, "the client has left");
      continue;
    }
    auto [block, fresh] = blocks.try_emplace(c->form);
    if (fresh) {
      std::string rendered;
      wire(*c).append_question(rendered, c->form, number, what, timeout_ms);
      block->second = Frame(rendered, &frames_);
    }
    if (block->second.size() == 0) {
      unanswered(Code::NO_HANDLER, "the client's protocol has no answer to this event");
    } else if (c->outbox && c->outbox->control_bytes() > limits.control_lane_bytes_max / 2) {
      unanswered(Code::UNAVAILABLE, "too much waits to be sent to the client");
    } else if (asked_.count(id) >= limits.connection_asked_max) {
      unanswered(Code::UNAVAILABLE, "the client has too many questions to answer (limits.connection_asked_max)");
    } else {
      asked_.add(id, number, what.ns, place, now_.monotonic_ms + timeout_ms);
      counters_->asked.add();
      control_frame(id.slot, *c, block->second);
    }
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

void Shard::end_asks_of(ConnectionId id, std::optional<NamespaceId> ns) {
  if (asked_.size() == 0) return;
  give_up(asked_.take_all(id, ns), {Code::UNAVAILABLE, "the client has left"});
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
