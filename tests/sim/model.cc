#include "sim/model.h"

#include <algorithm>
#include <charconv>

namespace sparc::sim {

using protocol::native::EventPush;
using protocol::native::GapPush;

void violated(std::string text) { throw Violation(std::move(text)); }

namespace {

std::string text_of(const Position& p) { return p.epoch + "/" + std::to_string(p.offset); }
std::string text_of(const Seat& seat) { return seat.name + " in namespace " + std::to_string(seat.ns); }
std::string text_of(const Pub& pub) {
  std::string out = pub.id() + " (" + pub.event + " to " + (pub.tenant.empty() ? "public" : pub.tenant);
  for (const std::string& room : pub.rooms) out += ' ' + room;
  if (pub.position) out += " at " + text_of(*pub.position);
  return out + (pub.outage ? ", in an outage)" : ")");
}

std::string value_of(const Pub& pub) { return pub.tenant + ' ' + pub.rooms.front() + ' ' + pub.event + ' ' + pub.key; }

}  // namespace

Pub& Model::add(Pub pub) {
  pub.index = pubs_.size();
  pub.published = now;
  pubs_.push_back(std::move(pub));
  return pubs_.back();
}

Pub* Model::find(std::string_view id) {
  std::size_t index = 0;
  if (id.size() < 2 || id.front() != 'p') return nullptr;
  const auto read = std::from_chars(id.data() + 1, id.data() + id.size(), index);
  return read.ptr == id.data() + id.size() && index < pubs_.size() ? &pubs_[index] : nullptr;
}

bool Model::outage_between(Tick from, Tick to) const {
  for (std::size_t i = 0; i < outages_begun.size(); ++i) {
    const Tick over = i < outages_over.size() ? outages_over[i] : never;
    if (outages_begun[i] <= to && over >= from) return true;
  }
  return false;
}

void Model::placed(std::string_view id, const Position& position) {
  Pub* pub = find(id);
  if (pub == nullptr || position.epoch.empty() || (pub->repeated && pub->position)) return;
  if (pub->position && pub->position->epoch == position.epoch && *pub->position != position) {
    violated(text_of(*pub) + " was numbered twice: also at " + text_of(position));
  }
  pub->outage = pub->outage || outage_between(pub->published, now);
  if (!pub->position) pub->position = position;
}

void Model::told(std::uint16_t shard, const Publication& publication) {
  Pub* pub = find(publication.id);
  if (pub == nullptr) violated("a publication " + publication.id + " that nobody made");
  if (publication.offset != 0) placed(publication.id, {publication.epoch, publication.offset});
  pub->outage = pub->outage || outage_between(pub->published, now);
  if (!told_[shard].try_emplace(pub->index, Told{++orders_, now}).second && publication.offset == 0 && !pub->repeated) {
    violated(text_of(*pub) + " was told twice to shard " + std::to_string(shard));
  }
}

bool Model::passes(const protocol::Wish& wish, const Pub& pub) {
  const auto values = protocol::FieldValues::read(pub.data, vocabulary[pub.ns]);
  return protocol::passes(wish, pub.event, values, vocabulary[pub.ns]);
}

bool Model::permitted(const Seat& seat, const Pub& pub, std::string_view room) {
  const auto holds = seat.rooms.find(std::string(room));
  if (holds == seat.rooms.end()) return false;
  if (std::none_of(holds->second.begin(), holds->second.end(), [&](const Hold& h) { return h.gone >= pub.published; }))
    return false;
  return std::any_of(seat.wishes.begin(), seat.wishes.end(),
                     [&](const WishSpan& w) { return w.to >= pub.published && passes(w.wish, pub); });
}

bool Model::required(const Seat& seat, const Pub& pub) {
  for (const WishSpan& span : seat.wishes) {
    if (span.to >= std::max(pub.published, seat.join_asked) && !passes(span.wish, pub)) return false;
  }
  for (const std::string& room : pub.rooms) {
    const auto holds = seat.rooms.find(room);
    if (holds == seat.rooms.end()) continue;
    for (const Hold& hold : holds->second) {
      const bool before = hold.held != never && (hold.in_join || hold.held <= pub.published);
      if (before && hold.let_go == never) return true;
    }
  }
  return false;
}

void Model::check_identity(const Seat& seat, const Pub& pub, const EventPush& event) {
  const std::string what = text_of(seat) + " got " + text_of(pub);
  if (pub.ns != seat.ns) violated(what + " of another namespace");
  if (!pub.tenant.empty() && pub.tenant != seat.tenant) violated(what + " of another tenant than its own, " + seat.tenant);
  if (event.data != pub.data || event.event != pub.event) violated(what + " with other contents: " + std::string(event.data));
  if (!std::equal(event.attachments.begin(), event.attachments.end(), pub.attachments.begin(), pub.attachments.end()))
    violated(what + " with " + std::to_string(event.attachments.size()) + " attachments, which are not its own");
  if (std::find(pub.rooms.begin(), pub.rooms.end(), event.room) == pub.rooms.end())
    violated(what + " in room " + std::string(event.room));
  if (!permitted(seat, pub, event.room))
    violated(what + " in room " + std::string(event.room) + ", which it does not hold, or which its filters exclude");
}

void Model::on_event(Seat& seat, const EventPush& event) {
  ++events_checked;
  if (trace) {
    trace("      " + seat.name + " gets " + std::string(event.id) +
          (event.offset != 0 ? " at " + std::to_string(event.offset) : "") + (event.provisional ? ", provisional" : ""));
  }
  Pub* pub = find(event.id);
  if (pub == nullptr) violated(text_of(seat) + " got an event that nobody published: " + std::string(event.id));
  check_identity(seat, *pub, event);
  if (pub->latest) seat.values[value_of(*pub)] = pub->index;
  check_order(seat, *pub, event, seat.seen[pub->index]);
}

void Model::check_order(Seat& seat, const Pub& pub, const EventPush& event, Receipt& receipt) {
  const std::string what = text_of(seat) + " got " + text_of(pub) + " with offset " + std::to_string(event.offset);
  if (event.provisional) {
    if (pub.repeated) return;
    if (!outage_between(pub.published, now)) violated(what + ", provisional without an outage");
    if (event.offset != 0) violated(what + ", provisional and numbered");
    if (++receipt.provisional > 1) violated(what + ", provisional twice");
    if (receipt.plain > 0) violated(what + ", provisional behind its numbered form");
    if (!seat.broker_gap) violated(what + ", provisional without a gap that says why");
    return;
  }
  if (++receipt.plain > 1 && !pub.latest && !pub.repeated) violated(what + " twice");
  if ((event.offset != 0) != pub.numbered) violated(what + (pub.numbered ? ": it has no number" : ": it must have none"));
  if (event.offset != 0) {
    if (seat.at.epoch.empty()) violated(what + " before it was told an epoch");
    if (event.offset <= seat.at.offset) violated(what + " behind " + text_of(seat.at));
    seat.at.offset = event.offset;
    seat.numbered.emplace_back(pub.index, seat.at);
    seat.after_unknown_gap = false;
    return;
  }
  if (pub.latest || pub.repeated) return;
  const auto told = told_[seat.shard].find(pub.index);
  const Tick here = told == told_[seat.shard].end() ? now : told->second.at;
  const std::vector<Hold>& holds = seat.rooms.find(std::string(event.room))->second;
  if (std::none_of(holds.begin(), holds.end(), [&](const Hold& h) { return h.asked <= here; }))
    violated(what + ", which was there before it asked for the room");
  if (pub.outage || told == told_[seat.shard].end()) return;
  std::uint64_t& last = seat.told_order[pub.tenant];
  if (told->second.order < last) violated(what + " out of order");
  last = told->second.order;
}

void Model::on_position(Seat& seat, const Position& position) {
  if (trace) trace("      " + seat.name + " is told " + text_of(position) + " in namespace " + std::to_string(seat.ns));
  if (position.epoch.empty()) violated(text_of(seat) + " got a position without epoch");
  if (position.epoch == seat.at.epoch) {
    if (position.offset < seat.at.offset)
      violated(text_of(seat) + " at " + text_of(seat.at) + " was set back to " + text_of(position));
  } else {
    for (const Era& era : seat.eras) {
      if (era.epoch == position.epoch) violated(text_of(seat) + " was sent back to epoch " + position.epoch);
    }
    const bool all = !seat.eras.empty() && !seat.after_unknown_gap;
    seat.eras.push_back({position.epoch, all ? 0 : position.offset});
  }
  seat.at = position;
  seat.after_unknown_gap = false;
}

void Model::on_gap(Seat& seat, const GapPush& gap) {
  if (trace)
    trace("      " + seat.name + " is told of a gap in namespace " + std::to_string(seat.ns) + ": " + std::to_string(gap.count) +
          ' ' + gap.reason);
  if (gap.reason == "trimmed") {
    if (gap.from == 0) {
      seat.unknown_gap = seat.after_unknown_gap = true;
    } else {
      if (gap.from > gap.to || gap.from <= seat.at.offset) violated(text_of(seat) + " got a gap that it did not have");
      seat.trimmed.push_back({seat.at.epoch, gap.from, gap.to, now});
    }
  } else if (gap.reason == "broker") {
    if (outages_begun.empty()) violated(text_of(seat) + " was told of an outage that was none");
    seat.broker_gap = true;
  } else {
    if (gap.count == 0) violated(text_of(seat) + " got a gap of nothing");
    seat.lost_counted += gap.count;
    ++seat.loss_gaps;
  }
}

void Model::on_history_event(const Seat& seat, const EventPush& event, const std::string& epoch) {
  Pub* pub = find(event.id);
  if (pub == nullptr) violated(text_of(seat) + " was shown an event that nobody published: " + std::string(event.id));
  check_identity(seat, *pub, event);
  if (pub->position && !pub->repeated && *pub->position != Position{epoch, event.offset}) {
    violated(text_of(seat) + " was shown " + text_of(*pub) + " at " + epoch + "/" + std::to_string(event.offset));
  }
}

void Model::keeps(const StreamKey& stream, const std::vector<PublicationPtr>& values) {
  for (const PublicationPtr& value : values) {
    const Pub* pub = find(value->id);
    if (pub == nullptr) violated("the broker keeps a value that nobody published: " + value->id);
    kept_.emplace_back(stream, pub->index);
  }
}

void Model::check_streams() const {
  for (std::size_t a = 0; a < told_.size(); ++a) {
    std::map<std::pair<NamespaceId, std::string>, std::vector<std::pair<std::uint64_t, std::size_t>>> streams;
    for (const auto& [index, told] : told_[a]) streams[{pubs_[index].ns, pubs_[index].tenant}].emplace_back(told.order, index);
    for (auto& [key, order] : streams) {
      std::sort(order.begin(), order.end());
      for (std::size_t b = 0; b < a; ++b) {
        std::uint64_t last = 0;
        for (const auto& [ignored, index] : order) {
          const auto there = told_[b].find(index);
          if (there == told_[b].end() || pubs_[index].repeated) continue;
          if (there->second.order < last)
            violated("shards " + std::to_string(a) + " and " + std::to_string(b) + " were told " + text_of(pubs_[index]) +
                     " in different order");
          last = there->second.order;
        }
      }
    }
  }
}

void Model::check(const Seat& seat) {
  check_numbers(seat);
  check_recovery(seat);
  if (seat.ns != video) check_numbered_loss(seat);
  if (seat.alive) check_unnumbered_loss(seat);
  if (seat.alive && seat.eras.size() == 1 && seat.at.offset < seat.until) {
    violated(text_of(seat) + " was promised a replay until " + std::to_string(seat.until) + ", and stands at " +
             text_of(seat.at));
  }
}

void Model::check_numbers(const Seat& seat) {
  for (const auto& [index, position] : seat.numbered) {
    const Pub& pub = pubs_[index];
    if (pub.position && *pub.position != position && !pub.repeated)
      violated(text_of(seat) + " took " + text_of(pub) + " for " + text_of(position));
  }
}

std::uint64_t Model::last_offset(const Seat& seat, const std::string& epoch, Tick until) const {
  std::uint64_t last = 0;
  for (const Pub& pub : pubs_) {
    if (pub.ns == seat.ns && pub.tenant == seat.tenant && pub.published <= until && pub.position &&
        pub.position->epoch == epoch) {
      last = std::max(last, pub.position->offset);
    }
  }
  return last;
}

void Model::check_recovery(const Seat& seat) {
  for (const TrimmedRange& range : seat.trimmed) {
    if (range.to + entries_max[seat.ns] > last_offset(seat, range.epoch, range.at)) {
      violated(text_of(seat) + " was told of a trimmed range that history still holds: " + range.epoch + "/" +
               std::to_string(range.from) + ".." + std::to_string(range.to));
    }
  }
  if (!seat.recovery || seat.recovery->recovered) return;
  const Seat::Recovery& r = *seat.recovery;
  if (r.outage) return;
  Tick youngest = 0;  // an epoch whose publications are all older than a loss of the broker's streams is over
  for (const Pub& pub : pubs_) {
    if (pub.position && pub.position->epoch == r.asked.epoch) youngest = std::max(youngest, pub.published);
  }
  if (std::any_of(forgotten.begin(), forgotten.end(), [&](Tick t) { return t >= youngest && t <= r.at; })) return;
  if (last_offset(seat, r.asked.epoch, r.at) > r.asked.offset + entries_max[seat.ns]) return;
  violated(text_of(seat) + " was not recovered from " + text_of(r.asked) + " although history reaches it");
}

bool Model::excused(const Seat& seat, const Pub& pub) const {
  return std::any_of(seat.trimmed.begin(), seat.trimmed.end(), [&](const TrimmedRange& r) {
    return r.epoch == pub.position->epoch && r.from <= pub.position->offset && pub.position->offset <= r.to;
  });
}

void Model::check_numbered_loss(const Seat& seat) {
  std::uint64_t provisional_lost = 0;
  for (std::size_t i = 0; i < seat.eras.size(); ++i) {
    const Era& era = seat.eras[i];
    const bool last = i + 1 == seat.eras.size();
    if (!last && seat.unknown_gap) continue;
    const std::uint64_t to = last && !seat.alive ? seat.at.offset : UINT64_MAX;
    for (const Pub& pub : pubs_) {
      if (pub.ns != seat.ns || pub.tenant != seat.tenant || !pub.position || pub.position->epoch != era.epoch) continue;
      if (pub.position->offset <= era.from || pub.position->offset > to || !required(seat, pub)) continue;
      ++losses_checked;
      if (seat.seen.contains(pub.index) || excused(seat, pub)) continue;
      if (pub.outage && ++provisional_lost <= seat.lost_counted) continue;
      violated(text_of(seat) + " (shard " + std::to_string(seat.shard) + ", joined at tick " + std::to_string(seat.joined) +
               ", now at " + text_of(seat.at) + ") never got " + text_of(pub));
    }
  }
}

std::uint64_t Model::gone(const Seat& seat) const {
  std::uint64_t sum = 0;
  for (const std::string& tenant : {seat.tenant, std::string{}}) {
    const auto found = missed_[seat.shard].find({seat.ns, tenant});
    if (found == missed_[seat.shard].end()) continue;
    for (const auto& [tick, count] : found->second) sum += tick >= seat.join_asked ? count : 0;
  }
  return sum;
}

std::uint64_t Model::missing_events(const Seat& seat, const Pub*& first) {
  std::uint64_t missing = 0;
  for (const Pub& pub : pubs_) {
    if (pub.ns != seat.ns || (!pub.tenant.empty() && pub.tenant != seat.tenant)) continue;
    if (pub.numbered || pub.latest || pub.is_volatile || pub.repeated || pub.published < seat.joined || !required(seat, pub))
      continue;
    ++losses_checked;
    if (seat.seen.contains(pub.index)) continue;
    ++missing;
    if (first == nullptr) first = &pub;
  }
  return missing;
}

/// Of each value that the broker keeps and that the seat may see, its newest is the last that it got.
std::uint64_t Model::missing_values(const Seat& seat, const Pub*& first) {
  std::uint64_t missing = 0;
  for (const auto& [stream, index] : kept_) {
    const Pub& pub = pubs_[index];
    if (stream.ns != seat.ns || (!stream.tenant.empty() && stream.tenant != seat.tenant)) continue;
    const auto holds = seat.rooms.find(pub.rooms.front());
    if (holds == seat.rooms.end() || holds->second.back().held == never || holds->second.back().let_go != never) continue;
    const Tick since = std::max(holds->second.back().asked, pub.published);
    if (std::any_of(seat.wishes.begin(), seat.wishes.end(),
                    [&](const WishSpan& w) { return w.to >= since && !passes(w.wish, pub); }))
      continue;
    if (std::any_of(pubs_.begin(), pubs_.end(),
                    [&](const Pub& p) { return p.repeated && p.latest && p.ns == pub.ns && value_of(p) == value_of(pub); }))
      continue;
    ++losses_checked;
    const auto got = seat.values.find(value_of(pub));
    if (got != seat.values.end() && got->second == index) continue;
    ++missing;
    if (first == nullptr) first = &pub;
  }
  return missing;
}

std::uint64_t Model::may_be_lost(const Seat& seat) {
  std::uint64_t possible = gone(seat);
  for (const Pub& pub : pubs_) {
    if (pub.ns != seat.ns || (!pub.tenant.empty() && pub.tenant != seat.tenant) || pub.is_volatile) continue;
    // What was lost before it had a number comes with it. A value can be lost as it is published, and again when it is sent to those who
    // join or missed some; a retry, wherever it is delivered again.
    const bool again = pub.latest || pub.numbered || pub.repeated;
    if ((pub.numbered && !pub.outage && !pub.repeated) || (!again && seat.seen.contains(pub.index))) continue;
    if (std::any_of(pub.rooms.begin(), pub.rooms.end(), [&](const std::string& room) { return permitted(seat, pub, room); })) {
      possible += pub.repeated ? 4 : pub.latest ? 2 : 1;
    }
  }
  return possible;
}

void Model::check_unnumbered_loss(const Seat& seat) {
  const Pub* first = nullptr;
  const std::uint64_t missing = missing_events(seat, first) + missing_values(seat, first);
  if (missing > seat.lost_counted) {
    violated(text_of(seat) + " (joined at tick " + std::to_string(seat.joined) + ") was told of " +
             std::to_string(seat.lost_counted) + " lost events, but misses " + std::to_string(missing) + ", first " +
             text_of(*first));
  }
  if (seat.lost_counted > may_be_lost(seat)) {
    violated(text_of(seat) + " was told of " + std::to_string(seat.lost_counted) + " lost events, but can miss " +
             std::to_string(may_be_lost(seat)) + " at most");
  }
}

}  // namespace sparc::sim
