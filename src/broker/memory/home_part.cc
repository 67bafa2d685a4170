#include "broker/memory/home_part.h"

#include <algorithm>

namespace sparc::broker {

HomePart::HomePart(Settings settings, Out& out, const std::atomic<bool>& sealed)
    : out_(out),
      sealed_(sealed),
      streams_(std::move(settings.namespaces), settings.limits, settings.limits.streams_node_bytes_max / settings.shards,
               settings.seed),
      directory_(settings.limits.directory_ids_max / settings.shards, settings.limits.directory_ttl_ms),
      records_(settings.limits.recovery_records_max / settings.shards),
      buckets_(settings.limits.directory_ids_max / settings.shards) {}

void HomePart::execute(Request&& request) {
  std::visit([&](auto& what) { run(request.from, what); }, request.what);
}

void HomePart::set_now(Now now) {
  now_ = now;
  streams_.set_now(now);
  if (expired_ms_ != INT64_MIN && now.monotonic_ms - expired_ms_ < 1'000) return;
  expired_ms_ = now.monotonic_ms;
  directory_.expire(now.monotonic_ms);
  records_.expire(now.monotonic_ms);
  buckets_.expire(now.monotonic_ms);
}

void HomePart::run(std::uint16_t from, PublishRequest& request) {
  if (sealed_.load(std::memory_order_relaxed)) {
    if (request.ticket == 0) return;
    Fault fault{Code::UNAVAILABLE, "this node is draining and accepts no publications", 1'000};
    out_.answer(from, nullptr, {PublishedAnswer{request.ticket, {Published::Outcome::refused, {}, std::move(fault)}}});
    return;
  }
  StreamStore::Stream& stream = streams_.open(request.publication->ns, request.publication->tenant);
  StreamStore::Accepted accepted = streams_.publish(stream, request.publication);
  if (!accepted.repeated) {
    const PublicationPtr publication = std::move(request.publication);
    for (std::uint16_t shard : stream.shards) out_.publication(shard, stream.key, publication);
  }
  if (request.ticket != 0) out_.answer(from, &stream.key, {PublishedAnswer{request.ticket, std::move(accepted.answer)}});
}

void HomePart::run(std::uint16_t from, EnterRequest& request) {
  StreamStore::Stream& stream = streams_.open(request.stream.ns, request.stream.tenant);
  auto at = std::lower_bound(stream.shards.begin(), stream.shards.end(), from);
  if (at == stream.shards.end() || *at != from) stream.shards.insert(at, from);
  if (request.ticket != 0) out_.answer(from, &stream.key, {EnteredAnswer{request.ticket, streams_.state(stream)}});
}

void HomePart::run(std::uint16_t from, LeaveRequest& request) {
  StreamStore::Stream* stream = streams_.find(request.stream.ns, request.stream.tenant);
  if (stream == nullptr) return;
  stream->used_ms = now_.monotonic_ms;
  std::erase(stream->shards, from);
}

void HomePart::run(std::uint16_t from, ReadRequest& request) {
  if (request.ticket == 0) return;
  StreamStore::Stream* stream = streams_.find(request.stream.ns, request.stream.tenant);
  out_.answer(from, &request.stream, {HistoryAnswer{request.ticket, streams_.read(stream, request.since, request.limits)}});
}

void HomePart::run(std::uint16_t from, LatestRequest& request) {
  if (request.ticket == 0) return;
  StreamStore::Stream* stream = streams_.find(request.stream.ns, request.stream.tenant);
  out_.answer(from, &request.stream, {LatestAnswer{request.ticket, streams_.latest(stream, request.rooms)}});
}

void HomePart::run(std::uint16_t from, DirectoryRequest& request) {
  switch (request.act) {
    case DirectoryRequest::Act::attached: return directory_.attached(request.kind, request.id, request.tenant);
    case DirectoryRequest::Act::detached: return directory_.detached(request.kind, request.id, request.tenant, now_.monotonic_ms);
    case DirectoryRequest::Act::tenants_of: break;
  }
  if (request.ticket == 0) return;
  out_.answer(from, nullptr, {TenantsAnswer{request.ticket, directory_.tenants_of(request.kind, request.id)}});
}

void HomePart::run(std::uint16_t from, RecordRequest& request) {
  if (request.act == RecordRequest::Act::keep) {
    return records_.keep(request.key, request.value, now_.monotonic_ms + request.ttl_ms);
  }
  if (request.ticket != 0)
    out_.answer(from, nullptr, {RecordAnswer{request.ticket, records_.take(request.key, now_.monotonic_ms)}});
}

void HomePart::run(std::uint16_t from, PointsRequest& request) {
  if (request.ticket == 0) return;
  const PointsGrant grant = buckets_.take(request.name, request.rate, request.points, now_.monotonic_ms);
  out_.answer(from, nullptr, {PointsAnswer{request.ticket, grant.granted, grant.retry_after_ms}});
}

}  // namespace sparc::broker
