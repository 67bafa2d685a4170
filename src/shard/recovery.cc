// What a connection missed: replay, catch-up, the `history` request. All of it is pulled, as the socket drains.

#include <algorithm>

#include "base/json_text.h"
#include "shard/shard.h"

namespace sparc::shard {

using Reach = broker::HistoryPart::Reach;

std::optional<std::uint8_t> Shard::seen_in(const session::NamespaceState& state, const Publication& publication) {
  const hub::Stream* stream = publication.tenant.empty() ? hub_.find_stream({state.ns, ""}) : &hub_.stream_at(state.stream);
  if (stream == nullptr) return std::nullopt;
  for (std::size_t rank = 0; rank < publication.rooms.size(); ++rank) {
    if (hub_.find(state.rooms, *stream, publication.rooms[rank]) == nullptr) continue;
    if (state.wish != 0) {
      const protocol::FilterVocabulary& words = vocabulary(state.ns);
      const auto values = protocol::FieldValues::read(publication.data, words);
      if (!protocol::passes(wish(state.ns, state.wish), publication.event, values, words)) return std::nullopt;
    }
    return static_cast<std::uint8_t>(rank);
  }
  return std::nullopt;
}

session::Entry Shard::render_entry(const Connection& c, const PublicationPtr& publication, std::uint8_t rank) {
  render_.clear();
  append_publication(render_, c.form, *publication, publication->rooms[rank]);
  session::Entry entry;
  entry.room_rank = rank;
  entry.block = Frame(render_, &frames_);
  entry.size = static_cast<std::uint32_t>(render_.size());
  entry.number = fanout_.number() + 1;  // not a fan-out's: no bound on numbers concerns it
  entry.publication = publication;
  return entry;
}

session::Entry Shard::position_entry(const Connection& c, NamespaceId ns, const Position& position) {
  render_.clear();
  append_position(render_, c.form, ns, position);
  session::Entry entry;
  entry.kind = session::Entry::Kind::position;
  entry.block = Frame(render_, &frames_);
  entry.size = static_cast<std::uint32_t>(render_.size());
  return entry;
}

void Shard::push_refill(session::Lane& lane, session::Entry entry) {
  if (entry.size != 0) lane.push_refill(std::move(entry));  // else it is not told on this wire
}

void Shard::take_part(std::uint32_t slot, Connection& c, session::NamespaceState& state, session::Lane& lane,
                      const broker::HistoryPart& part) {
  if (part.reach != Reach::reached) {
    if (part.next.epoch != lane.position().epoch) lane.until = 0;  // it was of an epoch that is over
    session::GapRun gap;
    gap.reason = session::GapReason::trimmed;
    gap.count = part.skipped;
    const std::uint64_t begins = part.entries.empty() ? part.next.offset + 1 : part.entries.front()->offset;
    if (part.reach == Reach::trimmed) {
      gap.from = lane.position().offset + 1;
      gap.to = begins - 1;
      if (gap.count == 0) gap.count = gap.to - gap.from + 1;
    }
    counters_->namespaces[state.ns].gap_events.add(gap.count);
    lane.push_gap(std::move(gap));
    const std::string& epoch = part.entries.empty() ? part.next.epoch : part.entries.front()->epoch;
    push_refill(lane, position_entry(c, state.ns, {epoch, begins - 1}));
  }
  for (const PublicationPtr& publication : part.entries) {
    const auto rank = seen_in(state, *publication);
    if (!rank || excepted(slot, *publication)) continue;
    counters_->namespaces[state.ns].replayed.add();
    push_refill(lane, render_entry(c, publication, *rank));
  }
  lane.set_position(part.next);
  if (part.complete) level(slot, c, state, lane);
  fanout_.set_direct_after(slot, UINT64_MAX);
  mark_dirty(slot, c);
}

void Shard::level(std::uint32_t slot, Connection& c, session::NamespaceState& state, session::Lane& lane) {
  const Position at = lane.position();
  push_refill(lane, position_entry(c, state.ns, {at.epoch, std::max(at.offset, lane.until)}));
  lane.end_catch_up();
  state.level = session::LevelMark(at);
  fanout_.advance_received(stream_of(state), at, now_);
  info(stream_of(state)).behind = false;
  // Everything up to here has been told to this shard before the answer that completed the read: what of it is still being fanned out
  // is not sent again.
  state.level_number = fanout_.number();
  fanout_.set_direct_after(slot, UINT64_MAX);
}

void Shard::refill(ConnectionId id, NamespaceId ns) {
  Connection* c = find(id);
  if (c == nullptr || c->phase != Connection::Phase::active || !c->outbox) return;
  session::NamespaceState* state = c->session->find(ns);
  session::Lane* lane = c->outbox->find_lane(ns);
  if (state == nullptr || lane == nullptr || !lane->catching_up() || lane->reading() || !available_) return;
  lane->set_reading(true);
  const broker::Ticket ticket = ++last_ticket_;
  const Position since = lane->position();
  history_.emplace(ticket, [this, id, ns, since](broker::HistoryPart part) { on_refill(id, ns, since, std::move(part)); });
  parts_.broker.read(ticket, stream_of(*state).key, since, broker::ReadLimits{});
}

void Shard::on_refill(ConnectionId id, NamespaceId ns, const Position& since, broker::HistoryPart part) {
  Connection* c = find(id);
  if (c == nullptr || c->phase != Connection::Phase::active || !c->outbox) return;
  session::NamespaceState* state = c->session->find(ns);
  session::Lane* lane = c->outbox->find_lane(ns);
  // Another position: the namespace was left and joined again meanwhile, and that lane's own read is under way.
  if (state == nullptr || lane == nullptr || !lane->catching_up() || lane->position() != since) return;
  lane->set_reading(false);
  if (part.reach == Reach::unavailable) return;  // on_availability asks again
  take_part(id.slot, *c, *state, *lane, part);
}

void Shard::read_stream(const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits,
                        std::move_only_function<void(broker::HistoryPart)> done) {
  const broker::Ticket ticket = ++last_ticket_;
  history_.emplace(ticket, std::move(done));
  parts_.broker.read(ticket, stream, std::move(since), limits);
}

void Shard::on_history_request(ConnectionId id, Connection& c, std::optional<std::int64_t> request,
                               const protocol::History& history) {
  session::NamespaceState* state = joined(id, c, request, history.ns);
  if (state == nullptr || !within_rates(id, c, request, state->ns)) return;
  if (!settings_->namespaces[state->ns].history) {
    return refuse(id, c, request, {Code::BAD_REQUEST, "namespace \"" + history.ns + "\" keeps no history"});
  }
  HistoryRequest read;
  read.id = id;
  read.request = request;
  read.ns = state->ns;
  read.limit = settings_->limits.history_events_max;
  if (history.limit != 0) read.limit = std::min<std::size_t>(read.limit, history.limit);
  c.session->begin_wait(history.ns);
  read_history(std::move(read), history.since);
}

void Shard::read_history(HistoryRequest request, std::optional<Position> since) {
  Connection* c = find(request.id);
  if (c == nullptr || c->phase != Connection::Phase::active) return;
  session::NamespaceState* state = c->session->find(request.ns);
  if (state == nullptr) return;
  const broker::Ticket ticket = ++last_ticket_;
  const broker::ReadLimits limits{request.limit - request.count, settings_->limits.history_bytes_max};
  const StreamKey key = stream_of(*state).key;
  history_.emplace(ticket, [this, request = std::move(request), since](broker::HistoryPart part) mutable {
    on_history_part(std::move(request), std::move(since), std::move(part));
  });
  parts_.broker.read(ticket, key, std::move(since), limits);
}

void Shard::on_history_part(HistoryRequest request, std::optional<Position> since, broker::HistoryPart part) {
  Connection* c = find(request.id);
  if (c == nullptr || c->phase != Connection::Phase::active) return;
  const std::string& ns = settings_->namespaces[request.ns].name;
  session::NamespaceState* state = c->session->find(request.ns);
  auto finish = [&] {
    c->session->end_wait(ns);
    resume(request.id);
  };
  if (state == nullptr || part.reach == Reach::unavailable) {
    refuse(request.id, *c, request.request, {Code::UNAVAILABLE, "history cannot be read at present", 1000});
    return finish();
  }
  bool full = false;
  if (!request.reached) {
    request.reached = !since || part.reach == Reach::reached;
  } else if (part.reach !=
             Reach::reached) {  // trimmed, or another epoch, since the part before: that is for the next request to say
    part.entries.clear();
    part.next = *since;
    full = true;
  }
  Position at = part.entries.empty() ? part.next : Position{part.entries.front()->epoch, part.entries.front()->offset - 1};
  for (const PublicationPtr& publication : part.entries) {
    if (const auto rank = seen_in(*state, *publication)) {
      render_.clear();
      const std::size_t attached = request.attached.size();
      protocol::native::append_kept_event(render_, request.attached, ns, publication->rooms[*rank], *publication);
      if (request.count != 0 &&
          request.events.size() + render_.size() + request.attached.size() > settings_->limits.history_bytes_max) {
        request.attached.resize(attached);
        full = true;
        break;
      }
      if (request.count++ != 0) request.events += ',';
      request.events += render_;
    }
    at = {publication->epoch, publication->offset};
  }
  if (!full) at = part.next;
  constexpr std::size_t parts_max = 16;  // of one request: a client whose rooms match little asks again from `position`
  const bool complete = !full && part.complete;
  if (!complete && !full && request.count < request.limit && ++request.parts < parts_max)
    return read_history(std::move(request), at);
  std::string data = "{\"events\":[" + request.events + "],\"position\":{\"epoch\":";
  append_json_string(data, at.epoch);
  data += ",\"offset\":" + std::to_string(at.offset) + "},\"complete\":" + (complete ? "true" : "false") +
          ",\"recovered\":" + (*request.reached ? "true" : "false") + "}";
  if (request.request) {
    c->session->answered(*request.request);
    wire(*c).reply_with_attachments(request.id, *c, *request.request, data, request.attached);
  }
  finish();
}

}  // namespace sparc::shard
