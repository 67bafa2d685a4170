// What the server says, frame by frame.
#include <algorithm>
#include <utility>

#include "client/connection_machine.h"

namespace sparc::client {
namespace native = protocol::native;

namespace {

Failure failure_of(const native::ErrorReply& error) { return {error.code, error.message, error.retry_after_ms}; }

/// Whether a join that was refused with this code is worth another try on the same connection.
bool passes_by(std::string_view code) {
  const auto known = native::code_named(code);
  if (!known) return false;
  const Retry retry = retry_of(*known);
  return retry == Retry::later || retry == Retry::after_delay || retry == Retry::yes;
}

}  // namespace

ws::Flow ConnectionMachine::on_message(ws::MessageType type, std::string_view payload) {
  const auto pushes = type == ws::MessageType::text ? decoder_.text(payload) : decoder_.binary(payload);
  if (!pushes) {
    LinkEnd end;
    end.kind = LinkEnd::Kind::fault;
    end.reason = "the server sent a message that is not sparc.v1: " + pushes.error();
    current_->fault = std::move(end);
  } else {
    for (const auto& push : *pushes) handle(push);
  }
  return current_->fault ? ws::Flow::stop : ws::Flow::go_on;
}

void ConnectionMachine::handle(const native::Push& push) {
  if (const auto* event = std::get_if<native::EventPush>(&push)) {
    on_event(*event);
  } else if (const auto* reply = std::get_if<native::Reply>(&push)) {
    on_reply(*reply);
  } else if (const auto* invoke = std::get_if<native::Invoke>(&push)) {
    on_invoke(*invoke);
  } else if (std::get_if<native::Ping>(&push) != nullptr) {
    post(*current_, std::nullopt, protocol::Pong{});
  } else if (const auto* position = std::get_if<native::PositionPush>(&push)) {
    on_position(*position);
  } else if (const auto* gap = std::get_if<native::GapPush>(&push)) {
    on_gap(*gap);
  } else if (const auto* welcome = std::get_if<native::Welcome>(&push)) {
    on_welcome(*welcome);
  } else if (const auto* error = std::get_if<native::ErrorReply>(&push)) {
    on_error(*error);
  } else if (const auto* evicted = std::get_if<native::Evicted>(&push)) {
    on_evicted(*evicted);
  } else if (std::get_if<native::TokenExpiring>(&push) != nullptr) {
    ask_refresh();
  } else if (const auto* advice = std::get_if<native::Reconnect>(&push)) {
    on_reconnect(*advice);
  }
}

void ConnectionMachine::on_welcome(const native::Welcome& welcome) {
  Wire& wire = *current_;
  wire.welcomed = true;
  wire.welcomed_ms = now_ms_;
  wire.welcome = welcome;
  const bool heartbeat = welcome.ping_interval_ms != 0;
  wire.silence_ms = heartbeat ? std::int64_t{welcome.ping_interval_ms} + welcome.ping_timeout_ms : 0;
  wire.deadline_ms = heartbeat ? now_ms_ + wire.silence_ms : INT64_MAX;
  known_server_ = true;
  failures_ = 0;
  for (const auto& [ns, known] : namespaces_) send_join(wire, ns);
  if (&wire != primary_.get()) return;
  was_connected_ = true;
  welcome_ = welcome;
  actions_.push_back(action::Welcomed{welcome});
  set_state(State::connected);
}

void ConnectionMachine::on_reply(const native::Reply& reply) {
  const auto found = pending_.find(reply.id);
  if (found == pending_.end() || found->second.link != current_->id) return;
  const Pending pending = std::move(pending_.extract(found).mapped());
  switch (pending.kind) {
    case Kind::join: on_joined(pending, reply.data); break;
    case Kind::repair: on_repair(pending, reply); break;
    case Kind::auth: break;
    case Kind::repeatable:
    case Kind::once: answer(pending, std::string(reply.data)); break;
  }
}

void ConnectionMachine::on_error(const native::ErrorReply& error) {
  if (!error.id) {
    current_->error_code = error.code;
    current_->retry_after_ms = error.retry_after_ms;
    if (current_->welcomed) actions_.push_back(action::Problem{failure_of(error)});
    return;
  }
  const auto found = pending_.find(*error.id);
  if (found == pending_.end() || found->second.link != current_->id) return;
  const Pending pending = std::move(pending_.extract(found).mapped());
  switch (pending.kind) {
    case Kind::join: on_join_refused(pending, failure_of(error)); break;
    case Kind::repair:
      if (Namespace* known = find(pending.ns)) known->feed.end_repair(NamespaceFeed::Repair::failed, actions_);
      break;
    case Kind::auth: actions_.push_back(action::Problem{failure_of(error)}); break;
    case Kind::repeatable:
    case Kind::once: answer(pending, std::unexpected(failure_of(error))); break;
  }
}

void ConnectionMachine::on_joined(const Pending& pending, std::string_view data) {
  Namespace* known = find(pending.ns);
  auto reply = native::read_join_reply(data);
  if (known == nullptr) return;
  if (!reply) {
    current_->fault.emplace().kind = LinkEnd::Kind::fault;
    current_->fault->reason = "the reply to join cannot be read: " + reply.error();
    return;
  }
  auto& membership = current_->namespaces[pending.ns];
  membership.phase = Phase::joined;
  membership.epoch = reply->position ? reply->position->epoch : std::string();
  const bool recovered = pending.recovering && reply->recovered;
  // While the old connection is there, nothing was missed where there is nothing to recover.
  const bool missed = pending.recovering ? !reply->recovered : known->was_joined && current_ != successor_.get();
  if (!recovered) known->feed.set_position(reply->position.value_or(Position{}));
  known->was_joined = true;
  actions_.push_back(action::Joined{pending.ns, std::move(*reply)});
  if (missed) {
    websocket::Stale stale;
    stale.namespace_ = pending.ns;
    stale.reason = "not_recovered";
    actions_.push_back(action::Stale{std::move(stale)});
  }
  if (current_ == primary_.get()) send_waiting(*primary_);
}

void ConnectionMachine::on_join_refused(const Pending& pending, const Failure& failure) {
  auto& membership = current_->namespaces[pending.ns];
  membership.phase = Phase::outside;
  if (passes_by(failure.code)) {
    const auto spread = entropy_.below(std::uint64_t{options_.reconnect_interval_ms} + 1);
    membership.join_at_ms = now_ms_ + failure.retry_after_ms + static_cast<std::int64_t>(spread) + 1;
    actions_.push_back(action::Problem{failure});
    return;
  }
  namespaces_.erase(pending.ns);
  for (auto* wire : {primary_.get(), successor_.get(), retiring_.get()}) {
    if (wire == nullptr) continue;
    const auto held = wire->namespaces.find(pending.ns);
    if (held == wire->namespaces.end()) continue;
    if (held->second.phase != Phase::outside) post(*wire, std::nullopt, protocol::Leave{pending.ns});
    wire->namespaces.erase(held);
  }
  forget_requests(pending.ns, failure);
  actions_.push_back(action::JoinRefused{pending.ns, failure});
}

void ConnectionMachine::on_repair(const Pending& pending, const native::Reply& answer) {
  Namespace* known = find(pending.ns);
  if (known == nullptr) return;
  const auto reply = native::read_history_reply(answer.data, answer.attached);
  if (!reply) {
    known->feed.end_repair(NamespaceFeed::Repair::failed, actions_);
  } else if (known->feed.on_history(*reply, actions_)) {
    ask_repair(*current_, pending.ns);
  }
}

void ConnectionMachine::on_event(const native::EventPush& event) {
  Namespace* known = find(event.ns);
  const auto held = current_->namespaces.find(std::string(event.ns));
  // Behind a `leave`, or before the reply to a join: of an earlier stay.
  if (known == nullptr || held == current_->namespaces.end() || held->second.phase != Phase::joined) return;
  known->feed.on_event(event, held->second.epoch, actions_);
}

void ConnectionMachine::on_invoke(const native::Invoke& invoke) {
  action::Asked asked{current_->id, invoke.call_id, {}};
  asked.question.namespace_ = invoke.ns;
  asked.question.event = invoke.event;
  asked.question.data = invoke.data;
  asked.question.more_args = invoke.more_args;
  asked.question.attachments.assign(invoke.attachments.begin(), invoke.attachments.end());
  actions_.push_back(std::move(asked));
}

void ConnectionMachine::on_position(const native::PositionPush& push) {
  Namespace* known = find(push.ns);
  const auto held = current_->namespaces.find(push.ns);
  if (known == nullptr || held == current_->namespaces.end() || held->second.phase != Phase::joined) return;
  const bool same_epoch = push.position.epoch == known->feed.position().epoch;
  held->second.epoch = push.position.epoch;
  // Of two connections the one that stays says which epoch it is.
  const bool leading = current_ == (successor_ ? successor_.get() : primary_.get());
  if (leading || same_epoch) known->feed.on_position(push.position);
}

void ConnectionMachine::on_gap(const native::GapPush& gap) {
  Namespace* known = find(gap.ns);
  const auto held = current_->namespaces.find(gap.ns);
  if (known == nullptr || held == current_->namespaces.end() || held->second.phase != Phase::joined) return;
  auto& feed = known->feed;
  // What has expired is not wanted late, and what was trimmed is not there any more.
  const bool in_history = gap.reason == "dropped" && gap.from != 0 && gap.to >= gap.from;
  const bool reachable = current_ == primary_.get() && !held->second.epoch.empty() && held->second.epoch == feed.position().epoch;
  const bool asked = std::any_of(pending_.begin(), pending_.end(), [&](const auto& entry) {
    return entry.second.kind == Kind::repair && entry.second.ns == gap.ns;
  });
  if (in_history && reachable && !asked && feed.begin_repair(gap)) {
    ask_repair(*current_, gap.ns);
    return;
  }
  actions_.push_back(action::Stale{feed.stale(gap)});
}

void ConnectionMachine::on_evicted(const native::Evicted& evicted) {
  if (current_ == retiring_.get()) return;
  actions_.push_back(action::Evicted{evicted.ns, evicted.rooms, evicted.code});
}

void ConnectionMachine::on_reconnect(const native::Reconnect& advice) {
  if (current_ != primary_.get() || !options_.auto_reconnect) return;
  current_->drain_at_ms = now_ms_ + advice.after_ms;
  if (successor_ || attempt_at_ms_ != 0) return;
  opening_ = Role::successor;
  attempt_at_ms_ = std::max<std::int64_t>(1, current_->drain_at_ms);
}

void ConnectionMachine::ask_refresh() {
  if (current_ != primary_.get() || !options_.asks_token || asking_token_) return;
  asking_token_ = true;
  refreshing_ = true;
  actions_.push_back(action::AskToken{});
}

}  // namespace sparc::client
