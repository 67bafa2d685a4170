#include "broker/memory/service_router.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <iterator>
#include <limits>
#include <tuple>

#include "base/pattern.h"

namespace sparc::broker {
namespace {

bool is_pattern(std::string_view name) { return name.find('*') != std::string_view::npos; }

bool is_defined(const ServiceAnswer& answer) { return !answer.data.empty() || answer.fault.has_value(); }

ServiceAnswer failure(Code code, std::string message) { return {{}, Fault{code, std::move(message), 0}}; }

/// What the client's shard needs to know to give the answer.
ServiceCall without_payload(const ServiceCall& call, std::string id) {
  return {std::move(id), call.event, {}, {}, call.tenant, call.connection, call.shard, call.wants_reply, call.request};
}

Fault bounded(std::string_view what, std::size_t most, std::string_view key) {
  return {Code::BAD_REQUEST,
          "not all is handled: 1 to " + std::to_string(most) + ' ' + std::string(what) + " (" + std::string(key) + ")"};
}

}  // namespace

bool ServiceRouter::Earlier::operator()(const Task* a, const Task* b) const {
  return std::pair(a->event->number, a->index) < std::pair(b->event->number, b->index);
}

ServiceRouter::ServiceRouter(const Limits& limits, Out& out, Entropy& entropy)
    : limits_(limits), out_(out), prefix_(entropy.token(16) + "-") {}

ServiceRouter::~ServiceRouter() = default;

std::optional<Fault> ServiceRouter::handle(InstanceId instance, std::string group, std::string tenant,
                                           std::vector<std::string> events, bool retryable, bool local, Now now) {
  advance(now);
  if (group.empty() || group.size() > limits_.event_name_bytes_max) {
    counters_.handlers_refused += events.size();
    flush();
    return bounded("bytes of a group's name", limits_.event_name_bytes_max, "limits.event_name_bytes_max");
  }
  std::optional<Fault> refused;
  Group& of = group_named(group);
  ++of.places;  // so that a refused handler does not take it away meanwhile
  for (std::string& event : events) {
    const auto place = place_for(of, tenant, event);
    const auto joined = place ? join(instance_with(instance), **place, retryable) : std::unexpected(place.error());
    if (joined) continue;
    ++counters_.handlers_refused;
    if (!refused) refused = joined.error();
  }
  if (auto known = instances_.find(instance); known != instances_.end()) known->second->local = local;
  place_waiting(of);
  --of.places;
  drop_if_unused(of);
  flush();
  return refused;
}

void ServiceRouter::gone(InstanceId instance, Now now) {
  advance(now);
  auto found = instances_.find(instance);
  if (found == instances_.end()) return flush();
  const std::unique_ptr<Instance> leaving = std::move(found->second);
  instances_.erase(found);
  leave_places(*leaving);
  const Tasks waiting = leaving->waiting;
  for (Task* task : waiting) unqueue(*task);
  Tasks moving = std::move(leaving->started);
  moving.insert(waiting.begin(), waiting.end());
  for (Task* task : moving) {
    task->instance = nullptr;
    task->state = Task::State::unrouted;
  }
  for (Task* task : moving) {
    if (task->sent && !task->retryable) {
      ++counters_.lost_with_instance;
      finish(*task, failure(Code::UNAVAILABLE, "the service went away before it answered"));
      continue;
    }
    ++(task->sent ? counters_.resent : counters_.moved);
    task->sent = false;
    route(*task, candidates_of(*task));
  }
  flush();
}

void ServiceRouter::connection_gone(std::uint64_t connection) {
  actions_.erase_if([&](const auto& action) {
    const auto* answering = std::get_if<Answering>(&action);
    if (answering == nullptr || answering->call.connection != connection) return false;
    --counters_.answered;
    ++counters_.answers_dropped;
    return true;
  });
  auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  if (found->second->events == 0) idle_.erase(found->second->idle);
  found->second->left = true;  // its events know it until they are over: those that wait stay in order
  connections_.erase(found);
}

void ServiceRouter::accept(ServiceCall call, Now now) {
  advance(now);
  ++counters_.accepted;
  std::vector<Match> matches = match(call);
  auto event = std::make_shared<Event>();
  event->number = ++last_event_;
  event->deadline_ms = now_ms_ + limits_.service_deadline_ms;
  event->call = std::move(call);
  event->bytes = event->call.data.size();
  for (const std::string& attachment : event->call.attachments) event->bytes += attachment.size();
  event->connection = connection_with(event->call.connection);
  event->open = matches.size();
  if (matches.empty()) {
    ++counters_.no_handler;
    reply(*event, failure(Code::NO_HANDLER, "no service handles this event"));
    release(*event->connection);
    return flush();
  }
  events_.emplace_hint(events_.end(), event->number, event);
  event->tasks.reserve(matches.size());
  for (const Match& match : matches) {
    ++match.group->tasks;
    event->tasks.push_back({event.get(), match.group, nullptr, static_cast<std::uint32_t>(event->tasks.size())});
  }
  for (std::size_t i = 0; i < matches.size(); ++i) route(event->tasks[i], matches[i].candidates);
  flush();
}

void ServiceRouter::result(InstanceId instance, std::string_view call_id, ServiceAnswer answer, Now now) {
  advance(now);
  Task* task = find(call_id);
  if (task == nullptr || task->state != Task::State::started || !task->sent || task->instance->id != instance) {
    ++counters_.late_results;
  } else {
    finish(*task, std::move(answer));
  }
  flush();
}

void ServiceRouter::on_tick(Now now) {
  advance(now);
  flush();
}

std::int64_t ServiceRouter::next_due_ms() const {
  std::int64_t due = INT64_MAX;
  if (!events_.empty()) due = events_.begin()->second->deadline_ms;
  if (!vacant_.empty()) due = std::min(due, vacant_.begin()->first);
  return due;
}

ServiceRouter::Counters ServiceRouter::counters() const {
  Counters now = counters_;
  now.groups = groups_.size();
  now.handlers = places_;
  now.instances = instances_.size();
  now.connections = connections_.size();
  now.events = events_.size();
  for (const auto& [id, instance] : instances_) now.in_flight += instance->started.size();
  for (const auto& [name, group] : groups_) now.waiting += group->waiting;
  return now;
}

// --- who handles what ---

template <class F>
void ServiceRouter::each_place(std::string_view event, std::string_view tenant, F&& visit) const {
  const auto applies = [&](const Place& place) { return place.tenant.empty() || place.tenant == tenant; };
  if (auto found = exact_.find(event); found != exact_.end()) {
    for (const auto& place : found->second) {
      if (applies(*place)) visit(*place);
    }
  }
  for (const auto& place : patterns_) {
    if (applies(*place) && matches_pattern(place->pattern, event)) visit(*place);
  }
}

std::vector<ServiceRouter::Match> ServiceRouter::match(const ServiceCall& call) const {
  std::vector<Match> matches;
  each_place(call.event, call.tenant, [&](const Place& place) {
    auto known = std::find_if(matches.begin(), matches.end(), [&](const Match& m) { return m.group == place.group; });
    if (known == matches.end()) known = matches.insert(matches.end(), Match{place.group, {}});
    add_members(place, known->candidates);
  });
  return matches;
}

ServiceRouter::Candidates ServiceRouter::candidates_of(const Task& task) const {
  Candidates candidates;
  each_place(task.event->call.event, task.event->call.tenant, [&](const Place& place) {
    if (place.group == task.group) add_members(place, candidates);
  });
  return candidates;
}

void ServiceRouter::add_members(const Place& place, Candidates& candidates) {
  for (const Place::Member& member : place.members) {
    auto known = std::find_if(candidates.begin(), candidates.end(), [&](const auto& c) { return c.instance == member.instance; });
    if (known == candidates.end()) {
      candidates.push_back(member);
    } else {
      known->retryable = known->retryable && member.retryable;
    }
  }
}

ServiceRouter::Group& ServiceRouter::group_named(const std::string& name) {
  auto& group = groups_[name];
  if (!group) {
    group = std::make_unique<Group>();
    group->name = name;
    group->serial = ++last_serial_;
  }
  return *group;
}

ServiceRouter::Instance& ServiceRouter::instance_with(InstanceId id) {
  auto& instance = instances_[id];
  if (!instance) {
    instance = std::make_unique<Instance>();
    instance->id = id;
    instance->serial = ++last_serial_;
  }
  return *instance;
}

std::expected<ServiceRouter::Place*, Fault> ServiceRouter::place_for(Group& group, const std::string& tenant,
                                                                     std::string& pattern) {
  const bool with_star = is_pattern(pattern);
  auto same = [&](const auto& place) { return place->group == &group && place->tenant == tenant && place->pattern == pattern; };
  if (auto bucket = exact_.find(pattern); with_star || bucket != exact_.end()) {
    Places& places = with_star ? patterns_ : bucket->second;
    if (auto known = std::find_if(places.begin(), places.end(), same); known != places.end()) return known->get();
  }
  if (places_ >= limits_.service_node_handlers_max && !vacant_.empty()) drop_place(*vacant_.begin()->second);
  if (pattern.empty() || pattern.size() > limits_.event_name_bytes_max) {
    return std::unexpected(bounded("bytes of an event's name", limits_.event_name_bytes_max, "limits.event_name_bytes_max"));
  }
  if (places_ >= limits_.service_node_handlers_max) {
    return std::unexpected(
        bounded("names and patterns of a node", limits_.service_node_handlers_max, "limits.service_node_handlers_max"));
  }
  if (with_star && patterns_.size() >= limits_.service_node_patterns_max) {
    return std::unexpected(bounded("patterns of a node", limits_.service_node_patterns_max, "limits.service_node_patterns_max"));
  }
  ++places_;
  ++group.places;
  auto place = std::make_unique<Place>();
  place->group = &group;
  place->tenant = tenant;
  place->pattern = std::move(pattern);
  place->vacant_until_ms = now_ms_;
  vacant_.emplace(now_ms_, place.get());
  Places& places = with_star ? patterns_ : exact_[place->pattern];
  return places.emplace_back(std::move(place)).get();
}

std::expected<void, Fault> ServiceRouter::join(Instance& instance, Place& place, bool retryable) {
  auto known = std::find_if(place.members.begin(), place.members.end(), [&](const auto& m) { return m.instance == &instance; });
  if (known != place.members.end()) {
    known->retryable = retryable;
    return {};
  }
  if (instance.places.size() >= limits_.service_handlers_max) {
    if (place.members.empty() && place.vacant_until_ms <= now_ms_) drop_place(place);  // it was made for this
    return std::unexpected(
        bounded("names and patterns of an instance", limits_.service_handlers_max, "limits.service_handlers_max"));
  }
  if (place.members.empty()) vacant_.erase({place.vacant_until_ms, &place});
  place.members.push_back({&instance, retryable});
  instance.places.push_back(&place);
  return {};
}

void ServiceRouter::leave_places(const Instance& instance) {
  for (Place* place : instance.places) {
    std::erase_if(place->members, [&](const Place::Member& member) { return member.instance == &instance; });
    if (!place->members.empty()) continue;
    place->vacant_until_ms = now_ms_ + limits_.service_group_grace_ms;
    vacant_.emplace(place->vacant_until_ms, place);
  }
}

void ServiceRouter::drop_place(Place& place) {
  assert(place.members.empty());
  Group& group = *place.group;
  const std::string pattern = place.pattern;
  vacant_.erase({place.vacant_until_ms, &place});
  auto bucket = exact_.find(pattern);
  Places& places = is_pattern(pattern) ? patterns_ : bucket->second;
  std::erase_if(places, [&](const auto& p) { return p.get() == &place; });
  if (bucket != exact_.end() && bucket->second.empty()) exact_.erase(bucket);
  --places_;
  --group.places;
  drop_if_unused(group);
}

void ServiceRouter::drop_if_unused(Group& group) {
  if (group.places == 0 && group.tasks == 0) groups_.erase(groups_.find(group.name));
}

// --- the way of a task ---

void ServiceRouter::route(Task& task, const Candidates& candidates) {
  const Place::Member chosen = choose(task, candidates);
  const bool starts = chosen.instance != nullptr && has_room(*chosen.instance);
  if (!starts && queue_is_full(*task.group, *task.event)) {
    ++counters_.refused_queue_full;
    return finish(task, failure(Code::UNAVAILABLE, "too many events wait for the service"));
  }
  task.retryable = chosen.retryable;
  queue(task, chosen.instance);
  if (chosen.instance != nullptr) pump(*chosen.instance);
}

ServiceRouter::Place::Member ServiceRouter::choose(const Task& task, const Candidates& candidates) {
  std::vector<Binding>& bindings = task.event->connection->bindings;
  for (const Binding& binding : bindings) {
    if (binding.group_serial != task.group->serial) continue;
    for (const Place::Member& candidate : candidates) {
      if (candidate.instance->serial == binding.instance_serial) return candidate;
    }
  }
  const Place::Member* best = least_busy(candidates);
  if (best == nullptr) return {};
  std::erase_if(bindings, [&](const Binding& binding) { return !lives(binding); });
  bindings.push_back({task.group->serial, best->instance->id, best->instance->serial});
  best->instance->chosen = ++last_choice_;
  return *best;
}

const ServiceRouter::Place::Member* ServiceRouter::least_busy(const Candidates& candidates) const {
  const auto rank = [&](const Place::Member& candidate) {
    const Instance& instance = *candidate.instance;
    const bool room = has_room(instance);
    return std::tuple(!room, room && !instance.local, instance.started.size() + instance.waiting.size(), !instance.local,
                      instance.chosen, instance.serial);
  };
  auto best =
      std::min_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return best == candidates.end() ? nullptr : &*best;
}

bool ServiceRouter::queue_is_full(const Group& group, const Event& event) const {
  return group.waiting >= limits_.service_queue_entries_max ||
         group.waiting_bytes + event.bytes > limits_.service_queue_bytes_max;
}

void ServiceRouter::queue(Task& task, Instance* instance) {
  task.instance = instance;
  task.state = Task::State::waiting;
  (instance != nullptr ? instance->waiting : task.group->unplaced).insert(&task);
  ++task.group->waiting;
  task.group->waiting_bytes += task.event->bytes;
}

void ServiceRouter::unqueue(Task& task) {
  (task.instance != nullptr ? task.instance->waiting : task.group->unplaced).erase(&task);
  --task.group->waiting;
  task.group->waiting_bytes -= task.event->bytes;
  task.state = Task::State::unrouted;
}

/// An instance came: what waits without one may have one now.
void ServiceRouter::place_waiting(Group& group) {
  const std::vector<Task*> waiting(group.unplaced.begin(), group.unplaced.end());
  for (Task* task : waiting) {
    const Candidates candidates = candidates_of(*task);
    if (candidates.empty()) continue;
    unqueue(*task);
    route(*task, candidates);
  }
}

void ServiceRouter::pump(Instance& instance) {
  while (has_room(instance) && !instance.waiting.empty()) {
    Task& task = **instance.waiting.begin();
    if (task.event->deadline_ms <= now_ms_) return;  // about to expire, and to pump again
    unqueue(task);
    task.state = Task::State::started;
    instance.started.insert(&task);
    actions_.push_back(Invoking{task.event->number, task.index, instance.serial});
  }
}

ServiceRouter::Instance* ServiceRouter::close(Task& task) {
  if (task.state == Task::State::waiting) unqueue(task);
  if (task.state == Task::State::started) task.instance->started.erase(&task);
  task.state = Task::State::over;
  --task.event->open;
  --task.group->tasks;
  drop_if_unused(*std::exchange(task.group, nullptr));
  return std::exchange(task.instance, nullptr);
}

/// The task's event may be gone afterwards.
void ServiceRouter::finish(Task& task, ServiceAnswer answer) {
  Event& event = *task.event;
  Instance* const freed = close(task);
  if (is_defined(answer)) reply(event, std::move(answer));
  settle(event);
  if (freed != nullptr) pump(*freed);
}

void ServiceRouter::settle(Event& event) {
  if (event.open != 0) return;
  reply(event, {});
  release(*event.connection);
  events_.erase(event.number);
}

void ServiceRouter::reply(Event& event, ServiceAnswer answer) {
  if (!event.call.wants_reply || event.replied) return;
  event.replied = true;
  if (event.connection->left) {
    ++counters_.answers_dropped;
    return;
  }
  ++counters_.answered;
  actions_.push_back(Answering{without_payload(event.call, id_of(event)), std::move(answer)});
}

// --- time ---

void ServiceRouter::advance(Now now) {
  now_ms_ = std::max(now_ms_, now.monotonic_ms);
  while (!events_.empty() && events_.begin()->second->deadline_ms <= now_ms_) {
    const std::shared_ptr<Event> event = events_.begin()->second;
    expire(*event);
  }
  while (!vacant_.empty() && vacant_.begin()->first <= now_ms_) drop_place(*vacant_.begin()->second);
}

void ServiceRouter::expire(Event& event) {
  ++counters_.timeouts;
  reply(event, failure(Code::TIMEOUT, "no service answered within " + std::to_string(limits_.service_deadline_ms) + " ms"));
  for (Task& task : event.tasks) {
    if (task.state == Task::State::over) continue;
    if (task.state == Task::State::waiting) ++counters_.expired_unstarted;
    if (Instance* freed = close(task)) pump(*freed);
  }
  settle(event);
}

// --- connections ---

std::shared_ptr<ServiceRouter::Connection> ServiceRouter::connection_with(std::uint64_t key) {
  auto& connection = connections_[key];
  if (!connection) {
    connection = std::make_shared<Connection>();
    connection->key = key;
  } else if (connection->events == 0) {
    idle_.erase(connection->idle);
  }
  ++connection->events;
  const std::shared_ptr<Connection> held = connection;
  if (connections_.size() > limits_.service_clients_max && !idle_.empty()) {
    connections_.erase(idle_.front());
    idle_.pop_front();
    ++counters_.connections_forgotten;
  }
  return held;
}

void ServiceRouter::release(Connection& connection) {
  if (--connection.events != 0 || connection.left) return;
  if (connection.bindings.empty()) {
    connections_.erase(connection.key);
  } else {
    connection.idle = idle_.insert(idle_.end(), connection.key);
  }
}

bool ServiceRouter::lives(const Binding& binding) const {
  auto found = instances_.find(binding.instance);
  return found != instances_.end() && found->second->serial == binding.instance_serial;
}

// --- out ---

void ServiceRouter::flush() {
  if (flushing_) return;  // `out_` called the router: the loop below goes on with what that brought
  flushing_ = true;
  while (!actions_.empty()) {
    auto action = actions_.pop_front();
    if (auto* invoking = std::get_if<Invoking>(&action)) {
      send(*invoking);
    } else {
      auto& answering = std::get<Answering>(action);
      out_.answer(answering.call, std::move(answering.answer));
    }
  }
  flushing_ = false;
}

void ServiceRouter::send(const Invoking& invoking) {
  auto found = events_.find(invoking.event);
  if (found == events_.end()) return;
  const std::shared_ptr<Event> event = found->second;  // `out_` may bring it to its end while it reads the call
  Task& task = event->tasks[invoking.task];
  if (task.state != Task::State::started || task.sent || task.instance->serial != invoking.instance_serial) return;
  task.sent = true;
  ++counters_.invoked;
  event->call.id = id_of(task);
  const std::int64_t left_ms = event->deadline_ms - now_ms_;
  out_.invoke(task.instance->id, event->call, static_cast<std::uint32_t>(left_ms));
  const bool needed = std::any_of(event->tasks.begin(), event->tasks.end(), [](const Task& t) {
    return t.state == Task::State::waiting || (t.state == Task::State::started && (!t.sent || t.retryable));
  });
  if (needed) return;
  std::string().swap(event->call.data);
  std::vector<std::string>().swap(event->call.attachments);
}

ServiceRouter::Task* ServiceRouter::find(std::string_view call_id) const {
  if (!call_id.starts_with(prefix_)) return nullptr;
  const char* const end = call_id.data() + call_id.size();
  std::uint64_t number = 0;
  std::uint32_t index = 0;
  const auto dot = std::from_chars(call_id.data() + prefix_.size(), end, number);
  if (dot.ec != std::errc{} || dot.ptr == end || *dot.ptr != '.') return nullptr;
  const auto rest = std::from_chars(dot.ptr + 1, end, index);
  if (rest.ec != std::errc{} || rest.ptr != end) return nullptr;
  auto found = events_.find(number);
  if (found == events_.end() || index >= found->second->tasks.size()) return nullptr;
  Task& task = found->second->tasks[index];
  return id_of(task) == call_id ? &task : nullptr;  // not another way to write its numbers
}

}  // namespace sparc::broker
