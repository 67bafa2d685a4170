// What stands between a shard and its broker, and the node around it.

#include <algorithm>

#include "sim/world.h"

namespace sparc::sim {

// The tap.

namespace {
std::string name_of(const StreamKey& stream) { return std::string(namespace_name(stream.ns)) + "/" + stream.tenant; }
}  // namespace

void Tap::publish(broker::Ticket ticket, Publication publication) {
  if (ticket != 0) publishing_[ticket] = publication.id;
  door_.publish(ticket, std::move(publication));
}
void Tap::enter(broker::Ticket ticket, const StreamKey& stream) {
  entered_.insert(name_of(stream));
  if (trace) trace("  shard " + std::to_string(shard_) + " enters " + name_of(stream));
  door_.enter(ticket, stream);
}
void Tap::leave(const StreamKey& stream) {
  entered_.erase(name_of(stream));
  if (trace) trace("  shard " + std::to_string(shard_) + " leaves " + name_of(stream));
  door_.leave(stream);
}
void Tap::read(broker::Ticket ticket, const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits) {
  if (trace)
    trace("  shard " + std::to_string(shard_) + " reads " + name_of(stream) +
          (since ? " from " + since->epoch + "/" + std::to_string(since->offset) : ""));
  limits.entries_max = std::min<std::size_t>(limits.entries_max, 5);
  door_.read(ticket, stream, std::move(since), limits);
}
void Tap::latest(broker::Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) {
  door_.latest(ticket, stream, std::move(rooms));
}

void Tap::on_publication(PublicationPtr publication) {
  if (trace)
    trace("  shard " + std::to_string(shard_) + " is told " + publication->id + " at " + publication->epoch + "/" +
          std::to_string(publication->offset));
  model_.told(shard_, *publication);
  listener_->on_publication(std::move(publication));
}
void Tap::on_published(broker::Ticket ticket, broker::Published result) {
  const auto found = publishing_.find(ticket);
  if (found != publishing_.end()) {
    if (result.outcome == broker::Published::Outcome::numbered) model_.placed(found->second, result.position);
    publishing_.erase(found);
  }
  listener_->on_published(ticket, std::move(result));
}
void Tap::on_history(broker::Ticket ticket, broker::HistoryPart part) {
  if (trace) {
    trace("  shard " + std::to_string(shard_) + " reads " + std::to_string(part.entries.size()) + " entries to " +
          part.next.epoch + "/" + std::to_string(part.next.offset) + (part.complete ? ", complete" : ""));
  }
  listener_->on_history(ticket, std::move(part));
}
void Tap::keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) {
  if (trace) trace("  shard " + std::to_string(shard_) + " keeps " + std::string(key) + ": " + std::string(value));
  door_.keep_record(key, value, ttl_ms);
}
void Tap::take_record(broker::Ticket ticket, std::string_view key) {
  if (trace) trace("  shard " + std::to_string(shard_) + " takes " + std::string(key));
  door_.take_record(ticket, key);
}
void Tap::on_record(broker::Ticket ticket, std::optional<std::string> value) {
  if (trace) trace("  shard " + std::to_string(shard_) + " is given " + value.value_or("nothing"));
  listener_->on_record(ticket, std::move(value));
}
void Tap::on_missed(const broker::Missed& missed) {
  if (trace) {
    trace("  shard " + std::to_string(shard_) + " missed some of " + name_of(missed.stream) +
          (missed.numbered ? ", numbered" : "") + (missed.latest ? ", latest" : "") +
          (missed.gone != 0 ? ", " + std::to_string(missed.gone) + " others" : ""));
  }
  model_.missed(shard_, missed);
  listener_->on_missed(missed);
}
void Tap::ask_values(const StreamKey& stream, std::vector<std::string> rooms) {
  const broker::Ticket ticket = asked_here + asked_.size();
  asked_[ticket] = stream;
  door_.latest(ticket, stream, std::move(rooms));
}
void Tap::on_latest(broker::Ticket ticket, std::vector<PublicationPtr> values) {
  if (ticket >= asked_here) return model_.keeps(asked_[ticket], values);
  listener_->on_latest(ticket, std::move(values));
}

// The node.

std::expected<void, Fault> SimHost::admit(const Identity&) {
  ++admitted;
  return {};
}

void SimHost::client_disconnected(const shard::ClientInfo& client, NamespaceId, std::string_view reason) {
  --joined;
  world_.ended(client.address, reason);
}

void SimHost::client_event(shard::ClientEvent event) { events.push_back(std::move(event)); }

void SimHost::ask(shard::ClientAsk ask, shard::AskDone done) {
  std::vector<shard::Recipients> found;
  for (std::size_t i = 0; i < world_.shards(); ++i) found.push_back(world_.shard(i).recipients(ask));
  auto outs = world_.asks().begin(std::move(found), ask.asker, world_.shard(0).settings().limits, std::move(done));
  for (std::size_t i = 0; i < outs.size(); ++i) {
    if (outs[i].empty()) continue;
    world_.host(i).later.push_back([&shard = world_.shard(i), of = std::move(outs[i]), what = ask.what,
                                    timeout_ms = ask.timeout_ms] { shard.ask_clients(of, *what, timeout_ms); });
  }
}

void SimHost::answered(const shard::AskPlace& place, shard::ClientAnswer answer) {
  world_.asks().answer(place, std::move(answer), world_.shard(0).settings().limits);
}

void SimHost::presence(StreamKey stream, std::string room,
                       std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) {
  std::vector<shard::PresenceEntry> users;
  for (std::size_t i = 0; i < world_.shards(); ++i) {
    for (const shard::PresenceEntry& entry : world_.shard(i).presence_of(stream, room)) users.push_back(entry);
  }
  if (users.empty()) violated("presence of " + room + " is empty, although somebody asks from within");
  later.push_back([users = std::move(users), done = std::move(done)]() mutable { done(std::move(users)); });
}

}  // namespace sparc::sim
