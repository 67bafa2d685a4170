#pragma once
// What the broker's tests share: a listener that writes down what it is told, and a world of shards around a broker.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "broker/broker.h"
#include "broker/memory/stream_store.h"

namespace sparc::broker {

struct Told {
  enum class What : std::uint8_t {
    publication,
    published,
    entered,
    history,
    latest,
    tenants,
    record,
    points,
    missed,
    availability
  };
  What what = What::publication;
  Ticket ticket = 0;
  PublicationPtr publication = nullptr;
  Published published = {};
  StreamState state = {};
  HistoryPart part = {};
  std::vector<PublicationPtr> values = {};
  std::vector<std::string> tenants = {};
  std::optional<std::string> record = {};
  std::uint32_t granted = 0;
  std::int64_t retry_after_ms = 0;
  StreamKey stream = {};
  bool available = true;
  Missed lost = {};
};

class Recorder final : public Listener {
 public:
  std::vector<Told> log;
  std::function<void(const Told&)> then = [](const Told&) {};

  void on_publication(PublicationPtr p) override { add({.what = Told::What::publication, .publication = std::move(p)}); }
  void on_published(Ticket t, Published r) override {
    add({.what = Told::What::published, .ticket = t, .published = std::move(r)});
  }
  void on_entered(Ticket t, StreamState s) override { add({.what = Told::What::entered, .ticket = t, .state = std::move(s)}); }
  void on_history(Ticket t, HistoryPart p) override { add({.what = Told::What::history, .ticket = t, .part = std::move(p)}); }
  void on_latest(Ticket t, std::vector<PublicationPtr> v) override {
    add({.what = Told::What::latest, .ticket = t, .values = std::move(v)});
  }
  void on_tenants(Ticket t, std::vector<std::string> v) override {
    add({.what = Told::What::tenants, .ticket = t, .tenants = std::move(v)});
  }
  void on_record(Ticket t, std::optional<std::string> value) override {
    add({.what = Told::What::record, .ticket = t, .record = std::move(value)});
  }
  void on_points(Ticket t, std::uint32_t granted, std::int64_t retry) override {
    add({.what = Told::What::points, .ticket = t, .granted = granted, .retry_after_ms = retry});
  }
  void on_missed(const Missed& m) override { add({.what = Told::What::missed, .stream = m.stream, .lost = m}); }
  void on_availability(bool a) override { add({.what = Told::What::availability, .available = a}); }

  [[nodiscard]] std::size_t count(Told::What what) const {
    std::size_t n = 0;
    for (const Told& told : log) n += told.what == what ? 1 : 0;
    return n;
  }
  [[nodiscard]] std::vector<PublicationPtr> publications() const {
    std::vector<PublicationPtr> out;
    for (const Told& told : log) {
      if (told.what == Told::What::publication) out.push_back(told.publication);
    }
    return out;
  }
  /// The one answer with this ticket; fails the test by throwing where there is none, or more than one.
  [[nodiscard]] const Told& answer(Ticket ticket) const {
    const Told* found = nullptr;
    for (const Told& told : log) {
      if (told.ticket != ticket) continue;
      if (found != nullptr) throw std::runtime_error("two answers for one ticket");
      found = &told;
    }
    if (found == nullptr) throw std::runtime_error("no answer for the ticket");
    return *found;
  }

 private:
  void add(Told told) {
    log.push_back(std::move(told));
    const Told copy = log.back();  // `then` may lead to more calls, which grow the log
    then(copy);
  }
};

/// One node with some shards, or several nodes with one each: the contract does not tell them apart.
class World {
 public:
  virtual ~World() = default;
  [[nodiscard]] virtual std::size_t shards() const = 0;
  [[nodiscard]] virtual Broker& broker(std::size_t shard) = 0;
  [[nodiscard]] virtual Recorder& told(std::size_t shard) = 0;
  /// Until nothing is under way any more.
  virtual void settle() = 0;
  virtual void advance(std::int64_t ms) = 0;
  virtual void set_available(bool available) = 0;

  Ticket next_ticket = 1;

  Published publish(std::size_t shard, Publication publication) {
    const Ticket ticket = next_ticket++;
    broker(shard).publish(ticket, std::move(publication));
    settle();
    return told(shard).answer(ticket).published;
  }
  StreamState enter(std::size_t shard, const StreamKey& stream) {
    const Ticket ticket = next_ticket++;
    broker(shard).enter(ticket, stream);
    settle();
    return told(shard).answer(ticket).state;
  }
  HistoryPart read(std::size_t shard, const StreamKey& stream, std::optional<Position> since, ReadLimits limits = {}) {
    const Ticket ticket = next_ticket++;
    broker(shard).read(ticket, stream, std::move(since), limits);
    settle();
    return told(shard).answer(ticket).part;
  }
  std::vector<PublicationPtr> latest(std::size_t shard, const StreamKey& stream, std::vector<std::string> rooms) {
    const Ticket ticket = next_ticket++;
    broker(shard).latest(ticket, stream, std::move(rooms));
    settle();
    return told(shard).answer(ticket).values;
  }
  std::vector<std::string> tenants_of(std::size_t shard, IdKind kind, std::string_view id) {
    const Ticket ticket = next_ticket++;
    broker(shard).tenants_of(ticket, kind, id);
    settle();
    return told(shard).answer(ticket).tenants;
  }
  std::optional<std::string> take_record(std::size_t shard, std::string_view key) {
    const Ticket ticket = next_ticket++;
    broker(shard).take_record(ticket, key);
    settle();
    return told(shard).answer(ticket).record;
  }
  std::pair<std::uint32_t, std::int64_t> take_points(std::size_t shard, std::string_view name, Rate rate, std::uint32_t points) {
    const Ticket ticket = next_ticket++;
    broker(shard).take_points(ticket, name, rate, points);
    settle();
    return {told(shard).answer(ticket).granted, told(shard).answer(ticket).retry_after_ms};
  }
};

/// The namespaces of every world: `alerts` and `monitoring` keep history, `video` does not.
inline constexpr NamespaceId alerts = 0, monitoring = 1, video = 2;
inline std::vector<NamespaceBrokerSettings> test_namespaces() {
  return {{.name = "alerts", .history = true}, {.name = "monitoring", .history = true}, {.name = "video"}};
}

inline Publication event_of(NamespaceId ns, std::string tenant, std::string data, std::string id = {}) {
  Publication p;
  p.ns = ns;
  p.tenant = std::move(tenant);
  p.rooms = {"tenant:" + p.tenant};
  p.event = "alert:created";
  p.data = std::move(data);
  p.id = std::move(id);
  return p;
}

inline std::vector<std::string> data_of(const std::vector<PublicationPtr>& publications) {
  std::vector<std::string> out;
  for (const auto& p : publications) out.push_back(p->data);
  return out;
}

}  // namespace sparc::broker
