#include "broker/memory/memory_broker.h"

#include <algorithm>
#include <cassert>

#include "broker/memory/snapshot.h"

namespace sparc::broker {
namespace {

constexpr std::size_t record_kind = 2;  // beside those of ids: spreads equal texts over homes

std::uint16_t home_of_text(std::string_view text, std::size_t kind, std::size_t shards) {
  return static_cast<std::uint16_t>(mix(std::hash<std::string_view>{}(text), kind) % shards);
}

}  // namespace

MemoryBroker::MemoryBroker(MemoryBrokerSettings settings, Post& post, Entropy& entropy) : settings_(std::move(settings)) {
  assert(settings_.shards > 0);
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    doors_.push_back(std::make_unique<Door>(*this, shard, post, entropy.next()));
  }
}

MemoryBroker::~MemoryBroker() = default;

void MemoryBroker::set_available(bool available) {
  if (available_.exchange(available) == available) return;
  for (auto& door : doors_) {
    door->answer_here({AvailabilityNotice{available}});
    door->deliver();
  }
}

void MemoryBroker::forget() {
  for (auto& door : doors_) door->part_.streams().clear();
}

std::string MemoryBroker::snapshot(Now now) {
  SnapshotWriter writer(namespace_names(), now.wall_ms);
  for (auto& door : doors_) {
    door->part_.set_now(now);
    door->part_.streams().for_each_image([&](const StreamImage& image) { writer.add(image); });
  }
  for (auto& door : doors_) {
    door->part_.records().for_each([&](std::string_view key, std::string_view value, std::int64_t expires_ms) {
      if (expires_ms > now.monotonic_ms) writer.add({std::string(key), std::string(value), expires_ms - now.monotonic_ms});
    });
  }
  return writer.finish();
}

Result<MemoryBroker::Restored> MemoryBroker::restore(std::string_view snapshot, Now now) {
  for (auto& door : doors_) {
    if (door->part_.streams().counters().streams > 0)
      return fail("a snapshot is restored before anything else: streams exist already");
  }
  auto read = read_snapshot(snapshot, namespace_names());
  if (!read) return std::unexpected(std::move(read.error()));
  Restored restored{read->streams.size(), read->streams_of_unknown_namespaces, 0};
  const std::int64_t since_ms = std::max<std::int64_t>(0, now.wall_ms - read->wall_ms);
  for (auto& door : doors_) door->part_.set_now(now);
  for (StreamImage& image : read->streams) {
    doors_[home_of(image.key.ns, image.key.tenant)]->part_.streams().restore(std::move(image), since_ms);
  }
  for (RecordImage& record : read->records) {
    const std::uint16_t home = home_of_text(record.key, record_kind, doors_.size());
    if (record.left_ms > since_ms) {
      doors_[home]->part_.records().keep(std::move(record.key), std::move(record.value),
                                         now.monotonic_ms + record.left_ms - since_ms);
    }
  }
  for (auto& door : doors_) restored.entries += door->part_.streams().counters().entries;
  return restored;
}

std::vector<std::string> MemoryBroker::namespace_names() const {
  std::vector<std::string> names;
  for (const auto& ns : settings_.namespaces) names.push_back(ns.name);
  return names;
}

std::uint16_t MemoryBroker::home_of(NamespaceId ns, std::string_view tenant) const {
  return home_of_text(tenant, ns, settings_.shards);
}

MemoryBroker::Door::Door(MemoryBroker& broker, std::uint16_t shard, Post& post, std::uint64_t seed)
    : broker_(broker),
      shard_(shard),
      part_({broker.settings_.namespaces, broker.settings_.limits, broker.settings_.shards, seed}, *this, broker.sealed_) {
  for (std::uint16_t to = 0; to < broker.settings_.shards; ++to) outboxes_.emplace_back(post, shard, to, broker.settings_.limits);
}

template <class What>
void MemoryBroker::Door::request(std::uint16_t home, What what) {
  Request request{shard_, std::move(what)};
  if (home == shard_) {
    part_.execute(std::move(request));
  } else {
    outboxes_[home].send_request(std::move(request));
  }
  deliver();
}

void MemoryBroker::Door::publish(Ticket ticket, Publication publication) {
  assert(!publication.rooms.empty());
  const std::uint16_t home = broker_.home_of(publication.ns, publication.tenant);
  PublishRequest what{ticket, nullptr};
  if (away()) {
    if (ticket != 0) answer_here({PublishedAnswer{ticket, {Published::Outcome::unavailable, {}, {}}}});
    return deliver();
  }
  what.publication = std::make_shared<Publication>(std::move(publication));
  if (home == shard_) return request(home, std::move(what));
  if (!outboxes_[home].send_publish(what)) {
    ++refused_;
    Fault fault{Code::UNAVAILABLE, "too many publications wait for their stream", 1'000};
    if (ticket != 0) answer_here({PublishedAnswer{ticket, {Published::Outcome::refused, {}, std::move(fault)}}});
  }
  deliver();
}

void MemoryBroker::Door::enter(Ticket ticket, const StreamKey& stream) {
  const bool unavailable = away();
  if (unavailable && ticket != 0) answer_here({EnteredAnswer{ticket, {{}, 0, false}}});
  request(broker_.home_of(stream.ns, stream.tenant), EnterRequest{unavailable ? 0 : ticket, stream});
}

void MemoryBroker::Door::leave(const StreamKey& stream) {
  request(broker_.home_of(stream.ns, stream.tenant), LeaveRequest{stream});
}

void MemoryBroker::Door::read(Ticket ticket, const StreamKey& stream, std::optional<Position> since, ReadLimits limits) {
  if (ticket == 0) return;
  if (!away()) return request(broker_.home_of(stream.ns, stream.tenant), ReadRequest{ticket, stream, std::move(since), limits});
  HistoryPart part;
  part.reach = HistoryPart::Reach::unavailable;
  part.complete = false;
  if (since) part.next = std::move(*since);
  answer_here({HistoryAnswer{ticket, std::move(part)}});
  deliver();
}

void MemoryBroker::Door::latest(Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) {
  if (ticket == 0) return;
  if (!away()) return request(broker_.home_of(stream.ns, stream.tenant), LatestRequest{ticket, stream, std::move(rooms)});
  answer_here({LatestAnswer{ticket, {}}});
  deliver();
}

void MemoryBroker::Door::attached(IdKind kind, std::string_view id, std::string_view tenant) {
  request(home_of_text(id, static_cast<std::size_t>(kind), outboxes_.size()),
          DirectoryRequest{DirectoryRequest::Act::attached, 0, kind, std::string(id), std::string(tenant)});
}

void MemoryBroker::Door::detached(IdKind kind, std::string_view id, std::string_view tenant) {
  request(home_of_text(id, static_cast<std::size_t>(kind), outboxes_.size()),
          DirectoryRequest{DirectoryRequest::Act::detached, 0, kind, std::string(id), std::string(tenant)});
}

void MemoryBroker::Door::tenants_of(Ticket ticket, IdKind kind, std::string_view id) {
  if (ticket == 0) return;
  if (!away()) {
    return request(home_of_text(id, static_cast<std::size_t>(kind), outboxes_.size()),
                   DirectoryRequest{DirectoryRequest::Act::tenants_of, ticket, kind, std::string(id), {}});
  }
  answer_here({TenantsAnswer{ticket, {}}});
  deliver();
}

void MemoryBroker::Door::keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) {
  request(home_of_text(key, record_kind, outboxes_.size()),
          RecordRequest{RecordRequest::Act::keep, 0, std::string(key), std::string(value), ttl_ms});
}

void MemoryBroker::Door::take_record(Ticket ticket, std::string_view key) {
  if (ticket == 0) return;
  if (!away())
    return request(home_of_text(key, record_kind, outboxes_.size()),
                   RecordRequest{RecordRequest::Act::take, ticket, std::string(key), {}, 0});
  answer_here({RecordAnswer{ticket, std::nullopt}});
  deliver();
}

void MemoryBroker::Door::take_points(Ticket ticket, std::string_view name, Rate rate, std::uint32_t points) {
  if (ticket == 0) return;
  if (!away()) return request(home_of_text(name, 0, outboxes_.size()), PointsRequest{ticket, std::string(name), rate, points});
  answer_here({PointsAnswer{ticket, std::max<std::uint32_t>(points, 1), 0}});
  deliver();
}

void MemoryBroker::Door::on_tick(Now now) {
  part_.set_now(now);
  (void)flush();
  deliver();
}

void MemoryBroker::Door::on_message(Message message) {
  if (auto* request = std::get_if<std::unique_ptr<Request>>(&message)) {
    part_.execute(std::move(**request));
  } else {
    inbox_.push_back(std::move(message));
  }
  deliver();
}

bool MemoryBroker::Door::flush() {
  bool nothing_waits = true;
  for (Outbox& outbox : outboxes_) nothing_waits = outbox.flush() && nothing_waits;
  return nothing_waits;
}

MemoryBroker::Door::Counters MemoryBroker::Door::counters() const {
  Counters out{part_.streams().counters(),
               part_.directory().counters(),
               part_.records().counters(),
               0,
               refused_,
               part_.buckets().unbounded_grants(),
               0};
  for (const Outbox& outbox : outboxes_) {
    out.publications_lost += outbox.lost();
    out.waiting += outbox.waiting();
  }
  return out;
}

void MemoryBroker::Door::publication(std::uint16_t to, const StreamKey& stream, const PublicationPtr& publication) {
  if (to == shard_) {
    inbox_.emplace_back(publication);
  } else {
    outboxes_[to].send_publication(stream, publication);
  }
}

void MemoryBroker::Door::answer(std::uint16_t to, const StreamKey* stream, Answer answer) {
  if (to == shard_) {
    answer_here(std::move(answer));
  } else if (stream != nullptr) {
    outboxes_[to].send_answer(*stream, std::move(answer));
  } else {
    outboxes_[to].send_answer(std::move(answer));
  }
}

void MemoryBroker::Door::answer_here(Answer answer) { inbox_.emplace_back(std::make_unique<Answer>(std::move(answer))); }

void MemoryBroker::Door::deliver() {
  if (delivering_) return;
  delivering_ = true;
  while (!inbox_.empty()) {
    Message message = std::move(inbox_.front());
    inbox_.pop_front();
    tell(message);
  }
  delivering_ = false;
}

void MemoryBroker::Door::tell(Message& message) {
  if (auto* publication = std::get_if<PublicationPtr>(&message)) return listener_->on_publication(std::move(*publication));
  struct Teller {
    Listener& to;
    void operator()(PublishedAnswer& a) const { to.on_published(a.ticket, std::move(a.result)); }
    void operator()(EnteredAnswer& a) const { to.on_entered(a.ticket, std::move(a.state)); }
    void operator()(HistoryAnswer& a) const { to.on_history(a.ticket, std::move(a.part)); }
    void operator()(LatestAnswer& a) const { to.on_latest(a.ticket, std::move(a.values)); }
    void operator()(TenantsAnswer& a) const { to.on_tenants(a.ticket, std::move(a.tenants)); }
    void operator()(RecordAnswer& a) const { to.on_record(a.ticket, std::move(a.value)); }
    void operator()(PointsAnswer& a) const { to.on_points(a.ticket, a.granted, a.retry_after_ms); }
    void operator()(MissedNotice& a) const { to.on_missed(a.missed); }
    void operator()(AvailabilityNotice& a) const { to.on_availability(a.available); }
  };
  std::visit(Teller{*listener_}, std::get<std::unique_ptr<Answer>>(message)->what);
}

}  // namespace sparc::broker
