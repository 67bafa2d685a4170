#include <algorithm>
#include <cassert>
#include <utility>

#include "session/outbox.h"

namespace sparc::session {
namespace {

constexpr std::size_t entry_overhead_bytes = sizeof(Entry);

std::size_t cost(const Entry& entry) { return entry.size + entry_overhead_bytes; }

std::string_view room_of(const Entry& entry) {
  return entry.publication ? std::string_view(entry.publication->rooms[entry.room_rank]) : std::string_view{};
}

std::string latest_key(const Publication& publication, std::string_view room) {
  std::string key(room);
  key.push_back('\0');
  key += publication.event;
  key.push_back('\0');
  key += publication.latest_key;
  return key;
}

GapRun gap_of(const Entry& entry, GapReason reason) {
  GapRun gap;
  gap.count = 1;
  gap.from = gap.to = entry.publication->offset;
  gap.room = room_of(entry);
  gap.reason = reason;
  return gap;
}

void merge(GapRun& into, const GapRun& gap) {
  into.count += gap.count;
  if (into.room != gap.room) into.room.clear();
  if (gap.from != 0 && (into.from == 0 || gap.from < into.from)) into.from = gap.from;
  into.to = std::max(into.to, gap.to);
}

/// Adds the loss of a publication to a gap. Of a volatile one nobody is told.
void lose(GapRun& gap, const Entry& entry, GapReason reason) {
  if (entry.publication->policy.is_volatile) return;
  GapRun one = gap_of(entry, reason);
  if (gap.count == 0) {
    gap = std::move(one);
  } else {
    merge(gap, one);
  }
}

}  // namespace

std::string_view name_of(GapReason reason) {
  switch (reason) {
    case GapReason::dropped: return "dropped";
    case GapReason::expired: return "expired";
    case GapReason::trimmed: return "trimmed";
    case GapReason::broker: return "broker";
  }
  return "dropped";
}

void Lane::append(Entry entry) {
  bytes_ += cost(entry);
  ++live_;
  entries_.push_back(std::move(entry));
}

void Lane::remove_at(std::size_t index) {
  Entry& entry = entries_[index];
  if (entry.kind == Entry::Kind::removed) return;
  bytes_ -= cost(entry);
  --live_;
  entry = Entry{};
  entry.kind = Entry::Kind::removed;
}

void Lane::trim_removed() {
  while (!entries_.empty() && entries_.front().kind == Entry::Kind::removed) {
    (void)entries_.pop_front();
    ++front_ticket_;
  }
}

void Lane::add_gap(Queue& queue, GapRun gap) {
  dropped_ += gap.count;
  Entry* last = nullptr;
  for (std::size_t i = queue.size(); i-- > 0 && last == nullptr;) {
    if (queue[i].kind != Entry::Kind::removed) last = &queue[i];
  }
  if (last != nullptr && last->kind == Entry::Kind::gap && last->gap->reason == gap.reason) {
    merge(*last->gap, gap);
    return;
  }
  Entry entry;
  entry.kind = Entry::Kind::gap;
  entry.gap = std::make_unique<GapRun>(std::move(gap));
  if (&queue == &entries_) {
    append(std::move(entry));
  } else {
    queue.push_back(std::move(entry));
  }
}

PushResult Lane::push(Entry entry) {
  if (entry.kind == Entry::Kind::gap) {
    add_gap(catching_up_ ? behind_ : entries_, std::move(*entry.gap));
    return PushResult::queued;
  }
  if (catching_up_) {
    if (entry.kind == Entry::Kind::position) return PushResult::dropped;
    if (entry.publication && entry.publication->offset != 0) return PushResult::queued;  // history has it
    push_behind(std::move(entry));
    return PushResult::queued;
  }
  const PushResult result = append_live(std::move(entry));
  return bytes_ > settings_.bytes_max ? overflow() : result;
}

PushResult Lane::append_live(Entry entry) {
  PushResult result = PushResult::queued;
  if (entry.publication && entry.publication->policy.latest) {
    auto [found, fresh] = latest_.try_emplace(latest_key(*entry.publication, room_of(entry)), front_ticket_ + entries_.size());
    if (!fresh) {
      // A gap may have taken the place of what expired or was dropped.
      if (found->second >= front_ticket_ && entries_[found->second - front_ticket_].kind == Entry::Kind::publication) {
        remove_at(found->second - front_ticket_);
        result = PushResult::conflated;
      }
      found->second = front_ticket_ + entries_.size();
    }
  }
  append(std::move(entry));
  return result;
}

void Lane::push_refill(Entry entry) {
  entry.refill = true;
  append(std::move(entry));
}

void Lane::push_behind(Entry entry) {
  const Publication* publication = entry.publication.get();
  if (entry.kind == Entry::Kind::notice) return behind_.push_back(std::move(entry));
  if (publication == nullptr || publication->policy.is_volatile) return;
  if (!publication->policy.latest) {
    add_gap(behind_, gap_of(entry, GapReason::dropped));
    return;
  }
  behind_.erase_if([&](const Entry& other) {
    return other.publication && other.publication->event == publication->event &&
           other.publication->latest_key == publication->latest_key && room_of(other) == room_of(entry);
  });
  behind_.push_back(std::move(entry));
  std::size_t size = 0;
  for (std::size_t i = 0; i < behind_.size(); ++i) size += cost(behind_[i]);
  GapRun lost;
  while (size > settings_.bytes_max && behind_.size() > 1 && behind_.front().kind == Entry::Kind::publication) {
    size -= cost(behind_.front());
    lose(lost, behind_.front(), GapReason::dropped);
    (void)behind_.pop_front();
  }
  if (lost.count != 0) add_gap(behind_, std::move(lost));
}

void Lane::begin_catch_up(Position position) {
  catching_up_ = true;
  reading_ = false;
  position_ = std::move(position);
}

void Lane::end_catch_up() {
  catching_up_ = false;
  reading_ = false;
  until = 0;
  Queue behind = std::exchange(behind_, {});
  for (std::size_t i = 0; i < behind.size(); ++i) {
    Entry& entry = behind[i];
    if (entry.kind == Entry::Kind::gap) {
      dropped_ -= entry.gap->count;  // counted when it was noted
      add_gap(entries_, std::move(*entry.gap));
    } else {
      (void)append_live(std::move(entry));  // bounded already; to give up the refill for it would read the same again for ever
    }
  }
}

PushResult Lane::overflow() {
  switch (settings_.policy) {
    case LanePolicy::catch_up: return give_up_frames();
    case LanePolicy::disconnect: return PushResult::overflow;
    case LanePolicy::conflate: conflate(); [[fallthrough]];
    case LanePolicy::drop_oldest: break;
  }
  // Down to three quarters, so that a lane at its bound does not drop one by one for ever.
  GapRun gap;
  Entry position;  // the last one dropped: what follows is of its epoch
  position.kind = Entry::Kind::removed;
  while (bytes_ > settings_.bytes_max / 4 * 3 && live_ > 1) {
    trim_removed();
    Entry& front = entries_.front();
    if (front.kind == Entry::Kind::notice) break;
    if (front.kind == Entry::Kind::gap) {
      if (gap.count == 0)
        gap = *front.gap;
      else
        merge(gap, *front.gap);
      dropped_ -= front.gap->count;
    } else if (front.kind == Entry::Kind::publication) {
      lose(gap, front, GapReason::dropped);
    } else if (front.kind == Entry::Kind::position) {
      bytes_ -= cost(front);
      --live_;
      position = std::exchange(front, Entry{});
      front.kind = Entry::Kind::removed;
      continue;
    }
    drop_front();
  }
  trim_removed();
  if (position.kind == Entry::Kind::position) put_first(std::move(position));
  if (gap.count == 0) return PushResult::queued;
  dropped_ += gap.count;
  put_first(std::move(gap));
  return PushResult::dropped;
}

void Lane::put_first(Entry entry) {
  bytes_ += cost(entry);
  ++live_;
  entries_.push_front(std::move(entry));
  --front_ticket_;
}

void Lane::put_first(GapRun gap) {
  Entry entry;
  entry.kind = Entry::Kind::gap;
  entry.gap = std::make_unique<GapRun>(std::move(gap));
  put_first(std::move(entry));
}

void Lane::drop_front() {
  trim_removed();
  remove_at(0);
  trim_removed();
}

void Lane::conflate() {
  absl::flat_hash_map<std::string, bool> seen;
  GapRun gap;
  for (std::size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = entries_[i];
    if (entry.kind != Entry::Kind::publication) continue;
    std::string key(room_of(entry));
    key.push_back('\0');
    key += entry.publication->event;
    if (seen.try_emplace(std::move(key), true).second) continue;
    lose(gap, entry, GapReason::dropped);
    remove_at(i);
  }
  trim_removed();
  if (gap.count != 0) {
    dropped_ += gap.count;
    put_first(std::move(gap));
  }
}

PushResult Lane::give_up_frames() {
  const Publication* first = nullptr;
  for (std::size_t i = 0; i < entries_.size() && first == nullptr; ++i) {
    const Entry& entry = entries_[i];
    if (entry.kind == Entry::Kind::publication && entry.publication->offset != 0) first = entry.publication.get();
  }
  Queue old = std::exchange(entries_, {});
  latest_.clear();
  front_ticket_ += old.size();
  bytes_ = live_ = 0;
  if (first != nullptr) begin_catch_up({first->epoch, first->offset - 1});
  bool before_first = true;
  for (std::size_t i = 0; i < old.size(); ++i) {
    Entry& entry = old[i];
    before_first = before_first && (first == nullptr || entry.publication.get() != first);
    if (entry.kind == Entry::Kind::position) {
      if (before_first || first == nullptr) append(std::move(entry));  // the epoch of what is read from history
    } else if (before_first && entry.publication && entry.publication->offset == 0 && !entry.publication->policy.latest &&
               !entry.publication->policy.is_volatile) {
      add_gap(entries_, gap_of(entry, GapReason::dropped));  // before a position that may stand behind it
    } else if (entry.kind == Entry::Kind::gap) {
      dropped_ -= entry.gap->count;
      add_gap(entries_, std::move(*entry.gap));
    } else if (entry.kind == Entry::Kind::notice || (entry.kind == Entry::Kind::publication && entry.publication->offset == 0)) {
      push_behind(std::move(entry));
    }
  }
  if (first == nullptr) {
    end_catch_up();
    return PushResult::dropped;
  }
  return PushResult::catch_up;
}

PushResult Lane::shed() {
  if (catching_up_) return give_up_refill();
  if (live_ == 0) return PushResult::queued;
  if (settings_.policy == LanePolicy::catch_up) return give_up_frames();
  if (settings_.policy == LanePolicy::disconnect) return PushResult::overflow;
  const std::size_t kept = settings_.bytes_max;
  settings_.bytes_max = 0;
  const PushResult result = overflow();
  settings_.bytes_max = kept;
  return result;
}

bool Lane::sheddable() const {
  if (catching_up_) return first_refill() != npos;
  std::size_t publications = 0;
  for (std::size_t i = 0; i < entries_.size() && publications < 2; ++i) {
    const Entry& entry = entries_[i];
    if (entry.kind == Entry::Kind::notice && publications == 0 && settings_.policy != LanePolicy::catch_up) return false;
    if (entry.kind != Entry::Kind::publication) continue;
    if (settings_.policy != LanePolicy::catch_up) {
      ++publications;  // the newest stays
    } else if (entry.publication->offset != 0) {
      return true;
    }
  }
  return publications > 1;
}

std::size_t Lane::first_refill() const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].refill && entries_[i].publication) return i;
  }
  return npos;
}

PushResult Lane::give_up_refill() {
  const std::size_t first = first_refill();
  if (first == npos) return PushResult::queued;
  begin_catch_up({entries_[first].publication->epoch, entries_[first].publication->offset - 1});
  for (std::size_t i = first; i < entries_.size(); ++i) {
    // What was trimmed will be said again where it is read again.
    const bool again =
        entries_[i].refill || (entries_[i].kind == Entry::Kind::gap && entries_[i].gap->reason == GapReason::trimmed);
    if (again) remove_at(i);
  }
  trim_removed();
  return PushResult::catch_up;
}

std::size_t Lane::behind_bytes() const {
  std::size_t size = 0;
  for (std::size_t i = 0; i < behind_.size(); ++i) size += cost(behind_[i]);
  return size;
}

std::size_t Lane::next(std::size_t from, std::int64_t now_ms) {
  auto expired = [&](const Entry& e) {
    return e.kind == Entry::Kind::publication && e.expires_ms != 0 && e.expires_ms <= now_ms;
  };
  std::size_t i = from;
  for (;;) {
    while (i < entries_.size() && entries_[i].kind == Entry::Kind::removed) ++i;
    if (i >= entries_.size()) return npos;
    if (!expired(entries_[i])) return i;
    GapRun gap;
    std::size_t end = i;
    for (; end < entries_.size() && (entries_[end].kind == Entry::Kind::removed || expired(entries_[end])); ++end) {
      if (entries_[end].kind == Entry::Kind::removed) continue;
      lose(gap, entries_[end], GapReason::expired);
      remove_at(end);
    }
    if (gap.count != 0) {
      dropped_ += gap.count;
      entries_[i].kind = Entry::Kind::gap;
      entries_[i].gap = std::make_unique<GapRun>(std::move(gap));
      bytes_ += cost(entries_[i]);
      ++live_;
      return i;
    }
    i = end;
  }
}

void Lane::pop() {
  trim_removed();
  assert(!entries_.empty());
  Entry& front = entries_.front();
  if (front.publication && front.publication->policy.latest) {
    auto found = latest_.find(latest_key(*front.publication, room_of(front)));
    if (found != latest_.end() && found->second == front_ticket_) latest_.erase(found);
  }
  bytes_ -= cost(front);
  --live_;
  (void)entries_.pop_front();
  ++front_ticket_;
  trim_removed();
}

}  // namespace sparc::session
