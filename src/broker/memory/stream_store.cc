#include "broker/memory/stream_store.h"

#include <algorithm>
#include <cassert>

namespace sparc::broker {
namespace {

constexpr std::size_t sweep_streams = 4'096;
constexpr std::int64_t sweep_interval_ms = 1'000;
constexpr std::size_t epoch_characters = 12;  // 62 bits, and within the small string buffer

}  // namespace

StreamStore::StreamStore(std::vector<NamespaceBrokerSettings> namespaces, const Limits& limits, std::size_t bytes_share,
                         std::uint64_t seed)
    : namespaces_(std::move(namespaces)), limits_(limits), bytes_share_(bytes_share), epochs_(seed) {
  auto fill = [&](NamespaceBrokerSettings& ns) {
    if (ns.entries_max == 0) ns.entries_max = limits_.stream_entries_max;
    if (ns.bytes_max == 0) ns.bytes_max = limits_.stream_bytes_max;
    if (ns.ttl_ms == 0) ns.ttl_ms = limits_.stream_ttl_ms;
  };
  for (NamespaceBrokerSettings& ns : namespaces_) fill(ns);
  fill(unknown_namespace_);
}

void StreamStore::set_now(Now now) {
  now_ = now;
  if (swept_ms_ != INT64_MIN && now_.monotonic_ms - swept_ms_ < sweep_interval_ms) return;
  swept_ms_ = now_.monotonic_ms;
  sweep();
}

StreamStore::Stream* StreamStore::find(NamespaceId ns, std::string_view tenant) {
  auto at = streams_.find(KeyView{ns, tenant});
  return at == streams_.end() ? nullptr : &at->second;
}

StreamStore::Stream& StreamStore::open(NamespaceId ns, std::string_view tenant) {
  if (Stream* known = find(ns, tenant)) {
    known->used_ms = now_.monotonic_ms;
    return *known;
  }
  StreamKey key{ns, std::string(tenant)};
  Stream& stream = streams_[key];
  stream.key = std::move(key);
  stream.epoch = epochs_.token(epoch_characters);
  stream.used_ms = now_.monotonic_ms;
  stream.all_at = all_.size();
  all_.push_back(&stream);
  by_size_.add(stream);
  counters_.streams = streams_.size();
  return stream;
}

const NamespaceBrokerSettings& StreamStore::settings_of(const Stream& stream) const {
  return stream.key.ns < namespaces_.size() ? namespaces_[stream.key.ns] : unknown_namespace_;
}

bool StreamStore::is_numbered(const Stream& stream, const DeliveryPolicy& policy) const {
  return policy.history && !policy.latest && !policy.is_volatile && !stream.key.tenant.empty() && settings_of(stream).history;
}

StreamStore::Accepted StreamStore::publish(Stream& stream, const std::shared_ptr<Publication>& publication) {
  expire(stream);
  const bool has_id = !publication->id.empty();
  const PublicationIdHash id = has_id ? PublicationIdHash::of(publication->id) : PublicationIdHash{};
  if (has_id && stream.ids) {
    if (auto offset = stream.ids->find(id)) {
      ++counters_.repeated;
      account(stream);
      if (*offset == 0) return {{}, true};
      return {{Published::Outcome::numbered, {stream.epoch, *offset}, {}}, true};
    }
  }
  ++counters_.publications;
  publication->provisional = false;
  publication->offset = 0;
  publication->epoch.clear();
  if (publication->timestamp_ms == 0) publication->timestamp_ms = now_.wall_ms;
  Accepted accepted;
  if (is_numbered(stream, publication->policy)) {
    ++counters_.numbered;
    publication->offset = ++stream.last;
    publication->epoch = stream.epoch;
    accepted.answer = {Published::Outcome::numbered, {stream.epoch, stream.last}, {}};
    append(stream, publication, now_.monotonic_ms);
  } else if (publication->policy.latest) {
    remember_latest(stream, publication);
  }
  if (has_id) {
    if (!stream.ids) stream.ids = std::make_unique<PublicationIds>();
    counters_.ids_forgotten_early +=
        stream.ids->remember(id, publication->offset, now_.monotonic_ms, limits_.publication_ids_max);
  }
  trim(stream);
  account(stream);
  shed();
  return accepted;
}

StreamState StreamStore::state(Stream& stream) {
  expire(stream);
  account(stream);
  return {{stream.epoch, stream.last}, stream.entries.empty() ? 0 : stream.entries.front().publication->offset, true};
}

HistoryPart StreamStore::read(Stream* stream, const std::optional<Position>& since, ReadLimits limits) {
  HistoryPart part;
  if (stream == nullptr) {
    if (since) part.reach = HistoryPart::Reach::unknown;
    return part;
  }
  expire(*stream);
  account(*stream);
  stream->used_ms = now_.monotonic_ms;
  const auto& entries = stream->entries;
  const std::uint64_t before = entries.empty() ? stream->last : entries.front().publication->offset - 1;
  std::uint64_t from = before;  // the offset before the first entry that is read
  if (since && (since->epoch != stream->epoch || since->offset > stream->last)) {
    part.reach = HistoryPart::Reach::unknown;
  } else if (since && since->offset < before) {
    part.reach = HistoryPart::Reach::trimmed;
    part.skipped = before - since->offset;
  } else if (since) {
    from = since->offset;
  }
  std::size_t bytes = 0;
  std::size_t at = from - before;
  for (; at < entries.size(); ++at) {
    bytes += entries[at].bytes;
    if (!part.entries.empty() && (part.entries.size() >= limits.entries_max || bytes > limits.bytes_max)) break;
    part.entries.push_back(entries[at].publication);
  }
  part.complete = at == entries.size();
  part.next = {stream->epoch, before + at};
  return part;
}

std::vector<PublicationPtr> StreamStore::latest(Stream* stream, const std::vector<std::string>& rooms) {
  if (stream == nullptr) return {};
  expire(*stream);
  account(*stream);
  return stream->latest ? stream->latest->of_rooms(rooms) : std::vector<PublicationPtr>{};
}

void StreamStore::clear() {
  for (auto& [key, stream] : streams_) {
    stream.epoch = epochs_.token(epoch_characters);
    stream.last = 0;
    stream.entries = {};
    stream.entries_bytes = 0;
    stream.ids.reset();
    stream.latest.reset();
    account(stream);
  }
}

void StreamStore::append(Stream& stream, PublicationPtr publication, std::int64_t at_ms) {
  const std::size_t bytes = publication->bytes();
  stream.entries_bytes += bytes;
  stream.entries.push_back({std::move(publication), at_ms, bytes});
}

void StreamStore::remember_latest(Stream& stream, const PublicationPtr& publication) {
  if (!stream.latest) stream.latest = std::make_unique<LatestValues>();
  counters_.latest_evicted +=
      stream.latest->write(publication, now_.monotonic_ms, {limits_.latest_values_max, settings_of(stream).bytes_max});
}

void StreamStore::drop_oldest_entry(Stream& stream) {
  stream.entries_bytes -= stream.entries.front().bytes;
  (void)stream.entries.pop_front();
}

void StreamStore::expire(Stream& stream) {
  const auto ttl_ms = static_cast<std::int64_t>(settings_of(stream).ttl_ms);
  while (!stream.entries.empty() && now_.monotonic_ms - stream.entries.front().at_ms >= ttl_ms) {
    drop_oldest_entry(stream);
    ++counters_.trimmed_by_ttl;
  }
  if (stream.ids) {
    stream.ids->expire(now_.monotonic_ms, limits_.publication_id_ttl_ms);
    if (stream.ids->size() == 0) stream.ids.reset();
  }
  if (stream.latest) {
    counters_.latest_expired += stream.latest->expire(now_.monotonic_ms, static_cast<std::int64_t>(limits_.latest_ttl_ms));
    if (stream.latest->size() == 0) stream.latest.reset();
  }
}

void StreamStore::trim(Stream& stream) {
  const NamespaceBrokerSettings& ns = settings_of(stream);
  for (; stream.entries.size() > ns.entries_max; ++counters_.trimmed_by_entries) drop_oldest_entry(stream);
  for (; stream.entries_bytes > ns.bytes_max; ++counters_.trimmed_by_bytes) drop_oldest_entry(stream);
}

void StreamStore::account(Stream& stream) {
  const Stream::Counted now{stream.entries.size(), stream.entries_bytes + (stream.latest ? stream.latest->bytes() : 0),
                            stream.ids ? stream.ids->size() : 0, stream.latest ? stream.latest->size() : 0};
  counters_.entries += now.entries - stream.counted.entries;
  counters_.bytes += now.bytes - stream.counted.bytes;
  counters_.ids += now.ids - stream.counted.ids;
  counters_.latest_values += now.latest - stream.counted.latest;
  stream.counted = now;
  if (stream.heap_size == now.bytes) return;
  stream.heap_size = now.bytes;
  by_size_.changed(stream);
}

void StreamStore::shed() {
  while (counters_.bytes > bytes_share_ && by_size_.size() > 0) {
    Stream& largest = by_size_.largest();
    if (!largest.entries.empty()) {
      drop_oldest_entry(largest);
      ++counters_.trimmed_by_node;
    } else {
      assert(largest.latest && largest.latest->size() > 0);
      largest.latest->evict_oldest();
      ++counters_.latest_evicted;
    }
    account(largest);
  }
}

void StreamStore::sweep() {
  for (std::size_t left = std::min(sweep_streams, all_.size()); left > 0; --left) {
    if (sweep_at_ >= all_.size()) sweep_at_ = 0;
    Stream& stream = *all_[sweep_at_];
    expire(stream);
    account(stream);
    if (is_dead(stream)) {
      erase(stream);
    } else {
      ++sweep_at_;
    }
  }
}

void StreamStore::erase(Stream& stream) {
  ++counters_.streams_expired;
  by_size_.remove(stream);
  all_.back()->all_at = stream.all_at;
  all_[stream.all_at] = all_.back();
  all_.pop_back();
  streams_.erase(streams_.find(KeyView{stream.key.ns, stream.key.tenant}));
  counters_.streams = streams_.size();
}

bool StreamStore::is_dead(const Stream& stream) const {
  return stream.shards.empty() && stream.entries.empty() && !stream.ids && !stream.latest &&
         now_.monotonic_ms - stream.used_ms >= static_cast<std::int64_t>(limits_.stream_meta_ttl_ms);
}

StreamImage StreamStore::image_of(Stream& stream) {
  expire(stream);
  account(stream);
  const std::int64_t now_ms = now_.monotonic_ms;
  StreamImage image{stream.key, stream.epoch, stream.last, now_ms - stream.used_ms, {}, {}, {}};
  for (std::size_t i = 0; i < stream.entries.size(); ++i) {
    image.entries.push_back({stream.entries[i].publication, now_ms - stream.entries[i].at_ms});
  }
  if (stream.ids) {
    stream.ids->for_each([&](const PublicationIdHash& id, std::uint64_t offset, std::int64_t at_ms) {
      image.ids.push_back({id, offset, now_ms - at_ms});
    });
  }
  if (stream.latest) {
    stream.latest->for_each([&](const PublicationPtr& publication, std::size_t room, std::int64_t at_ms) {
      if (image.latest.empty() || image.latest.back().publication != publication) {
        image.latest.push_back({publication, {}, now_ms - at_ms});
      }
      image.latest.back().rooms.push_back(static_cast<std::uint32_t>(room));
    });
  }
  return image;
}

void StreamStore::restore(StreamImage&& image, std::int64_t since_ms) {
  assert(find(image.key.ns, image.key.tenant) == nullptr);
  Stream& stream = open(image.key.ns, image.key.tenant);
  auto at = [&](std::int64_t age_ms) { return now_.monotonic_ms - age_ms - since_ms; };
  stream.epoch = std::move(image.epoch);
  stream.last = image.last;
  stream.used_ms = at(image.unused_ms);
  if (is_numbered(stream, {})) {
    for (auto& entry : image.entries) append(stream, std::move(entry.publication), at(entry.age_ms));
  }
  for (auto& id : image.ids) {
    if (!stream.ids) stream.ids = std::make_unique<PublicationIds>();
    if (!stream.ids->find(id.id)) {
      counters_.ids_forgotten_early += stream.ids->remember(id.id, id.offset, at(id.age_ms), limits_.publication_ids_max);
    }
  }
  for (auto& value : image.latest) {
    if (!stream.latest) stream.latest = std::make_unique<LatestValues>();
    for (std::uint32_t room : value.rooms) stream.latest->put(value.publication, room, at(value.age_ms));
  }
  while (stream.latest &&
         (stream.latest->size() > limits_.latest_values_max || stream.latest->bytes() > settings_of(stream).bytes_max)) {
    stream.latest->evict_oldest();
    ++counters_.latest_evicted;
  }
  expire(stream);
  trim(stream);
  account(stream);
  shed();
}

}  // namespace sparc::broker
