#include "client/shared_connection.h"

#include <algorithm>
#include <utility>

namespace sparc::client {

SharedConnection::SharedConnection(MachineOptions options, Entropy& entropy, Transports& transports)
    : timeout_ms_(options.timeout_ms), machine_(std::move(options), entropy), transports_(transports) {}

// Members.

SharedConnection::Entry* SharedConnection::entry_of(Group& group, const Member* member) {
  const auto found =
      std::find_if(group.entries.begin(), group.entries.end(), [&](const auto& entry) { return entry->member.get() == member; });
  return found == group.entries.end() ? nullptr : found->get();
}

SharedConnection::Group* SharedConnection::group_of(const Member& member, Entry** entry) {
  for (auto& [ns, group] : groups_) {
    Entry* found = entry_of(group, &member);
    if (found == nullptr) continue;
    if (entry != nullptr) *entry = found;
    return &group;
  }
  return nullptr;
}

bool SharedConnection::has(const Member& member) const {
  return const_cast<SharedConnection*>(this)->group_of(member) != nullptr;
}

const Interest* SharedConnection::interest(const Member& member) const {
  Entry* entry = nullptr;
  return const_cast<SharedConnection*>(this)->group_of(member, &entry) == nullptr ? nullptr : &entry->interest;
}

bool SharedConnection::connected(const Member& member) const {
  Entry* entry = nullptr;
  return const_cast<SharedConnection*>(this)->group_of(member, &entry) != nullptr && entry->entered;
}

void SharedConnection::enter(const Now& now, std::shared_ptr<Member> member, const std::string& ns, Interest interest) {
  if (has(*member)) return;
  auto known = groups_.find(ns);
  const bool full = members_ == members_max || (known == groups_.end() && groups_.size() == ConnectionMachine::namespaces_max);
  if (full) {
    member->on_refused({"CONNECTION_LIMIT", "too many clients or namespaces on one connection"});
    return;
  }
  ++members_;
  const bool first = known == groups_.end();
  Group& group = first ? groups_[ns] : known->second;
  Entry& entry = *group.entries.emplace_back(std::make_unique<Entry>(Entry{member, std::move(interest), {}}));
  entry.late_at_ms = now.monotonic_ms + timeout_ms_;
  if (first) {
    group.ns = ns;
    entry.admitted = true;
    group.asked = union_of(group, nullptr, nullptr);
    (void)machine_.configure(now, group.asked);
  } else {
    add_change(now, group, {Change::Kind::enter, member, {}, {}});
  }
  machine_.connect(now);
  run(now);
}

void SharedConnection::wait_again(const Now& now, const Member& member) {
  Entry* entry = nullptr;
  if (group_of(member, &entry) != nullptr && !entry->entered) entry->late_at_ms = now.monotonic_ms + timeout_ms_;
}

void SharedConnection::exit(const Now& now, const Member& member) {
  Entry* entry = nullptr;
  Group* group = group_of(member, &entry);
  if (group == nullptr) return;
  std::erase_if(group->entries, [&](const auto& other) { return other.get() == entry; });
  --members_;
  if (group->busy == 0 && !group->entries.empty()) shrink(now, *group);
  run(now);
}

void SharedConnection::reconnect(const Now& now) {
  machine_.reconnect(now);
  run(now);
}

// What they want.

protocol::Subscribe SharedConnection::union_of(const Group& group, const Entry* replaced, const Interest* by) const {
  std::vector<const Interest*> interests;
  for (const auto& entry : group.entries) {
    if (entry.get() == replaced) {
      interests.push_back(by);
    } else if (entry->admitted) {
      interests.push_back(&entry->interest);
    }
  }
  return merge(group.ns, interests);
}

void SharedConnection::subscribe(const Now& now, const Member& member, protocol::Subscribe choice, Done done) {
  Entry* entry = nullptr;
  Group* group = group_of(member, &entry);
  if (group == nullptr) {
    done(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
    return;
  }
  add_change(now, *group, {Change::Kind::subscribe, entry->member, std::move(choice), std::move(done)});
  run(now);
}

void SharedConnection::unsubscribe(const Now& now, const Member& member, std::vector<std::string> rooms, Done done) {
  Entry* entry = nullptr;
  Group* group = group_of(member, &entry);
  if (group == nullptr) {
    done(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
    return;
  }
  protocol::Subscribe choice;
  choice.rooms = std::move(rooms);
  add_change(now, *group, {Change::Kind::unsubscribe, entry->member, std::move(choice), std::move(done)});
  run(now);
}

void SharedConnection::add_change(const Now& now, Group& group, Change change) {
  if (group.changes.size() == changes_max) {
    if (change.done)
      change.done(std::unexpected(Failure{"UNAVAILABLE", "too many changes of subscriptions wait for the server"}));
    return;
  }
  group.changes.push_back(std::move(change));
  next_change(now, group);
}

void SharedConnection::next_change(const Now& now, Group& group) {
  while (group.joined && group.busy == 0 && !group.changes.empty()) {
    if (begin_change(now, group, group.changes.front())) return;
    finish_change(now, group, std::string());
  }
}

bool SharedConnection::begin_change(const Now& now, Group& group, Change& change) {
  const auto member = change.member.lock();
  Entry* entry = member ? entry_of(group, member.get()) : nullptr;
  group.prospective = group.asked;
  if (entry == nullptr) return false;
  for (auto& room : change.choice.rooms) room = short_room(room, machine_.welcome().tenant_id);
  group.prospect = entry->interest;
  if (change.kind == Change::Kind::subscribe) group.prospect = changed(std::move(group.prospect), change.choice);
  if (change.kind == Change::Kind::unsubscribe) {
    for (const auto& room : change.choice.rooms) group.prospect.rooms.erase(room);
  }
  group.prospective = union_of(group, entry, &group.prospect);
  const auto& asked = group.asked.rooms;
  const auto& wanted = group.prospective.rooms;
  if (change.kind == Change::Kind::unsubscribe) {
    protocol::Unsubscribe frame{group.ns, {}};
    std::set_difference(asked.begin(), asked.end(), wanted.begin(), wanted.end(), std::back_inserter(frame.rooms));
    if (frame.rooms.empty()) return false;
    group.busy = ++last_op_;
    machine_.unsubscribe(now, group.busy, std::move(frame));
    return true;
  }
  protocol::Subscribe frame;
  frame.ns = group.ns;
  std::set_difference(wanted.begin(), wanted.end(), asked.begin(), asked.end(), std::back_inserter(frame.rooms));
  if (group.prospective.topics.kind != group.asked.topics.kind || group.prospective.topics.items != group.asked.topics.items) {
    frame.topics = group.prospective.topics;
  }
  if (group.prospective.filters.kind != group.asked.filters.kind ||
      group.prospective.filters.items != group.asked.filters.items) {
    frame.filters = group.prospective.filters;
  }
  if (frame.rooms.empty() && !frame.topics.present() && !frame.filters.present()) return false;
  group.busy = ++last_op_;
  machine_.subscribe(now, group.busy, std::move(frame));
  return true;
}

void SharedConnection::admit(Entry& entry, const Group& group) {
  entry.wish = Narrowing(group.vocabulary).wish_of(entry.interest);
  if (!entry.admitted || entry.entered) return;
  entry.entered = true;
  entry.late_at_ms = 0;
  entry.member->on_connected();
}

/// The change at the front is over, by the server's answer or because nothing was to be asked.
void SharedConnection::finish_change(const Now& now, Group& group, const websocket::Result<std::string>& answer) {
  Change change = std::move(group.changes.front());
  group.changes.pop_front();
  group.busy = 0;
  const auto member = change.member.lock();
  Entry* entry = member ? entry_of(group, member.get()) : nullptr;
  if (answer) {
    if (entry != nullptr) {
      entry->interest = group.prospect;
      entry->admitted = true;
    }
    group.asked = group.prospective;
    shrink(now, group);
    if (entry != nullptr) admit(*entry, group);
  } else if (change.kind == Change::Kind::enter && entry != nullptr && !entry->interest.rooms.empty()) {
    // A room that it held before is not allowed any more: it comes in without.
    const std::vector<std::string> rooms(entry->interest.rooms.begin(), entry->interest.rooms.end());
    entry->interest.rooms.clear();
    group.changes.push_front({Change::Kind::enter, change.member, {}, {}});
    member->on_rooms_lost(rooms, answer.error().code);
    return;
  } else if (change.kind == Change::Kind::enter && entry != nullptr) {
    std::erase_if(group.entries, [&](const auto& other) { return other.get() == entry; });
    --members_;
    member->on_refused(answer.error());
  }
  if (!change.done) return;
  if (entry == nullptr) {
    change.done(std::unexpected(Failure{"UNAVAILABLE", "disconnected before the reply"}));
  } else if (answer) {
    change.done(std::move(change.choice.rooms));
  } else {
    change.done(std::unexpected(answer.error()));
  }
}

/// Gives up what nobody wants any more.
void SharedConnection::shrink(const Now& now, Group& group) {
  protocol::Subscribe wanted = union_of(group, nullptr, nullptr);
  protocol::Unsubscribe rooms{group.ns, {}};
  std::set_difference(group.asked.rooms.begin(), group.asked.rooms.end(), wanted.rooms.begin(), wanted.rooms.end(),
                      std::back_inserter(rooms.rooms));
  protocol::Subscribe choice;
  choice.ns = group.ns;
  if (wanted.topics.kind != group.asked.topics.kind || wanted.topics.items != group.asked.topics.items)
    choice.topics = wanted.topics;
  if (wanted.filters.kind != group.asked.filters.kind || wanted.filters.items != group.asked.filters.items)
    choice.filters = wanted.filters;
  group.asked = std::move(wanted);
  (void)machine_.configure(now, group.asked);
  if (!group.joined) return;
  if (!rooms.rooms.empty()) machine_.unsubscribe(now, 0, std::move(rooms));
  if (choice.topics.present() || choice.filters.present()) machine_.subscribe(now, 0, std::move(choice));
}

void SharedConnection::request(const Now& now, const Member& member, protocol::Event event, std::int64_t timeout_ms,
                               Reply reply) {
  Group* group = group_of(member);
  if (group == nullptr) {
    reply(std::unexpected(Failure{"UNAVAILABLE", "not connected"}));
    return;
  }
  event.ns = group->ns;
  replies_.emplace(++last_op_, std::move(reply));
  machine_.request(now, last_op_, std::move(event), timeout_ms);
  run(now);
}

std::expected<void, Failure> SharedConnection::send(const Now& now, const Member& member, protocol::Event event) {
  Group* group = group_of(member);
  if (group == nullptr) return std::unexpected(Failure{"UNAVAILABLE", "not connected"});
  event.ns = group->ns;
  auto sent = machine_.send(now, event);
  run(now);
  return sent;
}

void SharedConnection::answer_ask(const Now& now, LinkId link, const std::string& call_id,
                                  const websocket::Result<std::string>& answer) {
  machine_.answer_ask(now, link, call_id, answer);
  run(now);
}

// What happens.

void SharedConnection::on_token(const Now& now, std::expected<std::string, std::string> token) {
  machine_.on_token(now, std::move(token));
  run(now);
}

void SharedConnection::on_open(const Now& now, LinkId link) {
  machine_.on_open(now, link);
  run(now);
}

void SharedConnection::on_bytes(const Now& now, LinkId link, std::string_view bytes) {
  machine_.on_bytes(now, link, bytes);
  run(now);
}

void SharedConnection::on_lost(const Now& now, LinkId link, std::string_view detail) {
  machine_.on_lost(now, link, detail);
  run(now);
}

void SharedConnection::on_tick(const Now& now) {
  machine_.on_tick(now);
  run(now);
  for (auto& [ns, group] : groups_) {
    for (auto& entry : group.entries) {
      if (entry->late_at_ms == 0 || entry->late_at_ms > now.monotonic_ms) continue;
      entry->late_at_ms = 0;
      entry->member->on_late();
    }
  }
}

std::int64_t SharedConnection::next_deadline() const {
  std::int64_t next = machine_.next_deadline();
  for (const auto& [ns, group] : groups_) {
    for (const auto& entry : group.entries) {
      if (entry->late_at_ms != 0) next = std::min(next, entry->late_at_ms);
    }
  }
  return next;
}

/// The end of every call: carries out the machine's actions until there are no more.
void SharedConnection::run(const Now& now) {
  collect(now);
  for (auto actions = machine_.take_actions(); !actions.empty(); actions = machine_.take_actions()) {
    for (auto& action : actions) handle(now, action);
    collect(now);
  }
}

/// Leaves what has no member any more.
void SharedConnection::collect(const Now& now) {
  for (auto it = groups_.begin(); it != groups_.end();) {
    if (!it->second.entries.empty()) {
      ++it;
      continue;
    }
    auto node = groups_.extract(it++);
    machine_.leave(now, node.key());
    for (auto& change : node.mapped().changes) {
      if (change.done) change.done(std::unexpected(Failure{"UNAVAILABLE", "disconnected before the reply"}));
    }
  }
  const bool open = machine_.state() != State::disconnected && machine_.state() != State::failed;
  if (members_ == 0 && open) machine_.disconnect(now);
}

void SharedConnection::handle(const Now& now, Action& action) {
  if (auto* delivered = std::get_if<action::Delivered>(&action)) {
    deliver(delivered->message);
  } else if (auto* send = std::get_if<action::Send>(&action)) {
    transports_.send(send->link, std::move(send->bytes));
  } else if (auto* answered = std::get_if<action::Answered>(&action)) {
    on_answered(now, *answered);
  } else if (auto* asked = std::get_if<action::Asked>(&action)) {
    put_question(now, *asked);
  } else if (auto* open = std::get_if<action::Open>(&action)) {
    transports_.open(open->link);
  } else if (auto* close = std::get_if<action::Close>(&action)) {
    transports_.close(close->link);
  } else if (std::get_if<action::AskToken>(&action) != nullptr) {
    transports_.ask_token();
  } else if (auto* joined = std::get_if<action::Joined>(&action)) {
    on_joined(now, *joined);
  } else if (auto* ended = std::get_if<action::Ended>(&action)) {
    on_ended(*ended);
  } else if (auto* refused = std::get_if<action::JoinRefused>(&action)) {
    on_refused(*refused);
  } else if (auto* evicted = std::get_if<action::Evicted>(&action)) {
    const auto group = groups_.find(evicted->ns);
    if (group != groups_.end()) lose_rooms(now, group->second, evicted->rooms, evicted->code);
  } else if (auto* problem = std::get_if<action::Problem>(&action)) {
    tell_problem(problem->failure);
  } else if (auto* stale = std::get_if<action::Stale>(&action)) {
    const auto group = groups_.find(stale->stale.namespace_);
    if (group == groups_.end()) return;
    for (const auto& entry : group->second.entries) entry->member->on_stale(stale->stale);
  }
}

void SharedConnection::on_joined(const Now& now, const action::Joined& joined) {
  const auto found = groups_.find(joined.ns);
  if (found == groups_.end()) return;
  Group& group = found->second;
  group.joined = true;
  group.vocabulary = {};
  for (const auto& [name, patterns] : joined.reply.topics) group.vocabulary.topics.push_back({name, patterns});
  for (const auto& [name, paths] : joined.reply.fields) group.vocabulary.fields.push_back({name, paths});
  std::map<std::string, std::vector<std::string>> denied;
  for (const auto& [room, code] : joined.reply.denied) denied[code].push_back(short_room(room, machine_.welcome().tenant_id));
  for (const auto& entry : group.entries) admit(*entry, group);
  for (const auto& [code, rooms] : denied) lose_rooms(now, group, rooms, code);
  protocol::Unsubscribe extra{group.ns, {}};
  for (const auto& room : joined.reply.rooms) {
    const auto& asked = group.asked.rooms;
    if (!identity_room(room) && !std::binary_search(asked.begin(), asked.end(), room)) extra.rooms.push_back(room);
  }
  // Given up while the join was on its way.
  if (!extra.rooms.empty()) machine_.unsubscribe(now, 0, std::move(extra));
  next_change(now, group);
}

void SharedConnection::on_answered(const Now& now, action::Answered& answered) {
  if (auto reply = replies_.extract(answered.op)) {
    reply.mapped()(std::move(answered.answer));
    return;
  }
  for (auto& [ns, group] : groups_) {
    if (group.busy != answered.op) continue;
    finish_change(now, group, answered.answer);
    next_change(now, group);
    return;
  }
}

void SharedConnection::on_ended(const action::Ended& ended) {
  std::vector<std::shared_ptr<Member>> members;
  std::vector<Change> changes;
  for (auto& [ns, group] : groups_) {
    group.joined = false;
    for (auto& entry : group.entries) {
      entry->entered = false;
      members.push_back(entry->member);
    }
    if (ended.will_retry) continue;
    for (auto& change : group.changes) changes.push_back(std::move(change));
  }
  if (!ended.will_retry) {
    groups_.clear();
    members_ = 0;
  }
  for (auto& change : changes) {
    if (change.done) change.done(std::unexpected(Failure{"UNAVAILABLE", ended.end.reason}));
  }
  for (const auto& member : members) member->on_ended(ended);
}

void SharedConnection::on_refused(const action::JoinRefused& refused) {
  auto node = groups_.extract(refused.ns);
  if (node.empty()) return;
  Group& group = node.mapped();
  members_ -= group.entries.size();
  for (auto& change : group.changes) {
    if (change.done) change.done(std::unexpected(refused.failure));
  }
  for (const auto& entry : group.entries) entry->member->on_refused(refused.failure);
}

void SharedConnection::deliver(const Message& message) {
  const auto found = groups_.find(message.namespace_);
  if (found == groups_.end()) return;
  const Group& group = found->second;
  const bool filtered =
      std::any_of(group.entries.begin(), group.entries.end(), [](const auto& entry) { return !entry->wish.everything(); });
  const bool claimed = std::any_of(group.entries.begin(), group.entries.end(),
                                   [&](const auto& entry) { return entry->interest.rooms.contains(message.room); });
  const auto values = filtered ? protocol::FieldValues::read(message.data, group.vocabulary) : protocol::FieldValues{};
  const Narrowing narrowing(group.vocabulary);
  for (const auto& entry : group.entries) {
    const bool others = claimed && !entry->interest.rooms.contains(message.room);
    if (entry->entered && narrowing.wants(entry->interest, entry->wish, message, values, others))
      entry->member->on_message(message);
  }
}

void SharedConnection::put_question(const Now& now, const action::Asked& asked) {
  const auto found = groups_.find(asked.question.namespace_);
  if (found != groups_.end()) {
    for (const auto& entry : found->second.entries) {
      if (entry->entered && entry->member->on_asked(asked)) return;
    }
  }
  machine_.answer_ask(now, asked.link, asked.call_id,
                      std::unexpected(Failure{"NO_HANDLER", "no client of this program answers " + asked.question.event}));
}

void SharedConnection::lose_rooms(const Now& now, Group& group, const std::vector<std::string>& rooms, const std::string& code) {
  for (auto& entry : group.entries) {
    std::vector<std::string> lost;
    for (const auto& room : rooms) {
      if (entry->interest.rooms.erase(room) != 0) lost.push_back(room);
    }
    if (!lost.empty()) entry->member->on_rooms_lost(lost, code);
  }
  std::erase_if(group.asked.rooms, [&](const auto& room) { return std::find(rooms.begin(), rooms.end(), room) != rooms.end(); });
  (void)machine_.configure(now, group.asked);
}

void SharedConnection::tell_problem(const Failure& failure) {
  for (const auto& [ns, group] : groups_) {
    for (const auto& entry : group.entries) entry->member->on_problem(failure);
  }
}

}  // namespace sparc::client
