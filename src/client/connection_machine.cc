// What the application asks of a connection, and the requests that wait for an answer.
#include "client/connection_machine.h"

#include "protocol/text_rules.h"

#include <algorithm>
#include <utility>

#include "protocol/native/request_writer.h"

namespace sparc::client {
namespace native = protocol::native;

ConnectionMachine::ConnectionMachine(MachineOptions options, Entropy& entropy)
    : options_(std::move(options)), entropy_(entropy), backoff_(options_.reconnect_interval_ms), token_(options_.token) {}

void ConnectionMachine::connect(const Now& now) {
  now_ms_ = now.monotonic_ms;
  if (state_ != State::disconnected && state_ != State::failed) return;
  backoff_.reset();
  failures_ = 0;
  was_connected_ = false;
  set_state(State::connecting);
  begin_attempt(Role::primary);
}

void ConnectionMachine::disconnect(const Now& now) {
  now_ms_ = now.monotonic_ms;
  if (state_ == State::disconnected || state_ == State::failed) {
    set_state(State::disconnected);
    return;
  }
  LinkEnd end;
  end.kind = LinkEnd::Kind::closed;
  end.code = static_cast<std::uint16_t>(ws::CloseCode::normal);
  end.reason = "disconnected by the client";
  stop(State::disconnected, end);
}

void ConnectionMachine::reconnect(const Now& now) {
  if (state_ == State::disconnected || state_ == State::failed) {
    connect(now);
    return;
  }
  now_ms_ = now.monotonic_ms;
  const bool was_connected = primary_ && primary_->welcomed;
  drop_all();
  attempt_at_ms_ = 0;
  LinkEnd end;
  end.reason = "reconnecting as the application wants";
  if (was_connected) actions_.push_back(action::Ended{end, true, true, 0});
  set_state(was_connected_ ? State::reconnecting : State::connecting);
  begin_attempt(Role::primary);
}

bool ConnectionMachine::configure(const Now& now, protocol::Subscribe wants) {
  now_ms_ = now.monotonic_ms;
  if (Namespace* known = find(wants.ns)) {
    known->wants = std::move(wants);
    return true;
  }
  if (namespaces_.size() == namespaces_max) return false;
  const std::string ns = wants.ns;
  Namespace& added = namespaces_.emplace(ns, Namespace{std::move(wants), NamespaceFeed(ns)}).first->second;
  if (successor_ || retiring_) added.feed.begin_overlap();
  for (auto* wire : {primary_.get(), successor_.get()}) {
    if (wire != nullptr && wire->welcomed) send_join(*wire, ns);
  }
  settle();
  return true;
}

void ConnectionMachine::leave(const Now& now, const std::string& ns) {
  now_ms_ = now.monotonic_ms;
  if (namespaces_.erase(ns) == 0) return;
  forget_requests(ns, {"UNAVAILABLE", "the namespace was left before the reply"});
  for (auto* wire : {primary_.get(), successor_.get(), retiring_.get()}) {
    if (wire == nullptr || wire->namespaces.erase(ns) == 0) continue;
    post(*wire, std::nullopt, protocol::Leave{ns});
  }
  settle();
}

void ConnectionMachine::subscribe(const Now& now, OpId op, protocol::Subscribe wants) {
  now_ms_ = now.monotonic_ms;
  std::string ns = wants.ns;
  submit(op, Kind::repeatable, std::move(ns), std::move(wants), options_.timeout_ms);
}

void ConnectionMachine::unsubscribe(const Now& now, OpId op, protocol::Unsubscribe wants) {
  now_ms_ = now.monotonic_ms;
  std::string ns = wants.ns;
  submit(op, Kind::repeatable, std::move(ns), std::move(wants), options_.timeout_ms);
}

void ConnectionMachine::request(const Now& now, OpId op, protocol::Event event, std::int64_t timeout_ms) {
  now_ms_ = now.monotonic_ms;
  std::string ns = event.ns;
  submit(op, Kind::once, std::move(ns), std::move(event), timeout_ms);
}

void ConnectionMachine::history(const Now& now, OpId op, protocol::History wants) {
  now_ms_ = now.monotonic_ms;
  std::string ns = wants.ns;
  submit(op, Kind::repeatable, std::move(ns), std::move(wants), options_.timeout_ms);
}

std::expected<void, Failure> ConnectionMachine::send(const Now& now, const protocol::Event& event) {
  now_ms_ = now.monotonic_ms;
  if (!joined(event.ns)) return std::unexpected(Failure{"UNAVAILABLE", "not connected"});
  std::string text;
  native::append_request(text, {std::nullopt, event});
  if (text.size() > welcome_.max_payload_bytes) {
    return std::unexpected(Failure{
        "PAYLOAD_TOO_LARGE", "the server takes messages of up to " + std::to_string(welcome_.max_payload_bytes) + " bytes"});
  }
  primary_->link.append_text(primary_->out, text);
  settle();
  return {};
}

void ConnectionMachine::answer_ask(const Now& now, LinkId link, const std::string& call_id,
                                   const websocket::Result<std::string>& answer) {
  now_ms_ = now.monotonic_ms;
  Role role{};
  std::unique_ptr<Wire>* wire = find_wire(link, role);
  if (wire == nullptr || (*wire)->gone || !(*wire)->welcomed) return;
  const auto text_of = [&](const websocket::Result<std::string>& said) {
    protocol::Result result;
    result.call_id = call_id;
    if (said) {
      result.data = *said;
    } else {
      const bool code = protocol::plain_text(said.error().code, native::name_bytes_max);
      result.error_code = code ? said.error().code : "INTERNAL";
      result.error_message = said.error().message;
    }
    std::string text;
    native::append_request(text, {std::nullopt, std::move(result)});
    return text;
  };
  std::string text = text_of(answer);
  if (const std::size_t most = (*wire)->welcome.max_payload_bytes; text.size() > most) {
    text = text_of(
        std::unexpected(Failure{"PAYLOAD_TOO_LARGE", "the server takes messages of up to " + std::to_string(most) + " bytes"}));
  }
  (*wire)->link.append_text((*wire)->out, text);
  settle();
}

bool ConnectionMachine::joined(const std::string& ns) const {
  if (!primary_) return false;
  const auto found = primary_->namespaces.find(ns);
  return found != primary_->namespaces.end() && found->second.phase == Phase::joined;
}

const Position* ConnectionMachine::position(const std::string& ns) const {
  const auto found = namespaces_.find(ns);
  return found == namespaces_.end() ? nullptr : &found->second.feed.position();
}

std::vector<Action> ConnectionMachine::take_actions() { return std::exchange(actions_, {}); }

ConnectionMachine::Namespace* ConnectionMachine::find(std::string_view ns) {
  const auto found = namespaces_.find(ns);
  return found == namespaces_.end() ? nullptr : &found->second;
}

std::int64_t ConnectionMachine::add_pending(Pending pending) {
  pending_.emplace(++last_request_, std::move(pending));
  return last_request_;
}

void ConnectionMachine::post(Wire& wire, std::optional<std::int64_t> id, protocol::Command command) {
  std::string text;
  native::append_request(text, {id, std::move(command)});
  wire.link.append_text(wire.out, text);
}

void ConnectionMachine::send_join(Wire& wire, const std::string& ns) {
  Namespace* known = find(ns);
  if (known == nullptr) return;
  protocol::Join join{known->wants, std::nullopt};
  if (!known->feed.position().epoch.empty()) join.recover = known->feed.position();
  Pending pending{Kind::join, 0, wire.id, ns, now_ms_ + options_.timeout_ms};
  pending.recovering = join.recover.has_value();
  auto& membership = wire.namespaces[ns];
  membership.phase = Phase::joining;
  membership.join_at_ms = 0;
  post(wire, add_pending(std::move(pending)), std::move(join));
}

void ConnectionMachine::ask_repair(Wire& wire, const std::string& ns) {
  Namespace* known = find(ns);
  if (known == nullptr) return;
  Pending pending{Kind::repair, 0, wire.id, ns, now_ms_ + options_.timeout_ms};
  post(wire, add_pending(std::move(pending)), known->feed.repair_request());
}

void ConnectionMachine::submit(OpId op, Kind kind, std::string ns, protocol::Command command, std::int64_t timeout_ms) {
  Pending pending{kind, op, 0, std::move(ns), now_ms_ + timeout_ms, std::move(command)};
  if (state_ == State::disconnected || state_ == State::failed) {
    answer(pending, std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
  } else if (find(pending.ns) == nullptr) {
    answer(pending, std::unexpected(Failure{"UNKNOWN_NAMESPACE", "the namespace \"" + pending.ns + "\" was not joined"}));
  } else if (pending_.size() >= requests_max + 2 * namespaces_max) {
    answer(pending, std::unexpected(Failure{"UNAVAILABLE", "too many requests wait for their replies"}));
  } else {
    add_pending(std::move(pending));
    if (primary_ && primary_->welcomed) send_waiting(*primary_);
  }
  settle();
}

void ConnectionMachine::send_waiting(Wire& wire) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    auto& [id, pending] = *it;
    const auto membership = wire.namespaces.find(pending.ns);
    const bool is_joined = membership != wire.namespaces.end() && membership->second.phase == Phase::joined;
    // What changes the rooms waits while the next connection joins with what was wanted before.
    const bool may_go = pending.link == 0 && is_joined && (pending.kind == Kind::once || !successor_);
    it = may_go && !send_pending(wire, id, pending) ? pending_.erase(it) : std::next(it);
  }
}

/// False where it was answered instead.
bool ConnectionMachine::send_pending(Wire& wire, std::int64_t id, Pending& pending) {
  std::string text;
  native::append_request(text, {id, pending.command});
  if (text.size() > wire.welcome.max_payload_bytes) {
    answer(pending, std::unexpected(Failure{"PAYLOAD_TOO_LARGE", "the server takes messages of up to " +
                                                                     std::to_string(wire.welcome.max_payload_bytes) + " bytes"}));
    return false;
  }
  wire.link.append_text(wire.out, text);
  pending.link = wire.id;
  if (pending.kind == Kind::once) pending.command = {};
  return true;
}

void ConnectionMachine::answer(const Pending& pending, websocket::Result<std::string> result) {
  if (pending.op != 0) actions_.push_back(action::Answered{pending.op, std::move(result)});
}

void ConnectionMachine::answer_all(const Failure& failure) {
  for (const auto& [id, pending] : std::exchange(pending_, {})) answer(pending, std::unexpected(failure));
}

void ConnectionMachine::forget_requests(const std::string& ns, const Failure& failure) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.ns == ns) {
      answer(it->second, std::unexpected(failure));
      it = pending_.erase(it);
    } else {
      ++it;
    }
  }
}

/// The transport has ended: what may be repeated waits for the next one.
void ConnectionMachine::release_requests(LinkId link) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    Pending& pending = it->second;
    if (pending.link != link) {
      ++it;
      continue;
    }
    if (pending.kind == Kind::repeatable) {
      pending.link = 0;
      ++it;
      continue;
    }
    if (Namespace* known = pending.kind == Kind::repair ? find(pending.ns) : nullptr) {
      known->feed.end_repair(NamespaceFeed::Repair::failed, actions_);
    }
    answer(pending, std::unexpected(Failure{"UNAVAILABLE", "the connection ended before the reply"}));
    it = pending_.erase(it);
  }
}

void ConnectionMachine::expire_requests() {
  std::vector<std::int64_t> expired;
  for (const auto& [id, pending] : pending_) {
    if (pending.deadline_ms <= now_ms_) expired.push_back(id);
  }
  for (const auto id : expired) {
    auto node = pending_.extract(id);
    if (node.empty()) continue;
    const Pending& pending = node.mapped();
    Role role{};
    switch (pending.kind) {
      case Kind::join:
        if (auto* wire = find_wire(pending.link, role)) {
          LinkEnd end;
          end.kind = LinkEnd::Kind::timed_out;
          end.reason = "the server did not answer the join of " + pending.ns + " in time";
          end.welcomed = (*wire)->welcomed;
          end_link(role, std::move(end));
        }
        break;
      case Kind::repair:
        if (Namespace* known = find(pending.ns)) known->feed.end_repair(NamespaceFeed::Repair::failed, actions_);
        break;
      case Kind::auth: actions_.push_back(action::Problem{{"TIMEOUT", "the server did not answer the new token in time"}}); break;
      case Kind::repeatable:
      case Kind::once: answer(pending, std::unexpected(Failure{"TIMEOUT", "no reply in time"})); break;
    }
  }
}

}  // namespace sparc::client
