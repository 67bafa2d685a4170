#pragma once
// A node of several real shards and a real in-memory broker, driven by a seed on one thread.

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/memory/memory_broker.h"
#include "shard/shard.h"
#include "sim/client.h"
#include "sim/model.h"
#include "sim/network.h"
#include "sim/socketio_client.h"

namespace sparc::sim {

/// How a run looks; every part follows from the seed unless it is set.
struct Plan {
  std::uint64_t seed = 1;
  std::size_t steps = 1'200;
  std::uint16_t shards = 2;
  std::size_t clients = 8;
  std::size_t slice_sends = 4;
  std::size_t mailbox_items = 64;
  std::size_t lane_bytes = 8'192;
  std::size_t history_entries = 1'000;
  unsigned short_send_of = 8;
  unsigned slow_of = 3;  // one client in so many reads seldom
  bool outages = false;
  bool forgets = false;
  bool deflate = false;
  bool lossy = false;  // mailboxes may fill
  session::LanePolicy video_policy = session::LanePolicy::drop_oldest;
  std::uint32_t batch_ms = 0;
  std::size_t socketio = 0;     // clients of Socket.IO, beside the others
  bool drains = false;          // at the end: nobody leaves by itself
  std::size_t shard_bytes = 0;  // of all outboxes of a shard; 0: the default

  [[nodiscard]] static Plan of(std::uint64_t seed);
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] const std::vector<std::string>& tenants();

using Trace = std::function<void(const std::string&)>;

/// Between a shard and its door: passes everything on and tells the model.
class Tap final : public broker::Broker, public broker::Listener {
 public:
  Tap(std::uint16_t shard, broker::Broker& door, Model& model) : shard_(shard), door_(door), model_(model) {}
  void set_listener(broker::Listener& listener) { listener_ = &listener; }
  [[nodiscard]] const std::set<std::string>& entered() const { return entered_; }

  void publish(broker::Ticket ticket, Publication publication) override;
  void enter(broker::Ticket ticket, const StreamKey& stream) override;
  void leave(const StreamKey& stream) override;
  void read(broker::Ticket ticket, const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits) override;
  void latest(broker::Ticket ticket, const StreamKey& stream, std::vector<std::string> rooms) override;
  void attached(broker::IdKind kind, std::string_view id, std::string_view tenant) override { door_.attached(kind, id, tenant); }
  void detached(broker::IdKind kind, std::string_view id, std::string_view tenant) override { door_.detached(kind, id, tenant); }
  void tenants_of(broker::Ticket ticket, broker::IdKind kind, std::string_view id) override {
    door_.tenants_of(ticket, kind, id);
  }
  void keep_record(std::string_view key, std::string_view value, std::uint32_t ttl_ms) override;
  void take_record(broker::Ticket ticket, std::string_view key) override;
  void take_points(broker::Ticket ticket, std::string_view name, Rate rate, std::uint32_t points) override {
    door_.take_points(ticket, name, rate, points);
  }
  void on_tick(Now now) override { door_.on_tick(now); }

  void on_publication(PublicationPtr publication) override;
  void on_published(broker::Ticket ticket, broker::Published result) override;
  void on_entered(broker::Ticket ticket, broker::StreamState state) override { listener_->on_entered(ticket, std::move(state)); }
  void on_history(broker::Ticket ticket, broker::HistoryPart part) override;
  void on_latest(broker::Ticket ticket, std::vector<PublicationPtr> values) override;
  void on_tenants(broker::Ticket ticket, std::vector<std::string> tenants) override {
    listener_->on_tenants(ticket, std::move(tenants));
  }
  void on_record(broker::Ticket ticket, std::optional<std::string> value) override;
  void on_points(broker::Ticket ticket, std::uint32_t granted, std::int64_t retry_after_ms) override {
    listener_->on_points(ticket, granted, retry_after_ms);
  }
  void on_missed(const broker::Missed& missed) override;
  void on_availability(bool available) override { listener_->on_availability(available); }

  /// Tells the model what values the stream keeps.
  void ask_values(const StreamKey& stream, std::vector<std::string> rooms);

  Trace trace;

 private:
  static constexpr broker::Ticket asked_here = broker::Ticket{1} << 63;
  std::uint16_t shard_;
  broker::Broker& door_;
  Model& model_;
  broker::Listener* listener_ = nullptr;
  std::map<broker::Ticket, std::string> publishing_;
  std::map<broker::Ticket, StreamKey> asked_;
  std::set<std::string> entered_;
};

class World;

/// The node around a shard: admits everybody, asks every shard who is in a room, answers client events a little later.
class SimHost final : public shard::Host {
 public:
  explicit SimHost(World& world) : world_(world) {}
  void on_request(ConnectionId, std::uint64_t, const http::Request&) override {}
  std::expected<void, Fault> admit(const Identity&) override;
  void release(const Identity&) override { --admitted; }
  bool revoked(const Identity&) override { return false; }
  bool refresh_keys() override { return false; }
  const shard::InlineHandler* inline_handler(std::string_view) override { return nullptr; }
  void client_event(shard::ClientEvent event) override;
  void service_handle(ConnectionId, const ServiceIdentity&, protocol::Handle, Handled done) override { done({}); }
  void service_result(ConnectionId, protocol::Result) override {}
  void ask(shard::ClientAsk ask, shard::AskDone done) override;
  void answered(const shard::AskPlace& place, shard::ClientAnswer answer) override;
  void service_gone(ConnectionId) override {}
  void service_watch(ConnectionId, const ServiceIdentity&, bool, bool) override {}
  void client_connected(const shard::ClientInfo&, NamespaceId) override { ++joined; }
  void client_disconnected(const shard::ClientInfo& client, NamespaceId, std::string_view reason) override;
  void message_sent(NamespaceId, std::string_view) override {}
  void presence(StreamKey stream, std::string room,
                std::move_only_function<void(std::vector<shard::PresenceEntry>)> done) override;
  void access(const Access&, std::string_view) override {}
  void audit(std::string_view, const shard::Peer&, const Identity&, std::string_view) override {}

  std::int64_t admitted = 0, joined = 0;
  std::vector<shard::ClientEvent> events;
  std::vector<std::move_only_function<void()>> later;

 private:
  World& world_;
};

class World final : public broker::Post, private SessionHost {
 public:
  explicit World(const Plan& plan, Trace trace = {});
  ~World() override;

  /// The whole run: steps, then quiet, then the checks, then everybody leaves. Throws Violation.
  void run();

  [[nodiscard]] std::size_t shards() const { return nodes_.size(); }
  [[nodiscard]] shard::Shard& shard(std::size_t index) { return *nodes_[index]->shard; }
  [[nodiscard]] SimHost& host(std::size_t index) { return *nodes_[index]->host; }
  [[nodiscard]] shard::PendingAsks& asks() { return asks_; }
  [[nodiscard]] Model& model() { return model_; }
  /// A connection's time in a namespace is over, the server says why.
  void ended(const std::string& address, std::string_view reason) { ends_[address] = reason; }
  struct Totals {
    std::uint64_t publications = 0, events = 0, losses_checked = 0, connects = 0, recoveries = 0, sends = 0, missed = 0,
                  catch_ups = 0, errors = 0, sessions = 0, upgrades = 0, moves = 0, socketio_events = 0, socketio_recoveries = 0,
                  asked = 0, answered = 0;
  };
  [[nodiscard]] Totals totals();

 private:
  struct Node {
    std::unique_ptr<SimTransport> transport;
    std::unique_ptr<SimHost> host;
    std::unique_ptr<Tap> tap;
    std::unique_ptr<SeededEntropy> entropy;
    std::unique_ptr<shard::Shard> shard;
    std::deque<std::pair<std::uint16_t, broker::Message>> mail[8];  // by sender
    std::size_t mail_items = 0;
    struct Arrival {  // a connection that another shard gave away
      std::shared_ptr<Link> link;
      shard::Peer peer;
      std::string bytes;
    };
    std::deque<Arrival> arrivals;
    std::uint64_t moves = 0;
  };
  bool post(std::uint16_t from, std::uint16_t to, broker::Message& message) override;

  // SessionHost
  std::shared_ptr<Link> dial(const std::string& address) override;
  [[nodiscard]] std::string end_of(const std::string& address) const override;
  [[nodiscard]] std::int64_t now_ms() const override { return now_.monotonic_ms; }
  [[nodiscard]] std::int64_t wall_ms() const override { return now_.wall_ms; }
  [[nodiscard]] bool draining() const override { return draining_; }
  [[nodiscard]] bool prompt() const override { return prompt_; }
  [[nodiscard]] bool closes_slow() const override { return plan_.video_policy == session::LanePolicy::disconnect; }
  [[nodiscard]] bool forgets_records() const override { return plan_.lossy; }

  void build();
  [[nodiscard]] Persona some_persona();
  void sign(Persona& persona, std::int64_t lifetime_s);
  [[nodiscard]] Persona renewed(Persona persona);
  void act(SocketIoClient& client);
  void go_on(SocketIoClient& client, std::size_t most);
  void kick(SocketIoClient& client);
  void take_arrivals(std::size_t index, bool everything);
  void deliver_records();
  void drain();
  void pass(std::size_t rounds, std::int64_t ms);
  void step();
  void act(Client& client);
  void open(Client& client);
  void publish();
  void publish_again();
  /// A service's question to clients.
  void ask();
  void toggle_outage();
  void turn(std::size_t index, bool everything);
  void check_memory(std::size_t index);
  bool deliver_mail(std::size_t index);
  void pump(Node& node, bool everything);
  void advance(std::int64_t ms);
  void quiet();
  void ask_values();
  void settle();
  void check_end();
  void leave_all();
  void note(const std::string& text) {
    if (trace_) trace_("[" + std::to_string(model_.now) + " " + std::to_string(now_.monotonic_ms) + "ms] " + text);
  }

  [[nodiscard]] Client::Choice some_choice(NamespaceId ns);
  [[nodiscard]] std::string some_room();
  void choose_filters(NamespaceId ns, Client::Choice& choice);
  [[nodiscard]] bool chance(std::uint64_t of) { return random_.below(of) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[random_.below(items.size())];
  }
  void send_publication(std::size_t shard, const Pub& pub, std::vector<std::string> full_rooms);

  Plan plan_;
  Trace trace_;
  SeededEntropy random_;
  SeededEntropy broker_entropy_;
  Now now_{1'000, 1'700'000'000'000};
  Model model_;
  std::unique_ptr<broker::MemoryBroker> broker_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<SocketIoClient>> socketio_;
  std::map<std::string, std::string> ends_;  // by address
  bool draining_ = false, prompt_ = false;
  std::vector<std::pair<std::size_t, std::vector<std::string>>> sent_;  // publications with their full room names, for retries
  bool available_ = true;
  std::uint64_t connects_ = 0;
  shard::PendingAsks asks_;
  std::uint64_t asks_begun_ = 0, asks_over_ = 0, answered_ = 0;
};

}  // namespace sparc::sim
