#pragma once
// Client events on their way to services: which groups get one, which instance of a group, and what the client is answered.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/codes.h"
#include "base/entropy.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/ring.h"

namespace sparc::broker {

/// One process or connection that handles events. Chosen by the driver; unique while it lives.
using InstanceId = std::uint64_t;

/// A client's event. `id` is the router's: to an instance it names event and group, and stays the same when it is sent again.
struct ServiceCall {
  std::string id;
  std::string event;  // video:stream:start
  std::string data;
  std::vector<std::string> attachments;
  std::string tenant;
  std::uint64_t connection = 0;  // key of the client's connection, for affinity and order; unique over all shards
  std::uint16_t shard = 0;
  bool wants_reply = false;
  std::int64_t request = 0;  // the client's id
};

/// Neither: handled, nothing to say.
struct ServiceAnswer {
  std::string data;
  std::optional<Fault> fault;
  std::vector<std::string> attachments = {};  // what placeholders in `data` name
};

/// Gives each event to every group that handles it, once, and the client one answer.
///
/// Groups:   an event goes to each group with a handler for its name and tenant, also to one whose last instance for it went
///           less than service_group_grace_ms ago. The events of one connection go to one instance of a group while it lives
///           and handles them, in order, the next without waiting for the reply. A connection that is new to a group gets a
///           local instance with room, else another with room, else whichever has the least to do; equals take turns.
/// Answers:  the first result with data or fault, of any group; an empty one when all groups returned without; NO_HANDLER,
///           UNAVAILABLE or TIMEOUT. Exactly one where `wants_reply`, unless the connection went.
/// Limits:   service_in_flight_max (an event is in flight until its result or its deadline) and the other service_* of Limits.
///           Handlers beyond a bound are refused, and counted; at service_node_handlers_max those without instances go first.
/// Lifetime: `out` outlives the router. A call given to it is valid during that call.
/// Thread:   confined to one. `out` is called when the router's own state is settled, and may call the router again.
class ServiceRouter {
 public:
  class Out {
   public:
    virtual ~Out() = default;
    /// `deadline_ms` is what is left of the event's time, at least 1.
    virtual void invoke(InstanceId instance, const ServiceCall& call, std::uint32_t deadline_ms) = 0;
    /// `call` comes without its data and attachments; its id names the event.
    virtual void answer(const ServiceCall& call, ServiceAnswer answer) = 0;
  };

  /// Events since the start, then what is there now.
  struct Counters {
    std::uint64_t accepted = 0;  // with and without a handler
    std::uint64_t no_handler = 0;
    std::uint64_t invoked = 0;             // per group; what was sent again counts again
    std::uint64_t resent = 0;              // per group: sent to an instance that went, and retryable
    std::uint64_t moved = 0;               // per group: not sent yet when their instance went
    std::uint64_t lost_with_instance = 0;  // per group: sent to an instance that went, and not retryable
    std::uint64_t refused_queue_full = 0;  // per group
    std::uint64_t expired_unstarted = 0;   // per group: they waited until their deadline
    std::uint64_t timeouts = 0;  // a group had not returned at the deadline, whether or not another one's answer was given
    std::uint64_t answered = 0;
    std::uint64_t answers_dropped = 0;  // the client had left
    std::uint64_t late_results = 0;     // of calls that are unknown, over, or another instance's
    std::uint64_t handlers_refused = 0;
    std::uint64_t connections_forgotten = 0;

    std::size_t groups = 0;
    std::size_t handlers = 0;
    std::size_t instances = 0;
    std::size_t connections = 0;  // that are remembered
    std::size_t events = 0;       // not over yet
    std::size_t in_flight = 0;    // of all instances
    std::size_t waiting = 0;      // of all groups
  };

  ServiceRouter(const Limits& limits, Out& out, Entropy& entropy);
  ~ServiceRouter();
  ServiceRouter(const ServiceRouter&) = delete;
  ServiceRouter& operator=(const ServiceRouter&) = delete;

  /// Adds events to what the instance handles: exact names, or patterns with `*`. An empty tenant stands for any. The same
  /// instance may call this several times; for an event that it names again the newest `retryable` holds. An event that several
  /// of its handlers match is retryable when all of them are. `local`: in this process, preferred.
  /// Where a bound forbade some of them, the fault names it; the others are handled.
  std::optional<Fault> handle(InstanceId instance, std::string group, std::string tenant, std::vector<std::string> events,
                              bool retryable, bool local, Now now);
  /// The instance died or left: events that it had not been sent move to another; those it had, where they are retryable.
  void gone(InstanceId instance, Now now);
  /// A client left: which instances served it is forgotten, answers to it are dropped. Its events go on.
  void connection_gone(std::uint64_t connection);
  /// `answer` may be called before this returns.
  void accept(ServiceCall call, Now now);
  void result(InstanceId instance, std::string_view call_id, ServiceAnswer answer, Now now);

  void on_tick(Now now);
  /// When on_tick has something to do (of the monotonic clock); INT64_MAX: never, as things are.
  [[nodiscard]] std::int64_t next_due_ms() const;
  [[nodiscard]] Counters counters() const;

 private:
  struct Event;
  struct Instance;
  struct Task;
  struct Earlier {
    bool operator()(const Task* a, const Task* b) const;  // by acceptance
  };
  using Tasks = std::set<Task*, Earlier>;

  struct Group {
    std::string name;
    std::uint64_t serial = 0;
    std::size_t places = 0;   // that point here
    std::size_t tasks = 0;    // that point here
    std::size_t waiting = 0;  // of those, on an instance or unplaced
    std::size_t waiting_bytes = 0;
    Tasks unplaced;  // no instance for them lives
  };
  /// (group, tenant, name or pattern): what instances register for, kept for a while without any.
  struct Place {
    struct Member {
      Instance* instance = nullptr;
      bool retryable = false;
    };
    Group* group = nullptr;
    std::string tenant;
    std::string pattern;
    std::vector<Member> members;
    std::int64_t vacant_until_ms = 0;  // where there are no members
  };
  using Places = std::vector<std::unique_ptr<Place>>;
  using Candidates = std::vector<Place::Member>;
  struct Match {
    Group* group = nullptr;
    Candidates candidates;  // may be empty: the group keeps its place
  };
  struct Instance {
    InstanceId id = 0;
    std::uint64_t serial = 0;  // never used again, unlike the id
    bool local = false;
    std::uint64_t chosen = 0;  // when a connection was given to it last
    std::vector<Place*> places;
    Tasks waiting;  // empty while there is room
    Tasks started;
  };
  /// An event's way through one group.
  struct Task {
    enum class State : std::uint8_t { unrouted, waiting, started, over };
    Event* event = nullptr;
    Group* group = nullptr;        // none when over
    Instance* instance = nullptr;  // that has it, or will
    std::uint32_t index = 0;       // in the event
    State state = State::unrouted;
    bool sent = false;  // `out_` was told of the start
    bool retryable = false;
  };
  struct Binding {
    std::uint64_t group_serial = 0;
    InstanceId instance = 0;
    std::uint64_t instance_serial = 0;
  };
  struct Connection {
    std::uint64_t key = 0;
    bool left = false;
    std::size_t events = 0;                   // not over yet
    std::vector<Binding> bindings;            // one a group, more where its instances handle different events
    std::list<std::uint64_t>::iterator idle;  // valid while there are no events and it has not left
  };
  struct Event {
    std::uint64_t number = 0;  // in the order of acceptance
    std::int64_t deadline_ms = 0;
    ServiceCall call;  // the payload goes when nobody can need it again
    std::size_t bytes = 0;
    std::shared_ptr<Connection> connection;
    std::vector<Task> tasks;  // complete before the first is routed: they are pointed at
    std::size_t open = 0;     // tasks that are not over
    bool replied = false;
  };
  struct Invoking {
    std::uint64_t event = 0;
    std::uint32_t task = 0;
    std::uint64_t instance_serial = 0;
  };
  struct Answering {
    ServiceCall call;
    ServiceAnswer answer;
  };

  // who handles what
  template <class F>
  void each_place(std::string_view event, std::string_view tenant, F&& visit) const;
  [[nodiscard]] std::vector<Match> match(const ServiceCall& call) const;
  [[nodiscard]] Candidates candidates_of(const Task& task) const;
  static void add_members(const Place& place, Candidates& candidates);
  [[nodiscard]] std::expected<Place*, Fault> place_for(Group& group, const std::string& tenant, std::string& pattern);
  [[nodiscard]] Group& group_named(const std::string& name);
  [[nodiscard]] Instance& instance_with(InstanceId id);
  [[nodiscard]] std::expected<void, Fault> join(Instance& instance, Place& place, bool retryable);
  void leave_places(const Instance& instance);
  void drop_place(Place& place);
  void drop_if_unused(Group& group);

  // the way of a task
  void route(Task& task, const Candidates& candidates);
  [[nodiscard]] Place::Member choose(const Task& task, const Candidates& candidates);
  [[nodiscard]] const Place::Member* least_busy(const Candidates& candidates) const;
  [[nodiscard]] bool has_room(const Instance& instance) const { return instance.started.size() < limits_.service_in_flight_max; }
  [[nodiscard]] bool queue_is_full(const Group& group, const Event& event) const;
  void queue(Task& task, Instance* instance);
  void unqueue(Task& task);
  void place_waiting(Group& group);
  void pump(Instance& instance);
  Instance* close(Task& task);  // which is to be pumped then
  void finish(Task& task, ServiceAnswer answer);
  void settle(Event& event);
  void reply(Event& event, ServiceAnswer answer);

  // time
  void advance(Now now);
  void expire(Event& event);

  // connections
  [[nodiscard]] std::shared_ptr<Connection> connection_with(std::uint64_t key);
  void release(Connection& connection);
  [[nodiscard]] bool lives(const Binding& binding) const;

  // out
  void flush();
  void send(const Invoking& invoking);
  [[nodiscard]] std::string id_of(const Event& event) const { return prefix_ + std::to_string(event.number); }
  [[nodiscard]] std::string id_of(const Task& task) const { return id_of(*task.event) + '.' + std::to_string(task.index); }
  [[nodiscard]] Task* find(std::string_view call_id) const;

  const Limits limits_;
  Out& out_;
  const std::string prefix_;  // of the ids: unlike any other router's
  std::int64_t now_ms_ = INT64_MIN;
  std::uint64_t last_event_ = 0;
  std::uint64_t last_serial_ = 0;  // of groups and instances
  std::uint64_t last_choice_ = 0;

  std::unordered_map<std::string, std::unique_ptr<Group>, StringHash, std::equal_to<>> groups_;
  std::unordered_map<std::string, Places, StringHash, std::equal_to<>> exact_;  // by event
  Places patterns_;
  std::size_t places_ = 0;
  std::set<std::pair<std::int64_t, Place*>> vacant_;  // by their end
  std::unordered_map<InstanceId, std::unique_ptr<Instance>> instances_;
  std::map<std::uint64_t, std::shared_ptr<Event>> events_;                      // by number, so by deadline as well
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;  // that have not left
  std::list<std::uint64_t> idle_;                    // connections without events, the longest idle first
  Ring<std::variant<Invoking, Answering>> actions_;  // what `out_` is told when the call at hand is done
  bool flushing_ = false;
  Counters counters_;
};

}  // namespace sparc::broker
