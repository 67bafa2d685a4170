// Bytes on their way out: lanes, the end of the turn, renderings.

#include <algorithm>

#include "shard/shard.h"
#include "ws/frame_writer.h"

namespace sparc::shard {

session::LaneSettings Shard::lane_settings(NamespaceId ns) const {
  const NamespaceSettings& settings = settings_->namespaces[ns];
  return {ns, settings.priority, settings.lane, settings.lane_bytes_max};
}

session::Outbox& Shard::outbox(Connection& c, std::uint32_t slot) {
  if (c.outbox) return *c.outbox;
  if (spare_outboxes_.empty()) {
    c.outbox = std::make_unique<session::Outbox>();
  } else {
    c.outbox = std::move(spare_outboxes_.back());
    spare_outboxes_.pop_back();
  }
  fanout_.set_direct_after(slot, UINT64_MAX);
  return *c.outbox;
}

void Shard::mark_dirty(std::uint32_t slot, Connection& c) {
  if (c.dirty) return;
  c.dirty = true;
  dirty_.push_back(slot);
}

void Shard::append_frame(std::string& out, std::uint16_t form, std::string_view payload, ws::MessageType type) {
  ws::Payload kind = ws::Payload::plain;
  if (forms_[form].deflate && deflater_ && payload.size() >= settings_->deflate_bytes_min) {
    const std::string_view compressed = deflater_->deflate(payload);
    if (compressed.size() < payload.size()) {
      payload = compressed;
      kind = ws::Payload::deflated;
    }
  }
  if (type == ws::MessageType::text) {
    ws::append_text_frame(out, payload, kind);
  } else {
    ws::append_binary_frame(out, payload, kind);
  }
}

void Shard::control(ConnectionId id, Connection& c, std::string_view json) {
  render_.clear();
  append_frame(render_, c.form, json, ws::MessageType::text);
  control_raw(id.slot, c, render_);
}

void Shard::control_raw(std::uint32_t slot, Connection& c, std::string_view frame) {
  control_frame(slot, c, Frame(frame, &frames_));
}

void Shard::control_frame(std::uint32_t slot, Connection& c, Frame frame) {
  if (c.slow && c.phase != Connection::Phase::closing) return;
  const bool fits = outbox(c, slot).push_control(std::move(frame), settings_->limits.control_lane_bytes_max);
  mark_dirty(slot, c);
  if (!fits && c.phase != Connection::Phase::closing && c.phase != Connection::Phase::http) {
    close_slow_later(slot, c, "control lane is over limits.control_lane_bytes_max");
  }
}

void Shard::close_slow_later(std::uint32_t slot, Connection& c, std::string_view why) {
  if (c.slow) return;
  c.slow = true;
  counters_->slow_consumers.add();
  slow_.emplace_back(connections_.id_of(slot), why);
}

void Shard::close_slow() {
  const auto slow = std::exchange(slow_, {});
  for (const auto& [id, why] : slow) {
    if (Connection* c = find(id)) close(id, *c, close_code_of(Code::SLOW_CONSUMER), why);
  }
}

std::ptrdiff_t Shard::send(std::uint32_t slot, std::string_view block) {
  if (const Connection* c = connections_.at_slot(slot); c != nullptr && c->sio()) {
    // A view may join several namespaces: what the first ones bring waits until the client knows that it is connected.
    return c->sio()->is_connected() ? engine_io_.send(c->engine, block) : 0;
  }
  const std::ptrdiff_t taken = parts_.transport.send(slot, block);
  counters_->sends.add();
  if (taken < 0) {
    break_later(slot);
    return taken;
  }
  counters_->bytes_out.add(static_cast<std::uint64_t>(taken));
  if (static_cast<std::size_t>(taken) < block.size()) counters_->sends_short.add();
  return taken;
}

void Shard::begun(std::uint32_t slot, Frame block, std::uint32_t begin, std::uint32_t end) {
  Connection* c = connections_.at_slot(slot);
  if (c == nullptr) return;
  session::Outbox& box = outbox(*c, slot);
  if (begin != end) box.commit(std::move(block), begin, end);
  box.blocked = true;
}

bool Shard::excepted(std::uint32_t slot, const Publication& publication) {
  return std::ranges::any_of(publication.except,
                             [&](const std::string& named) { return from_public_id(named) == connections_.id_of(slot); });
}

void Shard::push(std::uint32_t slot, NamespaceId ns, session::Entry entry) {
  Connection* c = connections_.at_slot(slot);
  if (c == nullptr || c->phase != Connection::Phase::active || c->slow) return;
  session::NamespaceState* state = c->session->find(ns);
  if (state == nullptr) return;
  const bool numbered = entry.kind == session::Entry::Kind::position || (entry.publication && entry.publication->offset != 0);
  if (numbered && entry.number != 0 && entry.number <= state->level_number) return;
  if (entry.size == 0 && entry.kind != session::Entry::Kind::gap) return;  // not told on this wire
  session::Outbox& box = outbox(*c, slot);
  if (entry.publication && entry.publication->policy.is_volatile &&
      (box.blocked || box.control_bytes() > settings_->limits.control_lane_bytes_max / 2)) {
    counters_->namespaces[ns].volatile_dropped.add();
    if (!box.has_frames()) mark_dirty(slot, *c);
    return;
  }
  counters_->namespaces[ns].deliveries.add();
  counters_->lane_events.add();
  session::Lane& lane = box.lane(lane_settings(ns));
  const std::uint64_t dropped = lane.dropped();
  const session::PushResult result = lane.push(std::move(entry));
  if (lane.dropped() > dropped) counters_->namespaces[ns].gap_events.add(lane.dropped() - dropped);
  after_push(slot, *c, result);
  if (result == session::PushResult::catch_up) counters_->namespaces[ns].catch_ups.add();
}

void Shard::served(const Publication& publication) {
  served_.push_back(publication.timestamp_ms * 1000 + publication.timestamp_us);
}

void Shard::measure_served(Now now) {
  const std::int64_t at = now.wall_ms * 1000 + now.wall_us;
  for (const std::int64_t accepted : served_)
    counters_->lag_us.record(static_cast<std::uint64_t>(std::max<std::int64_t>(at - accepted, 0)));
  served_.clear();
}

void Shard::after_push(std::uint32_t slot, Connection& c, session::PushResult result) {
  if (result == session::PushResult::overflow) return close_slow_later(slot, c, "the connection does not read what it is sent");
  if (!c.outbox->blocked) mark_dirty(slot, c);
}

void Shard::append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) {
  forms_[form].wire->append_publication(out, form, publication, room);
}

void Shard::append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) {
  forms_[form].wire->append_position(out, form, ns, position);
}

Frame Shard::render_gap(NamespaceId ns, const session::GapRun& gap) {
  std::string frames;
  forms_[flushed_form_].wire->append_gap(frames, flushed_form_, ns, gap);
  return Frame(frames, &frames_);
}

const protocol::Wish& Shard::wish(NamespaceId ns, std::uint32_t wish) const { return wishes_[ns]->at(wish); }
const protocol::FilterVocabulary& Shard::vocabulary(NamespaceId ns) const { return settings_->namespaces[ns].vocabulary; }

void Shard::flush(std::uint32_t slot, Connection& c) {
  if (!c.outbox || c.outbox->blocked || c.broken) return;
  session::Outbox& box = *c.outbox;
  flushed_form_ = c.form;
  const auto result = box.flush([&](std::string_view bytes) { return send(slot, bytes); }, *this, now_.monotonic_ms, scratch_);
  if (result == session::Outbox::Flush::broken) return;
  box.blocked = result == session::Outbox::Flush::blocked;
  if (c.phase == Connection::Phase::http && c.http()->paused) resume_requests(connections_.id_of(slot), c);
  for (session::Lane& lane : box.lanes()) {
    if (lane.catching_up() && !lane.has_frames() && !lane.reading())
      refills_.emplace_back(connections_.id_of(slot), lane.settings().ns);
  }
  if (box.blocked) return;
  if (box.idle()) {
    if (spare_outboxes_.size() < 1024) {
      box.lanes().clear();  // of the next connection nothing may be left in it
      spare_outboxes_.push_back(std::move(c.outbox));
    }
    c.outbox.reset();
    fanout_.set_direct_after(slot, fanout_.number());
    if (c.phase == Connection::Phase::carrier) engine_io_.on_drained(c);
    if (c.phase == Connection::Phase::http && c.http()->closing && c.http()->exchanges.empty()) {
      constexpr std::int64_t linger_ms = 2'000;  // for the peer to read the last answer and close
      parts_.transport.finish(connections_.id_of(slot));
      c.deadline_ms = now_.monotonic_ms + linger_ms;
      schedule(connections_.id_of(slot), c);
    }
    if (c.phase == Connection::Phase::closing && c.peer_closed) break_later(slot);
  }
}

void Shard::flush_dirty() {
  // Bounded like a fan-out: what is left goes in the next turn, in its order.
  const std::size_t most = std::max<std::size_t>(settings_->limits.fanout_slice_sends * 4, 64);
  std::size_t done = 0;
  for (; done < dirty_.size() && done < most; ++done) {
    Connection* c = connections_.at_slot(dirty_[done]);
    if (c == nullptr) continue;
    c->dirty = false;
    flush(dirty_[done], *c);
  }
  dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Shard::for_each_lane(const std::function<void(const session::Lane&, bool)>& visit) {
  connections_.for_each([&](ConnectionId, Connection& c) {
    if (!c.outbox) return;
    for (const session::Lane& lane : c.outbox->lanes()) visit(lane, c.outbox->blocked);
  });
}

void Shard::shed_if_over_budget() {
  if (frames_.bytes <= settings_->limits.outbox_node_bytes_max) return;
  std::vector<NamespaceId> order;
  for (std::size_t ns = 0; ns < settings_->namespaces.size(); ++ns) order.push_back(static_cast<NamespaceId>(ns));
  std::sort(order.begin(), order.end(),
            [&](NamespaceId a, NamespaceId b) { return settings_->namespaces[a].priority > settings_->namespaces[b].priority; });
  for (const NamespaceId ns : order) {
    connections_.for_each([&](ConnectionId id, Connection& c) {
      // What need not wait is sent in the next turn.
      if (!c.outbox || !c.outbox->blocked || frames_.bytes <= settings_->limits.outbox_node_bytes_max / 10 * 9) return;
      session::Lane* lane = c.outbox->find_lane(ns);
      if (lane == nullptr || !lane->sheddable()) return;
      counters_->shed.add();
      const session::PushResult result = lane->shed();
      after_push(id.slot, c, result);
    });
  }
}

}  // namespace sparc::shard
