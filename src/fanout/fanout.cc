#include "fanout/fanout.h"

#include <algorithm>
#include <cassert>
#include <tuple>

#include "base/slab.h"

namespace sparc::fanout {

using session::Entry;

Fanout::Fanout(hub::Hub& hub, Renderer& renderer, const Wishes& wishes, Sink& sink, FrameAccount& account,
               std::vector<StreamSettings> settings)
    : hub_(hub), renderer_(renderer), wishes_(wishes), sink_(sink), account_(account), settings_(std::move(settings)) {}

Fanout::~Fanout() = default;

Fanout::State& Fanout::state(const hub::Stream& stream) {
  if (stream.index >= states_.size()) states_.resize(stream.index + 1);
  auto& slot = states_[stream.index];
  if (slot == nullptr) slot = std::make_unique<State>();
  return *slot;
}

Fanout::Hot& Fanout::hot(std::uint32_t slot) {
  if (slot >= hot_.size()) hot_.resize(slot + slot / 2 + 64);
  return hot_[slot];
}

void Fanout::set_direct_after(std::uint32_t slot, std::uint64_t number) { hot(slot).direct_after = number; }
const Position& Fanout::received(const hub::Stream& stream) { return state(stream).received; }
void Fanout::set_received(const hub::Stream& stream, Position position) {
  State& s = state(stream);
  s.served = position;
  s.received = std::move(position);
}
void Fanout::advance_received(hub::Stream& stream, const Position& position, Now now) {
  State& s = state(stream);
  if (s.received.epoch != position.epoch) return announce_position(stream, position, now);
  s.received.offset = std::max(s.received.offset, position.offset);
}
Position Fanout::served(const hub::Stream& stream) { return state(stream).served; }
Position Fanout::settled(const hub::Stream& stream) {
  const State& s = state(stream);
  return s.job != nullptr && !s.job->last.epoch.empty() ? s.job->last : s.served;
}
std::int64_t Fanout::grown_ms(const hub::Stream& stream) { return state(stream).grown_ms; }

void Fanout::forget(const hub::Stream& stream) {
  if (stream.index >= states_.size()) return;
  absl::erase_if(held_, [&](const auto& item) { return item.second.stream == &stream; });
  assert(states_[stream.index] == nullptr || (states_[stream.index]->job == nullptr && !states_[stream.index]->queued));
  states_[stream.index].reset();
}

void Fanout::queue(hub::Stream& stream, State& s, Now now) {
  if (s.queued || s.job != nullptr) return;
  s.queued = true;
  ++stream.holders;
  s.due_ms = now.monotonic_ms + settings_[stream.key.ns].batch_ms;
  waiting_.push_back(&stream);
}

void Fanout::publish(hub::Stream& stream, PublicationPtr publication, Now now, std::uint64_t had) {
  State& s = state(stream);
  Pending pending;
  pending.had = had;
  if (publication->offset != 0) {
    if (s.received.epoch != publication->epoch) announce_position(stream, {publication->epoch, publication->offset - 1}, now);
    if (had != 0) ++number_;  // a position's own
    s.received = {publication->epoch, publication->offset};
    s.grown_ms = now.monotonic_ms;
  }
  pending.number = ++number_;
  pending.publication = std::move(publication);
  s.pending.push_back(std::move(pending));
  queue(stream, s, now);
}

void Fanout::announce_position(hub::Stream& stream, Position position, Now now) {
  State& s = state(stream);
  s.received = position;
  Pending pending;
  pending.number = ++number_;
  pending.position = std::move(position);
  s.pending.push_back(std::move(pending));
  queue(stream, s, now);
}

void Fanout::announce_gap(hub::Stream& stream, session::GapRun gap, Now now) {
  State& s = state(stream);
  Pending pending;
  pending.number = ++number_;
  pending.gap = std::move(gap);
  s.pending.push_back(std::move(pending));
  queue(stream, s, now);
}

std::optional<std::int64_t> Fanout::next_due() const {
  std::optional<std::int64_t> due;
  auto earlier = [&](std::int64_t at) { due = due ? std::min(*due, at) : at; };
  for (const hub::Stream* stream : waiting_) earlier(states_[stream->index]->due_ms);
  for (const auto& [key, held] : held_) {
    for (const Held::Class& c : held.classes) {
      if (!c.newest.empty()) earlier(c.due_ms);
    }
  }
  return due;
}

Fanout::Run Fanout::run(Now now, std::size_t slice_sends) {
  ++turn_;
  release_held(now);
  std::vector<Job*> opened;
  std::vector<hub::Stream*> later;
  std::vector<hub::Stream*> waiting = std::move(waiting_);
  waiting_.clear();
  for (hub::Stream* stream : waiting) {
    State& s = state(*stream);
    if (s.due_ms > now.monotonic_ms) {
      waiting_.push_back(stream);
      continue;
    }
    open(*stream, s, now);
    opened.push_back(s.job.get());
    auto place = std::upper_bound(
        open_.begin(), open_.end(), s.job->priority,
        [&](std::uint8_t priority, const hub::Stream* other) { return priority < states_[other->index]->job->priority; });
    open_.insert(place, stream);
  }
  mark_and_share(opened);

  std::size_t budget = slice_sends;
  for (std::size_t i = 0; i < open_.size() && budget != 0;) {
    hub::Stream* stream = open_[i];
    State& s = state(*stream);
    step(*s.job, budget);
    if (s.job->run_at < s.job->runs.size()) break;
    close(*s.job);
    if (!s.job->last.epoch.empty()) s.served = s.job->last;
    s.job.reset();
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    --stream->holders;
    if (!s.pending.empty()) {
      queue(*stream, s, now);
      s.due_ms = now.monotonic_ms;
      later.push_back(stream);
    }
  }
  return open_.empty() && later.empty() ? Run::done : Run::more;
}

void Fanout::open(hub::Stream& stream, State& s, Now now) {
  s.queued = false;  // its hold passes to the job
  s.job = std::make_unique<Job>();
  Job& job = *s.job;
  job.id = ++job_ids_;
  job.stream = &stream;
  job.priority = settings_[stream.key.ns].priority;
  run_index_.clear();
  std::vector<Pending> pending = std::move(s.pending);
  s.pending.clear();
  for (const Pending& item : pending) {
    render_pending(job, item, now);
    if (item.publication) job.publications.push_back(item.publication);
    if (item.publication && item.publication->offset != 0) job.last = {item.publication->epoch, item.publication->offset};
    if (item.position) job.last = *item.position;
  }
}

void Fanout::render_pending(Job& job, const Pending& pending, Now now) {
  values_.reset();
  passed_.clear();
  if (pending.publication == nullptr) {  // a gap or a position: to every room of the stream
    return hub_.for_each_room(*job.stream, [&](hub::Room& room) { render_room(job, room, 0, pending, now); });
  }
  for (std::size_t rank = 0; rank < pending.publication->rooms.size(); ++rank) {
    hub::Room* room = hub_.find_room(*job.stream, pending.publication->rooms[rank]);
    if (room != nullptr) render_room(job, *room, static_cast<std::uint8_t>(rank), pending, now);
  }
}

bool Fanout::passes(NamespaceId ns, std::uint32_t wish, const Publication& publication) {
  if (wish == 0) return true;
  auto [found, fresh] = passed_.try_emplace(wish, false);
  if (fresh) {
    const auto& vocabulary = wishes_.vocabulary(ns);
    if (!values_) values_ = protocol::FieldValues::read(publication.data, vocabulary);
    found->second = protocol::passes(wishes_.wish(ns, wish), publication.event, *values_, vocabulary);
  }
  return found->second;
}

void Fanout::render_room(Job& job, hub::Room& room, std::uint8_t rank, const Pending& pending, Now now) {
  rendered_.clear();
  splits_.clear();
  const NamespaceId ns = job.stream->key.ns;
  const Publication* publication = pending.publication.get();
  if (publication != nullptr && publication->policy.latest && !pending.only && !held_.empty())
    supersede(*job.stream, room, *publication);
  // A class that this room gets while it is open is not in this loop: groups are appended, and gaps and runs refer to those there now.
  for (std::size_t g = 0; g < room.groups.size(); ++g) {
    hub::Group& group = *room.groups[g];
    if (group.members.size() == group.tombstones) continue;
    if (pending.only && !(*pending.only == group.key)) continue;
    if (pending.position && !render_position(group.key.form, ns, *pending.position)) continue;
    if (publication != nullptr) {
      if (!passes(ns, group.key.wish, *publication)) continue;
      if (!pending.only && publication->policy.latest && group.key.wish != 0) {
        const std::uint32_t every_ms = wishes_.wish(ns, group.key.wish).every_ms();
        if (every_ms != 0 && hold(*job.stream, room, group.key, pending, every_ms, now)) continue;
      }
      if (rendering_of(group.key.form, *publication, room).empty()) continue;  // on that wire it is not told
    }
    take(job, room, group);
  }
  for (const Split& split : splits_) append(block_of(job, split), room, pending, rank, now);
}

const std::string& Fanout::rendering_of(std::uint16_t form, const Publication& publication, const hub::Room& room) {
  for (const auto& [of, rendering] : rendered_) {
    if (of == form) return rendering;
  }
  std::string& rendering = rendered_.emplace_back(form, std::string{}).second;
  renderer_.append_publication(rendering, form, publication, room.name);
  ++renderings_;
  return rendering;
}

void Fanout::take(Job& job, hub::Room& room, hub::Group& group) {
  const std::size_t index = run_of(job, room, group);
  Block* from = job.runs[index].block;
  std::size_t at = from != nullptr ? from->split : 0;
  if (from == nullptr) {
    while (at < splits_.size() && (splits_[at].from != nullptr || splits_[at].form != group.key.form)) ++at;
  }
  if (at >= splits_.size()) {
    at = splits_.size();
    splits_.push_back({from, group.key.form, {}});
    if (from != nullptr) from->split = at;
  }
  splits_[at].runs.push_back(index);
}

/// What all its classes get is appended in place; where some of them get it, those go on with a copy.
Fanout::Block& Fanout::block_of(Job& job, const Split& split) {
  Block* block = split.from;
  if (block != nullptr) block->split = SIZE_MAX;
  if (block == nullptr || block->users != split.runs.size()) {
    auto made = std::make_unique<Block>();
    made->form = split.form;
    if (block != nullptr) {
      made->bytes = block->bytes;
      made->entries = block->entries;
      made->direct = block->direct;
      block->users -= static_cast<std::uint32_t>(split.runs.size());
    }
    made->users = static_cast<std::uint32_t>(split.runs.size());
    block = made.get();
    job.blocks.push_back(std::move(made));
    for (const std::size_t index : split.runs) job.runs[index].block = block;
  }
  return *block;
}

void Fanout::append(Block& block, const hub::Room& room, const Pending& pending, std::uint8_t rank, Now now) {
  const NamespaceId ns = room.stream->key.ns;
  if (pending.position) {
    if (render_position(block.form, ns, *pending.position)) append_position_entry(block, pending, rank);
    return;
  }
  if (pending.publication == nullptr) return append_entry(block, pending, rank, {}, now);
  const Publication& publication = *pending.publication;
  if (pending.had != 0 && publication.offset != 0 && render_position(block.form, ns, {publication.epoch, publication.offset})) {
    append_position_entry(block, pending, rank);
  }
  append_entry(block, pending, rank, rendering_of(block.form, publication, room), now);
}

std::size_t Fanout::run_of(Job& job, hub::Room& room, hub::Group& group) {
  auto [found, fresh] = run_index_.try_emplace(&group, job.runs.size());
  if (fresh) {
    if (std::find(job.rooms.rbegin(), job.rooms.rend(), &room) == job.rooms.rend()) {
      hub_.open_cursor(room);
      job.rooms.push_back(&room);
    }
    job.runs.push_back({});
    job.runs.back().room = &room;
    job.runs.back().group = &group;
  }
  return found->second;
}

bool Fanout::render_position(std::uint16_t form, NamespaceId ns, const Position& position) {
  position_.clear();
  renderer_.append_position(position_, form, ns, position);
  return !position_.empty();
}

void Fanout::append_position_entry(Block& block, const Pending& pending, std::uint8_t rank) {
  RunEntry entry;
  entry.kind = Entry::Kind::position;
  entry.rank = rank;
  entry.number = pending.position ? pending.number : pending.number - 1;
  entry.begin = static_cast<std::uint32_t>(block.bytes.size());
  if (pending.had != 0) entry.since_max = pending.had;
  block.bytes += position_;
  entry.size = static_cast<std::uint32_t>(position_.size());
  block.entries.push_back(std::move(entry));
}

void Fanout::append_entry(Block& block, const Pending& pending, std::uint8_t rank, std::string_view rendering, Now now) {
  RunEntry entry;
  entry.rank = rank;
  entry.number = pending.number;
  entry.begin = static_cast<std::uint32_t>(block.bytes.size());
  entry.size = static_cast<std::uint32_t>(rendering.size());
  entry.publication = pending.publication;
  if (pending.publication == nullptr) {
    entry.kind = Entry::Kind::gap;
    entry.gap = pending.gap;
    block.direct = false;
  } else {
    const Publication& publication = *pending.publication;
    if (publication.policy.ttl_ms != 0) entry.expires_ms = now.monotonic_ms + publication.policy.ttl_ms;
    if (!publication.except.empty() || pending.had != 0) block.direct = false;
    entry.since_min = pending.had;
  }
  block.bytes.append(rendering);
  block.entries.push_back(std::move(entry));
}

bool Fanout::excepted(const RunEntry& entry, std::uint32_t slot) {
  return entry.publication && !entry.publication->except.empty() && sink_.excepted(slot, *entry.publication);
}

void Fanout::mark_and_share(const std::vector<Job*>& opened) {
  std::size_t runs = 0;
  for (const Job* job : opened) runs += job->runs.size();
  if (runs < 2) return;
  for (const Job* job : opened) {
    for (const ClassRun& run : job->runs) {
      for (const hub::Member& member : run.group->members) {
        if (member.slot == hub::Member::tombstone) continue;
        Hot& h = hot(member.slot);
        const auto turn = static_cast<std::uint32_t>(turn_);
        h.touches = h.touched_turn == turn ? h.touches + 1 : 1;
        h.touched_turn = turn;
      }
    }
  }
  struct Share {
    std::uint32_t slot;
    std::uint8_t rank;
    std::uint64_t number;
    const Job* job;
    Block* block;
    const RunEntry* entry;
  };
  std::vector<Share> shares;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> had;  // slot and number: was delivered before, in whatever room
  for (Job* job : opened) {
    for (ClassRun& run : job->runs) {
      for (const hub::Member& member : run.group->members) {
        if (member.slot == hub::Member::tombstone || hot(member.slot).touches < 2) continue;
        hub::Membership& membership = hub_.membership(member.membership);
        membership.handled_job = job->id;
        hot(member.slot).direct_after = UINT64_MAX;
        for (const RunEntry& entry : run.block->entries) {
          if (excepted(entry, member.slot)) continue;
          if (entry.kind == Entry::Kind::publication && membership.since < entry.since_min)
            had.emplace_back(member.slot, entry.number);
          if (entry.is_for(membership)) shares.push_back({member.slot, entry.rank, entry.number, job, run.block, &entry});
        }
      }
    }
  }
  std::sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) {
    return std::tie(a.slot, a.number, a.rank) < std::tie(b.slot, b.number, b.rank);
  });
  const Share* previous = nullptr;
  for (const Share& share : shares) {
    const bool again = previous != nullptr && previous->slot == share.slot && previous->number == share.number;
    previous = &share;
    if (again) continue;
    if (share.entry->since_min != 0 && std::find(had.begin(), had.end(), std::pair(share.slot, share.number)) != had.end())
      continue;
    sink_.push(share.slot, share.job->stream->key.ns, lane_entry(*share.block, *share.entry));
  }
}

void Fanout::step(Job& job, std::size_t& budget) {
  for (; job.run_at < job.runs.size(); ++job.run_at, job.member_at = 0) {
    ClassRun& run = job.runs[job.run_at];
    const Block& shared = *run.block;
    const std::uint64_t first = shared.entries.front().number;
    const std::string_view block = shared.bytes;
    for (; job.member_at < run.group->members.size(); ++job.member_at) {
      const hub::Member member = run.group->members[job.member_at];
      if (member.slot == hub::Member::tombstone) continue;
      if (budget == 0) return;
      if (!shared.direct || hot(member.slot).direct_after >= first) {
        if (by_lane(job, run, member)) --budget;
        continue;
      }
      --budget;
      ++direct_sends_;
      direct_events_ += shared.entries.size();
      const std::ptrdiff_t sent = sink_.send(member.slot, block);
      if (sent >= 0 && static_cast<std::size_t>(sent) < block.size())
        short_send(job, run, member.slot, static_cast<std::size_t>(sent));
    }
  }
}

Entry Fanout::lane_entry(Block& block, const RunEntry& entry) {
  if (!block.frame && !block.bytes.empty()) block.frame = Frame(block.bytes, &account_);
  Entry out;
  out.kind = entry.kind;
  out.room_rank = entry.rank;
  out.begin = entry.begin;
  out.size = entry.size;
  if (entry.kind != Entry::Kind::gap) out.block = block.frame;
  out.number = entry.number;
  out.expires_ms = entry.expires_ms;
  out.publication = entry.publication;
  if (entry.kind == Entry::Kind::gap) out.gap = std::make_unique<session::GapRun>(entry.gap);
  return out;
}

void Fanout::short_send(const Job& job, ClassRun& run, std::uint32_t slot, std::size_t sent) {
  hot(slot).direct_after = UINT64_MAX;
  Block& block = *run.block;
  if (!block.frame) block.frame = Frame(block.bytes, &account_);
  for (const RunEntry& entry : block.entries) {
    if (entry.begin + entry.size <= sent) continue;
    if (entry.begin < sent) {
      sink_.begun(slot, block.frame, static_cast<std::uint32_t>(sent), entry.begin + entry.size);
    } else {
      if (entry.begin == sent) sink_.begun(slot, Frame{}, 0, 0);
      sink_.push(slot, job.stream->key.ns, lane_entry(block, entry));
    }
  }
}

bool Fanout::by_lane(const Job& job, ClassRun& run, hub::Member member) {
  hub::Membership& membership = hub_.membership(member.membership);
  if (membership.handled_job == job.id) return false;
  membership.handled_job = job.id;
  for (const RunEntry& entry : run.block->entries) {
    if (!entry.is_for(membership)) continue;
    if (excepted(entry, member.slot)) continue;
    sink_.push(member.slot, job.stream->key.ns, lane_entry(*run.block, entry));
  }
  return true;
}

void Fanout::settle(hub::MembershipList list, const hub::Stream& stream) {
  State& s = state(stream);
  if (s.job == nullptr) return;
  Job& job = *s.job;
  hub_.for_each(list, [&](hub::Membership& membership) {
    if (membership.room->stream != &stream || membership.handled_job == job.id) return;
    for (std::size_t r = job.run_at; r < job.runs.size(); ++r) {
      ClassRun& run = job.runs[r];
      if (run.group != membership.group) continue;
      if (r == job.run_at && membership.index < job.member_at) continue;
      (void)by_lane(job, run, run.group->members[membership.index]);
    }
    membership.handled_job = job.id;
    // In another class it may stand before the fan-out again: its lane knows what was handled, a block does not.
    Hot& h = hot(membership.group->members[membership.index].slot);
    h.direct_after = std::max(h.direct_after, number_);
  });
}

void Fanout::close(Job& job) {
  for (hub::Room* room : job.rooms) hub_.close_cursor(*room);
  for (const PublicationPtr& publication : job.publications) sink_.served(*publication);
}

static std::string held_name(const hub::Stream& stream, const hub::Room& room) {
  return std::to_string(stream.index) + '/' + room.name;
}

void Fanout::supersede(const hub::Stream& stream, const hub::Room& room, const Publication& value) {
  const auto held = held_.find(held_name(stream, room));
  if (held == held_.end()) return;
  for (Held::Class& c : held->second.classes) {
    if (c.newest.empty() || !passes(stream.key.ns, c.key.wish, value)) continue;
    std::erase_if(c.newest,
                  [&](const PublicationPtr& p) { return p->event == value.event && p->latest_key == value.latest_key; });
  }
}

bool Fanout::hold(hub::Stream& stream, const hub::Room& room, hub::ClassKey key, const Pending& pending, std::uint32_t every_ms,
                  Now now) {
  Held& held = held_[held_name(stream, room)];
  if (held.stream == nullptr) {
    held.stream = &stream;
    held.room = room.name;
  }
  auto c = std::find_if(held.classes.begin(), held.classes.end(), [&](const Held::Class& other) { return other.key == key; });
  if (c == held.classes.end() ||
      (c->newest.empty() && c->due_ms <= now.monotonic_ms)) {  // the first of an interval leaves at once
    if (c == held.classes.end()) c = held.classes.insert(c, {key, every_ms, 0, {}});
    c->due_ms = now.monotonic_ms + every_ms;
    return false;
  }
  c->newest.push_back(pending.publication);
  return true;
}

void Fanout::release_held(Now now) {
  for (auto it = held_.begin(); it != held_.end();) {
    Held& held = it->second;
    std::erase_if(held.classes, [&](const Held::Class& c) { return c.due_ms <= now.monotonic_ms && c.newest.empty(); });
    if (held.classes.empty()) {
      held_.erase(it++);
      continue;
    }
    State& s = state(*held.stream);
    for (Held::Class& c : held.classes) {
      if (c.due_ms > now.monotonic_ms) continue;
      for (PublicationPtr& publication : c.newest) {
        Pending pending;
        pending.number = ++number_;
        if (publication->rooms.size() == 1) {
          pending.publication = std::move(publication);
        } else {
          auto single = std::make_shared<Publication>(*publication);
          single->rooms = {held.room};
          pending.publication = std::move(single);
        }
        pending.only = c.key;
        s.pending.push_back(std::move(pending));
      }
      c.newest.clear();
      c.due_ms = now.monotonic_ms + c.every_ms;
      queue(*held.stream, s, now);
    }
    ++it;
  }
}

}  // namespace sparc::fanout
