// Transports of a connection: attempts, ends, and the change from one to the next.
#include <algorithm>
#include <utility>

#include "client/connection_machine.h"

namespace sparc::client {
namespace {

constexpr std::int64_t never_ms = INT64_MAX;
constexpr std::string_view subprotocol = "sparc.v1.json";

LinkEnd end_of(LinkEnd::Kind kind, std::string reason) {
  LinkEnd end;
  end.kind = kind;
  end.reason = std::move(reason);
  return end;
}

}  // namespace

void ConnectionMachine::set_state(State state) {
  if (state == state_) return;
  actions_.push_back(action::StateChanged{state_, state});
  state_ = state;
}

void ConnectionMachine::begin_attempt(Role role) {
  opening_ = role;
  attempt_at_ms_ = 0;
  if (!options_.asks_token) {
    open_link();
    return;
  }
  refreshing_ = false;
  if (!std::exchange(asking_token_, true)) actions_.push_back(action::AskToken{});
}

void ConnectionMachine::open_link() {
  ws::ClientHandshake handshake;
  handshake.host = options_.host_field;
  handshake.target = options_.target;
  handshake.protocols = {std::string(subprotocol)};
  if (!token_.empty()) handshake.headers.emplace_back("Authorization", "Bearer " + token_);
  auto& wire = opening_ == Role::primary ? primary_ : successor_;
  wire = std::make_unique<Wire>(++last_link_, std::move(handshake), options_.message_bytes_max, entropy_);
  wire->deadline_ms = now_ms_ + options_.timeout_ms;
  if (opening_ == Role::successor) {
    for (auto& [name, known] : namespaces_) known.feed.begin_overlap();
  }
  actions_.push_back(action::Open{wire->id});
}

void ConnectionMachine::on_token(const Now& now, std::expected<std::string, std::string> token) {
  now_ms_ = now.monotonic_ms;
  if (!std::exchange(asking_token_, false)) return;
  if (token) token_ = std::move(*token);
  if (std::exchange(refreshing_, false)) {
    if (!token) {
      actions_.push_back(action::Problem{{"UNAUTHENTICATED", "no new token: " + token.error()}});
    } else if (primary_ && primary_->welcomed) {
      post(*primary_, add_pending({Kind::auth, 0, primary_->id, {}, now_ms_ + options_.timeout_ms}), protocol::Auth{token_});
    }
  } else if (state_ == State::disconnected || state_ == State::failed) {
    return;
  } else if (token) {
    open_link();
  } else if (opening_ == Role::primary) {
    after_failure(end_of(LinkEnd::Kind::token, "no token: " + token.error()), 0);
  } else {
    end_successor(end_of(LinkEnd::Kind::token, "no token: " + token.error()));
  }
  settle();
}

std::unique_ptr<ConnectionMachine::Wire>* ConnectionMachine::find_wire(LinkId link, Role& role) {
  for (auto [wire, as] :
       {std::pair{&primary_, Role::primary}, std::pair{&successor_, Role::successor}, std::pair{&retiring_, Role::retiring}}) {
    if (!*wire || (*wire)->id != link) continue;
    role = as;
    return wire;
  }
  return nullptr;
}

void ConnectionMachine::on_open(const Now& now, LinkId link) {
  now_ms_ = now.monotonic_ms;
  Role role{};
  auto* wire = find_wire(link, role);
  if (wire == nullptr) return;
  if (auto request = (*wire)->link.opening()) {
    (*wire)->out += *request;
  } else {
    end_link(role, end_of(LinkEnd::Kind::token, "the token has characters that no HTTP request may have"));
  }
  settle();
}

void ConnectionMachine::on_bytes(const Now& now, LinkId link, std::string_view bytes) {
  now_ms_ = now.monotonic_ms;
  Role role{};
  auto* found = find_wire(link, role);
  if (found == nullptr) return;
  Wire& wire = **found;
  if (wire.welcomed && wire.silence_ms != 0) wire.deadline_ms = now_ms_ + wire.silence_ms;
  current_ = &wire;
  auto end = wire.link.feed(bytes, wire.out, *this);
  current_ = nullptr;
  if (wire.fault) {
    end = std::move(wire.fault);
    wire.link.append_close(wire.out, static_cast<std::uint16_t>(ws::CloseCode::protocol_error), end->reason);
  }
  if (end) {
    end->welcomed = wire.welcomed;
    const auto announced = protocol::native::code_named(wire.error_code);
    if (announced && end->kind == LinkEnd::Kind::closed && (close_code_of(*announced) == end->code || !wire.welcomed)) {
      end->error_code = wire.error_code;
      end->retry_after_ms = wire.retry_after_ms;
    }
    end_link(role, std::move(*end));
  }
  settle();
}

void ConnectionMachine::on_lost(const Now& now, LinkId link, std::string_view detail) {
  now_ms_ = now.monotonic_ms;
  Role role{};
  auto* wire = find_wire(link, role);
  if (wire == nullptr) return;
  (*wire)->gone = true;
  auto end = end_of(LinkEnd::Kind::lost, std::string(detail));
  end.welcomed = (*wire)->welcomed;
  end_link(role, std::move(end));
  settle();
}

void ConnectionMachine::end_link(Role role, LinkEnd end) {
  switch (role) {
    case Role::primary: end_primary(std::move(end)); break;
    case Role::successor: end_successor(std::move(end)); break;
    case Role::retiring: drop_wire(retiring_); break;
  }
}

void ConnectionMachine::drop_wire(std::unique_ptr<Wire>& wire) {
  if (!wire) return;
  flush(*wire);
  if (!wire->gone) actions_.push_back(action::Close{wire->id});
  const LinkId link = wire->id;
  wire.reset();
  release_requests(link);
}

/// Every transport, in order (RFC 6455 section 7.1.1).
void ConnectionMachine::drop_all() {
  for (auto* wire : {&primary_, &successor_, &retiring_}) {
    if (*wire && (*wire)->link.upgraded() && !(*wire)->gone) {
      (*wire)->link.append_close((*wire)->out, static_cast<std::uint16_t>(ws::CloseCode::normal), {});
    }
    drop_wire(*wire);
  }
}

void ConnectionMachine::end_primary(LinkEnd end) {
  const std::int64_t drain_at_ms = primary_->drain_at_ms;
  if (primary_->welcomed && now_ms_ - primary_->welcomed_ms >= options_.reconnect_interval_ms) backoff_.reset();
  drop_wire(primary_);
  if (successor_) {
    // The next connection was on its way: it goes on as the only one.
    primary_ = std::move(successor_);
    actions_.push_back(action::Ended{std::move(end), true, true, 0});
    set_state(State::reconnecting);
    if (!primary_->welcomed) return;
    welcome_ = primary_->welcome;
    actions_.push_back(action::Welcomed{welcome_});
    set_state(State::connected);
    send_waiting(*primary_);
    return;
  }
  after_failure(end, drain_at_ms);
}

bool ConnectionMachine::may_retry(Next next) const {
  if (!options_.auto_reconnect || next == Next::stop) return false;
  if (next == Next::new_token && !options_.asks_token) return false;
  return options_.reconnect_attempts == 0 || failures_ < options_.reconnect_attempts;
}

void ConnectionMachine::after_failure(const LinkEnd& end, std::int64_t drain_at_ms) {
  const Next next = next_after(end, known_server_);
  refreshing_ = true;  // a token that was asked for opens nothing by itself any more
  if (!may_retry(next)) {
    const bool gave_up = options_.auto_reconnect || next == Next::stop || next == Next::new_token;
    stop(gave_up ? State::failed : State::disconnected, end);
    return;
  }
  const std::int64_t wait_ms = wait_before_retry(next, end, drain_at_ms);
  ++failures_;
  opening_ = Role::primary;
  attempt_at_ms_ = now_ms_ + wait_ms;
  actions_.push_back(action::Ended{end, end.welcomed, true, wait_ms});
  set_state(was_connected_ ? State::reconnecting : State::connecting);
}

std::int64_t ConnectionMachine::wait_before_retry(Next next, const LinkEnd& end, std::int64_t drain_at_ms) {
  constexpr std::int64_t advice_ms_max = 3'600'000;
  const std::int64_t advised_ms = std::min(end.retry_after_ms, advice_ms_max);
  if (backoff_.attempts() != 0) return advised_ms + backoff_.next(entropy_);
  const bool at_once = next == Next::at_once || next == Next::new_token;
  // Advice in a frame is this client's own; that of a refusal is everybody's, and needs our own spread on top.
  const bool own_advice = end.kind == LinkEnd::Kind::closed && advised_ms != 0;
  const bool lost_server = end.welcomed && welcome_.reconnect_delay_ms != 0;
  if (!at_once && !own_advice && drain_at_ms == 0 && !lost_server) return advised_ms + backoff_.next(entropy_);
  backoff_.count();
  if (drain_at_ms != 0) return std::max<std::int64_t>(0, drain_at_ms - now_ms_);
  if (at_once) return 0;
  return own_advice ? advised_ms : std::min<std::int64_t>(welcome_.reconnect_delay_ms, advice_ms_max);
}

/// The old connection goes on; the next one is tried again as long as it does.
void ConnectionMachine::end_successor(LinkEnd end) {
  drop_wire(successor_);
  const Next next = next_after(end, known_server_);
  if (!may_retry(next)) {
    actions_.push_back(action::Problem{{"UNAVAILABLE", "the connection that was to replace this one failed: " + end.reason}});
    return;
  }
  ++failures_;
  opening_ = Role::successor;
  attempt_at_ms_ = now_ms_ + std::max<std::int64_t>(end.retry_after_ms, 0) + backoff_.next(entropy_);
}

void ConnectionMachine::stop(State state, const LinkEnd& end) {
  const bool was_connected = state_ == State::connected;
  drop_all();
  attempt_at_ms_ = 0;
  for (auto& [name, known] : namespaces_) known.feed.end_overlap();
  actions_.push_back(action::Ended{end, was_connected || end.welcomed, false, 0});
  answer_all({"UNAVAILABLE", end.reason});
  set_state(state);
}

bool ConnectionMachine::successor_ready() const {
  if (!successor_ || !successor_->welcomed) return false;
  return std::all_of(namespaces_.begin(), namespaces_.end(), [&](const auto& known) {
    const auto found = successor_->namespaces.find(known.first);
    return found != successor_->namespaces.end() && found->second.phase == Phase::joined;
  });
}

void ConnectionMachine::promote_successor() {
  drop_wire(retiring_);
  retiring_ = std::move(primary_);
  primary_ = std::move(successor_);
  backoff_.reset();
  welcome_ = primary_->welcome;
  actions_.push_back(action::Welcomed{welcome_});
  send_waiting(*primary_);
}

/// The end of every call: what one step made possible for another.
void ConnectionMachine::settle() {
  if (successor_ready()) promote_successor();
  if (retiring_) {
    const bool waits =
        std::any_of(pending_.begin(), pending_.end(), [&](const auto& entry) { return entry.second.link == retiring_->id; });
    if (!waits) {
      retiring_->link.append_close(retiring_->out, static_cast<std::uint16_t>(ws::CloseCode::normal), "moved");
      drop_wire(retiring_);
    }
  }
  if (!successor_ && !retiring_) {
    for (auto& [name, known] : namespaces_) known.feed.end_overlap();
  }
  for (auto* wire : {primary_.get(), successor_.get(), retiring_.get()}) {
    if (wire != nullptr) flush(*wire);
  }
}

void ConnectionMachine::flush(Wire& wire) {
  if (wire.out.empty()) return;
  if (!wire.gone) actions_.push_back(action::Send{wire.id, std::move(wire.out)});
  wire.out.clear();
}

void ConnectionMachine::on_tick(const Now& now) {
  now_ms_ = now.monotonic_ms;
  check_deadlines();
  expire_requests();
  if (attempt_at_ms_ != 0 && attempt_at_ms_ <= now_ms_) begin_attempt(opening_);
  settle();
}

void ConnectionMachine::check_deadlines() {
  for (const Role role : {Role::retiring, Role::successor, Role::primary}) {
    auto& wire = role == Role::primary ? primary_ : role == Role::successor ? successor_ : retiring_;
    if (!wire) continue;
    if (wire->deadline_ms <= now_ms_) {
      auto end = wire->welcomed
                     ? end_of(LinkEnd::Kind::silent, "nothing came from the server for longer than its heartbeat allows")
                     : end_of(LinkEnd::Kind::timed_out, "the connection was not made in time");
      end.welcomed = wire->welcomed;
      end_link(role, std::move(end));
      continue;
    }
    for (auto& [ns, membership] : wire->namespaces) {
      if (membership.join_at_ms != 0 && membership.join_at_ms <= now_ms_) send_join(*wire, ns);
    }
  }
}

std::int64_t ConnectionMachine::next_deadline() const {
  std::int64_t next = attempt_at_ms_ == 0 ? never_ms : attempt_at_ms_;
  for (const auto* wire : {primary_.get(), successor_.get(), retiring_.get()}) {
    if (wire == nullptr) continue;
    next = std::min(next, wire->deadline_ms);
    for (const auto& [ns, membership] : wire->namespaces) {
      if (membership.join_at_ms != 0) next = std::min(next, membership.join_at_ms);
    }
  }
  for (const auto& [id, pending] : pending_) next = std::min(next, pending.deadline_ms);
  return next;
}

}  // namespace sparc::client
