#pragma once
// The native protocol sparc.v1 as a client: one logical connection over one transport after the other.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/entropy.h"
#include "client/actions.h"
#include "client/link.h"
#include "client/namespace_feed.h"
#include "client/retry.h"
#include "protocol/command.h"
#include "protocol/native/push.h"
#include "protocol/native/replies.h"

namespace sparc::client {

struct MachineOptions {
  std::string host_field;  // of the Host header
  std::string target = "/ws";
  std::string token;        // fixed; used where `asks_token` is false
  bool asks_token = false;  // before every connection, and when the token nears its expiry
  bool auto_reconnect = true;
  std::uint32_t reconnect_interval_ms = 5'000;
  std::uint32_t reconnect_attempts = 10;  // in a row; 0: without end
  std::uint32_t timeout_ms = 10'000;      // of an attempt, and of every request that brings no time of its own
  std::size_t message_bytes_max = 16 * 1024 * 1024;
};

/// Keeps a connection: opens it with a token, joins the configured namespaces, recovers each by its position after a loss, repairs
/// gaps from history, refreshes the token in place, and on the server's `reconnect` opens the next transport and recovers on it
/// before it leaves the old one. Pure: no descriptor, no clock. Whatever it wants done or tells comes from `take_actions`, to be
/// called after every other call.
///
/// Order:  events of a namespace are told in the order of their stream, each once; what could not be had is told as Stale.
/// Errors: every request is answered once: by the server, by its time-out, or by the end of the connection. What may be repeated
///         (subscribe, unsubscribe) is sent again on the next connection, events are not.
/// Limits: `requests_max` unanswered requests, `namespaces_max` namespaces.
/// Thread: confined to its driver's. `now` never goes back.
class ConnectionMachine final : private LinkEvents {
 public:
  static constexpr std::size_t requests_max = 224;  // below Limits::connection_requests_max, beside the joins
  static constexpr std::size_t namespaces_max = 16;

  ConnectionMachine(MachineOptions options, Entropy& entropy);
  ConnectionMachine(const ConnectionMachine&) = delete;
  ConnectionMachine& operator=(const ConnectionMachine&) = delete;

  // What the application wants.
  /// Does nothing while connected or on the way to it.
  void connect(const Now& now);
  /// Leaves for good; what waits is answered UNAVAILABLE.
  void disconnect(const Now& now);
  /// A new transport at once, recovered by position.
  void reconnect(const Now& now);

  /// What every join of this namespace asks for from now on. A namespace that was not configured is joined at once, or with the
  /// next connection. False: there are `namespaces_max` already.
  [[nodiscard]] bool configure(const Now& now, protocol::Subscribe wants);
  void leave(const Now& now, const std::string& ns);

  // Each is answered by Answered with `op`. Subscribe and unsubscribe wait until the namespace is joined, a request too.
  void subscribe(const Now& now, OpId op, protocol::Subscribe wants);
  void unsubscribe(const Now& now, OpId op, protocol::Unsubscribe wants);
  void request(const Now& now, OpId op, protocol::Event event, std::int64_t timeout_ms);
  void history(const Now& now, OpId op, protocol::History wants);
  /// Without an answer. Fails unless its namespace is joined now.
  [[nodiscard]] std::expected<void, Failure> send(const Now& now, const protocol::Event& event);
  /// The answer to Asked: JSON, empty for nothing to say. Nothing where that transport has gone, and the question with it. One that is
  /// larger than the server takes is replaced by PAYLOAD_TOO_LARGE.
  void answer_ask(const Now& now, LinkId link, const std::string& call_id, const websocket::Result<std::string>& answer);

  // What happened.
  void on_token(const Now& now, std::expected<std::string, std::string> token);
  void on_open(const Now& now, LinkId link);
  void on_bytes(const Now& now, LinkId link, std::string_view bytes);
  void on_lost(const Now& now, LinkId link, std::string_view detail);
  void on_tick(const Now& now);

  /// When `on_tick` is due at the latest (monotonic milliseconds); INT64_MAX: never.
  [[nodiscard]] std::int64_t next_deadline() const;
  [[nodiscard]] std::vector<Action> take_actions();

  [[nodiscard]] State state() const { return state_; }
  /// Of the newest connection; empty before the first.
  [[nodiscard]] const protocol::native::Welcome& welcome() const { return welcome_; }
  [[nodiscard]] bool joined(const std::string& ns) const;
  /// Null for a namespace that is not configured.
  [[nodiscard]] const Position* position(const std::string& ns) const;

 private:
  enum class Role : std::uint8_t { primary, successor, retiring };
  enum class Phase : std::uint8_t { outside, joining, joined };
  /// A namespace on one transport.
  struct Membership {
    Phase phase = Phase::outside;
    std::string epoch;            // of the stream, as this transport told
    std::int64_t join_at_ms = 0;  // outside: when to try again; 0: not by itself
  };
  struct Wire {
    Wire(LinkId wire_id, ws::ClientHandshake handshake, std::size_t message_bytes_max, Entropy& entropy)
        : id(wire_id), link(std::move(handshake), message_bytes_max, entropy) {}
    LinkId id;
    Link link;
    std::string out;    // sent at the end of the call
    bool gone = false;  // the transport has ended already
    bool welcomed = false;
    protocol::native::Welcome welcome;
    std::int64_t welcomed_ms = 0;
    std::int64_t deadline_ms = 0;  // welcome is due, or the next sign of life
    std::int64_t silence_ms = 0;   // 0: no heartbeat
    std::map<std::string, Membership> namespaces;
    std::string error_code;  // of the last error about no frame in particular
    std::int64_t retry_after_ms = 0;
    std::int64_t drain_at_ms = 0;  // from `reconnect`: a new connection is welcome from then on; 0: not told
    std::optional<LinkEnd> fault;  // what the machine itself found wrong with it
  };
  struct Namespace {
    protocol::Subscribe wants;
    NamespaceFeed feed;
    bool was_joined = false;
  };
  enum class Kind : std::uint8_t { join, auth, repair, repeatable, once };
  struct Pending {
    Kind kind = Kind::once;
    OpId op = 0;
    LinkId link = 0;  // 0: waits to be sent
    std::string ns;
    std::int64_t deadline_ms = 0;
    protocol::Command command;  // until it cannot be needed again
    bool recovering = false;    // kind join
  };

  // connection_links.cc: transports.
  void begin_attempt(Role role);
  void open_link();
  void end_link(Role role, LinkEnd end);
  void end_primary(LinkEnd end);
  void end_successor(LinkEnd end);
  void after_failure(const LinkEnd& end, std::int64_t drain_at_ms);
  void stop(State state, const LinkEnd& end);
  void drop_all();
  [[nodiscard]] bool may_retry(Next next) const;
  [[nodiscard]] std::int64_t wait_before_retry(Next next, const LinkEnd& end, std::int64_t drain_at_ms);
  void promote_successor();
  void drop_wire(std::unique_ptr<Wire>& wire);
  void release_requests(LinkId link);
  void settle();
  void flush(Wire& wire);
  void check_deadlines();
  [[nodiscard]] std::unique_ptr<Wire>* find_wire(LinkId link, Role& role);
  [[nodiscard]] bool successor_ready() const;
  void set_state(State state);

  // connection_frames.cc: what the server says.
  void on_upgraded() override {}
  ws::Flow on_message(ws::MessageType type, std::string_view payload) override;
  void handle(const protocol::native::Push& push);
  void on_welcome(const protocol::native::Welcome& welcome);
  void on_reply(const protocol::native::Reply& reply);
  void on_error(const protocol::native::ErrorReply& error);
  void on_joined(const Pending& pending, std::string_view data);
  void on_join_refused(const Pending& pending, const Failure& failure);
  void on_repair(const Pending& pending, const protocol::native::Reply& answer);
  void on_event(const protocol::native::EventPush& event);
  void on_invoke(const protocol::native::Invoke& invoke);
  void on_position(const protocol::native::PositionPush& push);
  void on_gap(const protocol::native::GapPush& gap);
  void on_evicted(const protocol::native::Evicted& evicted);
  void on_reconnect(const protocol::native::Reconnect& advice);
  void ask_refresh();

  // connection_machine.cc: requests.
  void send_join(Wire& wire, const std::string& ns);
  void ask_repair(Wire& wire, const std::string& ns);
  void submit(OpId op, Kind kind, std::string ns, protocol::Command command, std::int64_t timeout_ms);
  void send_waiting(Wire& wire);
  [[nodiscard]] bool send_pending(Wire& wire, std::int64_t id, Pending& pending);
  void post(Wire& wire, std::optional<std::int64_t> id, protocol::Command command);
  std::int64_t add_pending(Pending pending);
  void answer(const Pending& pending, websocket::Result<std::string> result);
  void answer_all(const Failure& failure);
  void expire_requests();
  void forget_requests(const std::string& ns, const Failure& failure);
  [[nodiscard]] Namespace* find(std::string_view ns);

  MachineOptions options_;
  Entropy& entropy_;
  protocol::native::PushDecoder decoder_;
  Backoff backoff_;
  State state_ = State::disconnected;
  std::int64_t now_ms_ = 0;
  std::string token_;
  bool asking_token_ = false;
  bool refreshing_ = false;         // the token asked for is for the live connection
  Role opening_ = Role::primary;    // what the token asked for, or the wait, is for
  std::int64_t attempt_at_ms_ = 0;  // 0: no attempt is due
  std::uint32_t failures_ = 0;      // attempts in a row that were not welcomed
  bool was_connected_ = false;      // since `connect`
  bool known_server_ = false;
  protocol::native::Welcome welcome_;
  LinkId last_link_ = 0;
  std::unique_ptr<Wire> primary_, successor_, retiring_;
  Wire* current_ = nullptr;  // during on_bytes: who speaks
  std::map<std::string, Namespace, std::less<>> namespaces_;
  std::int64_t last_request_ = 0;
  std::map<std::int64_t, Pending> pending_;
  std::vector<Action> actions_;
};

}  // namespace sparc::client
