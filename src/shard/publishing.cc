// From a publisher's words to the broker, and back to the members.

#include <algorithm>

#include "base/json_text.h"
#include "protocol/json_scan.h"
#include "protocol/room_name.h"
#include "protocol/text_rules.h"
#include "shard/shard.h"

namespace sparc::shard {

using protocol::RoomKind;

namespace {

/// Names a `latest` value of a room.
std::string latest_name(const Publication& publication, const std::string& room) {
  std::string name = std::to_string(publication.ns) + '/' + publication.tenant + '/' + room;
  name.push_back('\0');
  name += publication.event;
  name.push_back('\0');
  name += publication.latest_key;
  return name;
}

}  // namespace

void Shard::publish(PublishRequest request, const ServiceIdentity* publisher, PublishDone done) {
  address(std::move(request), publisher, [this, done = std::move(done)](std::expected<Publication, Fault> publication) mutable {
    if (!publication) return done({std::move(publication.error()), {}, false});
    if (publication->rooms.empty()) return done({});  // accepted: nobody to reach
    if (publication->id.empty()) publication->id = parts_.entropy.token(20);
    apply_policy(*publication);
    counters_->namespaces[publication->ns].publications.add();
    to_broker(std::move(*publication), std::move(done));
  });
}

std::expected<Publication, Fault> Shard::unaddressed(PublishRequest request) {
  const auto refused = [](std::string text) { return std::unexpected(Fault{Code::BAD_REQUEST, std::move(text)}); };
  const auto ns = settings_->find_namespace(request.ns);
  if (!ns) return std::unexpected(unknown_namespace(*settings_, request.ns));
  if (!protocol::plain_text(request.event, settings_->limits.event_name_bytes_max)) {
    return refused("\"event\" must be 1 to " + std::to_string(settings_->limits.event_name_bytes_max) +
                   " bytes of UTF-8 without control characters");
  }
  if (request.except.size() > settings_->limits.publication_rooms_max) {
    return refused("\"except\" names " + std::to_string(settings_->limits.publication_rooms_max) +
                   " connections at most (limits.publication_rooms_max)");
  }
  if (!request.tenant.empty() && !valid_id(request.tenant)) return refused("\"tenantId\" is no valid id");
  if (!request.publication_id.empty() && !protocol::plain_text(request.publication_id, 128)) {
    return refused("\"publicationId\" must be 1 to 128 bytes of UTF-8 without control characters");
  }
  Publication out;
  out.ns = *ns;
  out.event = std::move(request.event);
  out.data = request.data.empty() ? "null" : std::move(request.data);
  out.more_args = std::move(request.more_args);
  out.attachments = std::move(request.attachments);
  out.except = std::move(request.except);
  out.id = std::move(request.publication_id);
  out.timestamp_ms = now_.wall_ms;
  out.timestamp_us = now_.wall_us;
  return out;
}

void Shard::address(PublishRequest request, const ServiceIdentity* publisher, Addressed then) {
  auto refuse = [&](Code code, std::string text) { then(std::unexpected(Fault{code, std::move(text)})); };
  const std::vector<std::string> rooms = std::move(request.rooms);
  const std::string named_tenant = request.tenant;
  auto publication = unaddressed(std::move(request));
  if (!publication) return then(std::move(publication));
  if (rooms.empty() || rooms.size() > settings_->limits.publication_rooms_max) {
    return refuse(Code::BAD_REQUEST,
                  "a publication names 1 to " + std::to_string(settings_->limits.publication_rooms_max) + " rooms");
  }

  std::string tenant;
  bool tenant_named = false, any_public = false;
  std::optional<protocol::RoomName> unresolved;
  for (const std::string& room : rooms) {
    auto parsed = protocol::parse_room(room, settings_->limits.room_name_bytes_max);
    if (!parsed) return then(std::unexpected(std::move(parsed.error())));
    std::string of = parsed->tenant;
    if (!of.empty() && settings_->is_public_room(parsed->name)) {
      return refuse(Code::BAD_REQUEST,
                    json_string(parsed->name) + " is a public room, of every tenant; its name alone reaches it");
    }
    const bool is_public = of.empty() && parsed->kind == RoomKind::other && settings_->is_public_room(parsed->name);
    if (is_public) {
      any_public = true;
    } else if (of.empty()) {
      of = named_tenant;
      if (of.empty() && publisher != nullptr && (parsed->kind == RoomKind::user || parsed->kind == RoomKind::organization))
        of = publisher->tenant_id;
      if (of.empty() && (parsed->kind == RoomKind::user || parsed->kind == RoomKind::organization)) {
        if (unresolved && unresolved->name != parsed->name) {
          return refuse(Code::BAD_REQUEST,
                        "only one user: or org: room without its tenant may be in a publication; name the tenant");
        }
        unresolved = *parsed;
      } else if (of.empty()) {
        return refuse(Code::BAD_REQUEST, "room " + json_string(room) + " needs its tenant: tenant:<id>/" + parsed->name);
      }
    }
    if (!of.empty()) {
      if (tenant_named && of != tenant) return refuse(Code::BAD_REQUEST, "the rooms of one publication belong to one tenant");
      tenant = of;
      tenant_named = true;
    }
    if (std::find(publication->rooms.begin(), publication->rooms.end(), parsed->name) == publication->rooms.end())
      publication->rooms.push_back(std::move(parsed->name));
  }
  if (any_public && (tenant_named || unresolved))
    return refuse(Code::BAD_REQUEST, "public rooms and rooms of a tenant cannot be mixed in one publication");
  if (publisher != nullptr && !publisher->tenant_id.empty() && (any_public || (tenant_named && tenant != publisher->tenant_id))) {
    return refuse(Code::FORBIDDEN, "this key publishes to tenant \"" + publisher->tenant_id + "\" alone");
  }
  if (!unresolved || tenant_named) {
    publication->tenant = std::move(tenant);
    return then(std::move(publication));
  }
  const broker::IdKind kind = unresolved->kind == RoomKind::user ? broker::IdKind::user : broker::IdKind::organization;
  const std::string name = unresolved->name.substr(unresolved->name.find(':') + 1);
  const broker::Ticket ticket = ++last_ticket_;
  tenants_.emplace(
      ticket, [publication = std::move(*publication), name, then = std::move(then)](std::vector<std::string> tenants) mutable {
        if (tenants.size() > 1) {
          return then(std::unexpected(
              Fault{Code::BAD_REQUEST, json_string(name) + " is ambiguous: more than one tenant has that id; name the tenant"}));
        }
        if (tenants.empty()) {
          publication.rooms.clear();
        } else {
          publication.tenant = std::move(tenants.front());
        }
        then(std::move(publication));
      });
  parts_.broker.tenants_of(ticket, kind, name);
}

void Shard::apply_policy(Publication& publication) {
  const NamespaceSettings& ns = settings_->namespaces[publication.ns];
  publication.policy.history = ns.history && !publication.tenant.empty();
  for (const std::string& room : publication.rooms) {
    const auth::RoomRule* rule = authorizer_->policy().room_rule(ns.name, room);
    if (rule != nullptr && !rule->history) publication.policy.history = false;
  }
  const EventRule* rule = ns.rule_for(publication.event);
  if (rule == nullptr) return;
  if (rule->history) publication.policy.history = publication.policy.history && *rule->history;
  publication.policy.is_volatile = rule->is_volatile;
  publication.policy.latest = rule->latest;
  publication.policy.ttl_ms = rule->ttl_ms;
  if (rule->latest || rule->is_volatile) publication.policy.history = false;
  if (!rule->latest) return;
  for (const std::string& path : rule->latest_paths) {
    const std::string_view value = protocol::json::find(publication.data, path);
    if (value.empty()) continue;
    publication.latest_key = value;
    break;
  }
}

void Shard::to_broker(Publication publication, PublishDone done) {
  if (!available_) return without_broker(std::move(publication), std::move(done));
  const broker::Ticket ticket = ++last_ticket_;
  auto copy = std::make_shared<Publication>(publication);
  published_.emplace(ticket, [this, copy = std::move(copy), done = std::move(done)](broker::Published result) mutable {
    using Outcome = broker::Published::Outcome;
    switch (result.outcome) {
      case Outcome::numbered:
        parts_.host.message_sent(copy->ns, copy->event);
        return done({std::nullopt, std::move(result.position), false});
      case Outcome::accepted: parts_.host.message_sent(copy->ns, copy->event); return done({});
      case Outcome::refused: return done({std::move(result.fault), {}, false});
      case Outcome::unavailable: return without_broker(std::move(*copy), std::move(done));
    }
  });
  parts_.broker.publish(ticket, std::move(publication));
}

void Shard::without_broker(Publication publication, PublishDone done) {
  const std::size_t bytes = publication.bytes();
  const Limits& limits = settings_->limits;
  if (outage_queue_.size() >= limits.outage_queue_entries_max || outage_bytes_ + bytes > limits.outage_queue_bytes_max) {
    return done(
        {Fault{Code::UNAVAILABLE, "the broker is away and the queue for it is full (limits.outage_queue_entries_max)", 1000},
         {},
         false});
  }
  if (provisional_.contains(publication.id)) return done({std::nullopt, {}, true});  // a retry
  if (settings_->namespaces[publication.ns].outage == Outage::deliver) {
    hub::Stream* stream = hub_.find_stream({publication.ns, publication.tenant});
    if (stream != nullptr) {
      if (!info(*stream).gap_announced && publication.policy.history) {
        info(*stream).gap_announced = true;
        session::GapRun gap;
        gap.reason = session::GapReason::broker;
        fanout_.announce_gap(*stream, std::move(gap), now_);
      }
      auto local = std::make_shared<Publication>(publication);
      local->provisional = publication.policy.history;
      fanout_.publish(*stream, std::move(local), now_);
    }
    counters_->provisional.add();
    provisional_[publication.id] = fanout_.number();
    if (publication.policy.latest) {
      for (const std::string& room : publication.rooms) provisional_latest_[latest_name(publication, room)] = publication.id;
    }
    // What was never to be numbered needs no second delivery here: other nodes get it when the broker is back.
  }
  outage_bytes_ += bytes;
  outage_queue_.push_back({std::move(publication), bytes});
  counters_->outage_queue.set(outage_queue_.size());
  done({std::nullopt, {}, true});
}

void Shard::on_availability(bool available) {
  if (available_ == available) return;
  available_ = available;
  if (!available) return;
  for (std::uint32_t index = 0; index < streams_.size(); ++index) {
    streams_[index].gap_announced = false;
    if (streams_[index].latest_due) latest_again(hub_.stream_at(index));
  }
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (!c.outbox) return;
    mark_dirty(id.slot, c);  // lanes that could not read go on
  });
  send_waiting();
}

void Shard::send_waiting() {
  while (available_ && !outage_queue_.empty()) {
    Waiting waiting = outage_queue_.pop_front();
    outage_bytes_ -= waiting.bytes;
    send_to_broker(std::move(waiting.publication));
  }
  counters_->outage_queue.set(outage_queue_.size());
}

/// One that was accepted while the broker was away. It is told to the members before it is answered, so its id need not be known after.
void Shard::send_to_broker(Publication publication) {
  const broker::Ticket ticket = ++last_ticket_;
  published_.emplace(ticket, [this, copy = publication](const broker::Published& result) mutable {
    using Outcome = broker::Published::Outcome;
    const bool later =
        result.outcome == Outcome::unavailable || (result.outcome == Outcome::refused && result.fault.code == Code::UNAVAILABLE);
    const std::size_t bytes = copy.bytes();
    if (later && outage_queue_.size() < settings_->limits.outage_queue_entries_max) {
      outage_bytes_ += bytes;
      outage_queue_.push_back({std::move(copy), bytes});
      counters_->outage_queue.set(outage_queue_.size());
      return;
    }
    forget_provisional(copy);
    if (result.outcome == Outcome::numbered || result.outcome == Outcome::accepted) parts_.host.message_sent(copy.ns, copy.event);
  });
  parts_.broker.publish(ticket, std::move(publication));
}

void Shard::on_publication(PublicationPtr publication) {
  hub::Stream* stream = hub_.find_stream({publication->ns, publication->tenant});
  if (stream == nullptr) return;
  if (publication->offset != 0) info(*stream).behind = false;
  std::uint64_t had = 0;
  if (!provisional_.empty()) {
    const auto found = provisional_.find(publication->id);
    if (found != provisional_.end()) {
      had = found->second;
      forget_provisional(*publication);
    }
    if (superseded(*publication)) return;
  }
  fanout_.publish(*stream, std::move(publication), now_, had);
}

void Shard::forget_provisional(const Publication& publication) {
  provisional_.erase(publication.id);
  if (!publication.policy.latest) return;
  for (const std::string& room : publication.rooms) {
    const auto found = provisional_latest_.find(latest_name(publication, room));
    if (found != provisional_latest_.end() && found->second == publication.id) provisional_latest_.erase(found);
  }
}

bool Shard::superseded(const Publication& value) const {
  return value.policy.latest && !provisional_latest_.empty() &&
         std::all_of(value.rooms.begin(), value.rooms.end(),
                     [&](const std::string& room) { return provisional_latest_.contains(latest_name(value, room)); });
}

void Shard::on_published(broker::Ticket ticket, broker::Published result) { finish(published_, ticket, std::move(result)); }
void Shard::on_entered(broker::Ticket ticket, broker::StreamState state) { finish(entered_, ticket, std::move(state)); }
void Shard::on_history(broker::Ticket ticket, broker::HistoryPart part) { finish(history_, ticket, std::move(part)); }
void Shard::on_latest(broker::Ticket ticket, std::vector<PublicationPtr> values) { finish(latest_, ticket, std::move(values)); }
void Shard::on_record(broker::Ticket ticket, std::optional<std::string> value) { finish(records_, ticket, std::move(value)); }
void Shard::on_tenants(broker::Ticket ticket, std::vector<std::string> tenants) { finish(tenants_, ticket, std::move(tenants)); }

void Shard::on_missed(const broker::Missed& missed) {
  counters_->missed.add();
  hub::Stream* stream = hub_.find_stream(missed.stream);
  if (stream == nullptr) return;
  if (missed.numbered) read_again(*stream);
  if (missed.latest) latest_again(*stream);
  if (missed.gone == 0) return;
  session::GapRun gap;
  gap.count = missed.gone;
  fanout_.announce_gap(*stream, std::move(gap), now_);
}

void Shard::read_again(hub::Stream& stream) {
  info(stream).behind = true;
  // From the last publication that its lane was given, or from where it joined behind that.
  const NamespaceId ns = stream.key.ns;
  const Position settled = fanout_.settled(stream);
  const Position received = fanout_.received(stream);
  auto start_of = [&](const session::LevelMark& level) {
    const session::LevelMark mark(settled);
    if (level.epoch == mark.epoch) return Position{settled.epoch, std::max(settled.offset, level.offset)};
    return level.epoch == session::LevelMark(received).epoch ? Position{received.epoch, level.offset} : settled;
  };
  connections_.for_each([&](ConnectionId id, Connection& c) {
    if (c.phase != Connection::Phase::active) return;
    session::NamespaceState* state = c.session->find(ns);
    if (state == nullptr || state->stream != stream.index) return;
    fanout_.settle(state->rooms, stream);
    session::Lane& lane = outbox(c, id.slot).lane(lane_settings(ns));
    if (!lane.catching_up()) lane.begin_catch_up(start_of(state->level));
    fanout_.set_direct_after(id.slot, UINT64_MAX);
    mark_dirty(id.slot, c);
  });
}

void Shard::latest_again(hub::Stream& stream) {
  info(stream).latest_due = !available_;
  if (!available_) return;
  std::vector<std::string> rooms;
  hub_.for_each_room(stream, [&](const hub::Room& room) { rooms.push_back(room.name); });
  ++stream.holders;
  const broker::Ticket ticket = ++last_ticket_;
  latest_.emplace(ticket, [this, &stream](std::vector<PublicationPtr> values) {
    for (PublicationPtr& value : values) {
      if (!superseded(*value)) fanout_.publish(stream, std::move(value), now_);
    }
    --stream.holders;
    idle_streams_.push_back(stream.index);
  });
  const StreamKey key = stream.key;
  parts_.broker.latest(ticket, key, std::move(rooms));
}

}  // namespace sparc::shard
