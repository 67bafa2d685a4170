#pragma once
// The wiring of one thread: bytes and publications in, bytes and actions out. No descriptor, no system clock.

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/api_keys.h"
#include "auth/authorizer.h"
#include "auth/token_verifier.h"
#include "base/clock.h"
#include "base/entropy.h"
#include "base/frame.h"
#include "base/slab.h"
#include "base/timer_wheel.h"
#include "broker/broker.h"
#include "fanout/fanout.h"
#include "hub/hub.h"
#include "protocol/native/codec.h"
#include "shard/asks.h"
#include "shard/connection.h"
#include "shard/counters.h"
#include "shard/engine_io.h"
#include "shard/host.h"
#include "shard/native_wire.h"
#include "shard/rawws_wire.h"
#include "shard/settings.h"
#include "shard/socketio_wire.h"

namespace sparc::shard {

/// Keys and rules of who may do what; swapped as a whole at a reload.
struct Authority {
  std::shared_ptr<const auth::KeySet> keys;
  std::shared_ptr<const auth::ClaimRules> claims;
  std::shared_ptr<const auth::ApiKeys> api_keys;
  std::shared_ptr<const auth::Policy> policy;
};

/// Something to publish, as its publisher said it.
struct PublishRequest {
  std::string ns;
  std::vector<std::string> rooms;  // full names, public rooms, user:<id>, org:<id>; all of one tenant
  std::string event;
  std::string data;  // valid JSON; empty: null
  std::string more_args;
  std::vector<std::string> attachments;
  std::vector<std::string> except;  // public ids of connections that do not get it
  std::string publication_id;       // empty: one is made
  std::string tenant;               // of user: and org: rooms; empty: the directory is asked
};

struct PublishAnswer {
  std::optional<Fault> fault;
  Position position;    // epoch "": nothing is kept
  bool queued = false;  // waits for the broker
};
/// {"epoch","offset"}, {"queued":true} or {}.
[[nodiscard]] std::string publish_answer_json(const PublishAnswer& answer);
using PublishDone = std::move_only_function<void(PublishAnswer)>;

/// A question to clients, as its asker said it.
struct AskRequest {
  PublishRequest what;           // without rooms where `connection` is named
  std::string connection;        // public id; empty: the members of the rooms
  std::uint32_t timeout_ms = 0;  // 0: limits.ask_ms
};

/// UNKNOWN_NAMESPACE, naming those that are configured.
[[nodiscard]] Fault unknown_namespace(const Settings& settings, std::string_view name);

/// One shard of a node.
///
/// Turn:   the driver calls on_bytes, on_publication and the like in any order, then `end_of_turn` once: nothing is sent before.
/// Thread: all calls on one thread, except `counters`, which any thread may read.
class Shard final : public broker::Listener,
                    private fanout::Renderer,
                    private fanout::Wishes,
                    private fanout::Sink,
                    private session::GapRenderer {
 public:
  struct Parts {
    Transport& transport;
    broker::Broker& broker;
    Host& host;
    Entropy& entropy;
    std::string node_id;      // part of connection ids
    std::uint16_t index = 0;  // of this shard
    auth::OwnershipSource* ownership = nullptr;
  };
  Shard(std::shared_ptr<const Settings> settings, Authority authority, Parts parts, Now now);
  ~Shard() override;

  // From the driver.
  void set_now(Now now) { now_ = now; }
  /// Nothing: refused (too many connections, or a handshake limit): close the socket.
  [[nodiscard]] std::optional<ConnectionId> on_open(Peer peer);
  /// The driver refused one itself.
  void count_refused() { counters_->handshakes_refused.add(); }
  /// `bytes` are changed in place.
  void on_bytes(ConnectionId id, std::span<char> bytes);
  void on_writable(ConnectionId id);
  /// The peer is gone, or the socket broke.
  void on_closed(ConnectionId id, std::string_view reason);
  /// Sends what the turn produced. Returns the monotonic ms of the next call that is due without events; 0: at once.
  [[nodiscard]] std::int64_t end_of_turn();
  /// Whether fan-outs ended in this turn: then the driver reads the clock once more and says by it how late they were.
  [[nodiscard]] bool has_served() const { return !served_.empty(); }
  void measure_served(Now now);

  // From the node.
  [[nodiscard]] Peer peer_of(ConnectionId id) { return find(id)->peer; }
  void respond(ConnectionId id, std::uint64_t exchange, std::string_view response, bool keep_alive);
  void respond(ConnectionId id, std::uint64_t exchange, Frame response, bool keep_alive);
  void publish(PublishRequest request, const ServiceIdentity* publisher, PublishDone done);
  /// Asks clients, of every shard. `done` runs on this one's thread.
  void ask(AskRequest request, const ServiceIdentity* asker, AskDone done);
  /// The clients of this shard that the question is for.
  [[nodiscard]] Recipients recipients(const ClientAsk& ask);
  /// Each is answered by Host::answered.
  void ask_clients(const std::vector<AskOut>& clients, const Publication& what, std::uint32_t timeout_ms);
  /// A part of a stream, whoever may see it: for operators.
  void read_stream(const StreamKey& stream, std::optional<Position> since, broker::ReadLimits limits,
                   std::move_only_function<void(broker::HistoryPart)> done);
  void answer_event(ConnectionId id, std::int64_t request, EventAnswer answer);
  void invoke(ConnectionId service, std::string_view call_id, std::string_view event, std::string_view data,
              std::span<const std::string> attachments, std::uint32_t deadline_ms);
  void hook(ConnectionId service, std::string_view hook, std::string_view ns, std::string_view client, std::string_view reason);
  [[nodiscard]] std::vector<PresenceEntry> presence_of(const StreamKey& stream, std::string_view room);
  void reload(std::shared_ptr<const Settings> settings, Authority authority);
  void keys_changed(std::shared_ptr<const auth::KeySet> keys);
  /// Gives each connection a moment within the window to leave. `for_services` is the later part of it.
  void drain(std::uint32_t window_ms);
  /// Everybody has left, but for operators who look on.
  [[nodiscard]] bool drained();
  void owner_known(auth::Ticket ticket);

  enum class Match : std::uint8_t { connection, user, tenant };
  /// Closes connections; returns how many. `tenant` empty: any.
  std::size_t disconnect(Match match, std::string_view id, std::string_view tenant, Code code, std::string_view reason);
  /// Closes those whose token was revoked.
  [[nodiscard]] bool is_revoked(const ServiceIdentity& service);
  std::size_t close_revoked();
  void for_each_client(const std::function<void(const ClientInfo&)>& visit);
  struct RoomInfo {
    std::string_view ns, tenant, name;
    std::size_t members;
  };
  void for_each_room(const std::function<void(const RoomInfo&)>& visit);
  /// What waits for connections; whether the socket is full.
  void for_each_lane(const std::function<void(const session::Lane&, bool blocked)>& visit);
  /// Of all frames that wait, shared ones once.
  [[nodiscard]] std::size_t frame_bytes() const { return frames_.bytes; }

  [[nodiscard]] const Counters& counters() const { return *counters_; }
  [[nodiscard]] const Settings& settings() const { return *settings_; }
  [[nodiscard]] std::size_t connections() const { return connections_.live(); }
  [[nodiscard]] bool available() const { return available_; }
  [[nodiscard]] auth::TokenVerifier& verifier() { return verifier_; }
  [[nodiscard]] const auth::ApiKeys& api_keys() const { return *authority_.api_keys; }

  // broker::Listener
  void on_publication(PublicationPtr publication) override;
  void on_published(broker::Ticket ticket, broker::Published result) override;
  void on_entered(broker::Ticket ticket, broker::StreamState state) override;
  void on_history(broker::Ticket ticket, broker::HistoryPart part) override;
  void on_latest(broker::Ticket ticket, std::vector<PublicationPtr> values) override;
  void on_tenants(broker::Ticket ticket, std::vector<std::string> tenants) override;
  void on_record(broker::Ticket ticket, std::optional<std::string> value) override;
  void on_points(broker::Ticket ticket, std::uint32_t granted, std::int64_t retry_after_ms) override;
  void on_missed(const broker::Missed& missed) override;
  void on_availability(bool available) override;

 private:
  friend struct MessageHandler;
  friend class NativeWire;
  friend class SocketIoWire;
  friend class RawWsWire;
  friend class EngineIo;
  struct StreamInfo {
    bool entered = false;
    bool known = false;          // the broker said where it stands, and tells what follows
    bool behind = false;         // publications were missed since: `received` is not where it stands
    bool gap_announced = false;  // of the outage under way
    bool latest_due = false;     // newest values were asked for while the broker was away
    std::int64_t idle_since_ms = 0;
    std::int64_t last_missed_ms = 0;
  };
  struct RoomDecision {
    enum class Outcome : std::uint8_t { allow, held, deny, pending } outcome = Outcome::allow;
    std::string name;  // short
    bool is_public = false;
    Fault fault;
    auth::Ticket ticket = 0;  // of a pending one
  };
  struct Joining {
    ConnectionId id;
    std::optional<std::int64_t> request;
    NamespaceId ns = 0;
    std::vector<RoomDecision> rooms;  // allowed
    std::vector<std::pair<std::string, Code>> denied;
    protocol::Wish wish;
    std::optional<Position> recover;
    hub::Stream* stream = nullptr;       // held
    hub::Stream* open_to_all = nullptr;  // held where a room is public
  };
  struct FormInfo {  // how one class of connections is written to
    Wire* wire = nullptr;
    bool deflate = false;
    bool offsets = false;                        // Socket.IO: recovery is on
    protocol::ChannelSet held = 0;               // raw-ws
    std::shared_ptr<const protocol::View> view;  // of the older wires
    std::uint32_t users = 0;                     // connections; without any it may become another form

    [[nodiscard]] bool same(const FormInfo& other) const {
      return wire == other.wire && deflate == other.deflate && offsets == other.offsets && held == other.held &&
             view == other.view;
    }
  };
  struct Waiting {  // a publication for the broker
    Publication publication;
    std::size_t bytes = 0;
  };
  struct Lease {  // points of a user's or tenant's bucket, taken in advance
    std::int64_t points = 0;
    std::int64_t refused_until_ms = 0;
    std::int64_t used_ms = 0;
    bool asked = false;
  };
  template <class T>
  using Tickets = absl::flat_hash_map<broker::Ticket, std::move_only_function<void(T)>>;

  template <class T>
  static void finish(Tickets<T>& waiting, broker::Ticket ticket, T value) {
    auto found = waiting.find(ticket);
    if (found == waiting.end()) return;
    auto then = std::move(found->second);
    waiting.erase(found);
    then(std::move(value));
  }

  // connection.cc
  [[nodiscard]] Wire& wire(const Connection& c);
  Connection* find(ConnectionId id) { return connections_.find(id); }
  void count_connections() { counters_->connections.set(connections_.live() - counters_->socketio_sockets.get()); }
  /// 0: admitted; else the milliseconds after which it would be.
  [[nodiscard]] std::int64_t handshake_wait_ms(const Peer& peer);
  void on_websocket_bytes(ConnectionId id, Connection& c, std::span<char> bytes);
  void fail(ConnectionId id, Connection& c, const Fault& fault, std::uint16_t close_code);
  void fail(ConnectionId id, Connection& c, const Fault& fault) { fail(id, c, fault, close_code_of(fault.code)); }
  void close(ConnectionId id, Connection& c, std::uint16_t code, std::string_view reason);
  void end_session(ConnectionId id, Connection& c, std::string_view reason);
  void remove(ConnectionId id, Connection& c, std::string_view reason);
  void break_later(std::uint32_t slot);
  void remove_later(ConnectionId id, Connection& c, std::string_view reason);
  void schedule(ConnectionId id, Connection& c);
  void on_timer(ConnectionId id);
  void on_active_timer(ConnectionId id, Connection& c);
  void expire(ConnectionId id, Connection& c);
  void send_ping(ConnectionId id, Connection& c);
  void send_positions(Connection& c, std::uint32_t slot, std::int64_t since_ms);
  [[nodiscard]] std::string public_id(ConnectionId id) const;
  [[nodiscard]] ConnectionId from_public_id(std::string_view text) const;
  [[nodiscard]] ClientInfo client_info(ConnectionId id, const Connection& c);

  // outgoing.cc
  session::Outbox& outbox(Connection& c, std::uint32_t slot);
  void control(ConnectionId id, Connection& c, std::string_view json);
  void control_raw(std::uint32_t slot, Connection& c, std::string_view frame);
  void control_frame(std::uint32_t slot, Connection& c, Frame frame);
  void mark_dirty(std::uint32_t slot, Connection& c);
  /// At the end of the turn: whoever sends is in the middle of something.
  void close_slow_later(std::uint32_t slot, Connection& c, std::string_view why);
  void close_slow();
  void flush_dirty();
  void flush(std::uint32_t slot, Connection& c);
  void shed_if_over_budget();
  [[nodiscard]] session::LaneSettings lane_settings(NamespaceId ns) const;
  std::ptrdiff_t send(std::uint32_t slot, std::string_view block) override;
  void begun(std::uint32_t slot, Frame block, std::uint32_t begin, std::uint32_t end) override;
  void push(std::uint32_t slot, NamespaceId ns, session::Entry entry) override;
  [[nodiscard]] bool excepted(std::uint32_t slot, const Publication& publication) override;
  void served(const Publication& publication) override;
  void after_push(std::uint32_t slot, Connection& c, session::PushResult result);
  void append_publication(std::string& out, std::uint16_t form, const Publication& publication, std::string_view room) override;
  void append_position(std::string& out, std::uint16_t form, NamespaceId ns, const Position& position) override;
  Frame render_gap(NamespaceId ns, const session::GapRun& gap) override;
  [[nodiscard]] const protocol::Wish& wish(NamespaceId ns, std::uint32_t wish) const override;
  [[nodiscard]] const protocol::FilterVocabulary& vocabulary(NamespaceId ns) const override;
  void append_frame(std::string& out, std::uint16_t form, std::string_view payload, ws::MessageType type);

  // http.cc
  void on_http_bytes(ConnectionId id, Connection& c, std::span<char> bytes);
  void on_http_request(ConnectionId id, Connection& c, const http::Request& request);
  [[nodiscard]] bool has_too_many_answers(const Connection& c) const;
  void resume_requests(ConnectionId id, Connection& c);
  void flush_answers(ConnectionId id, Connection& c);
  void upgrade(ConnectionId id, Connection& c, const http::Request& request, std::span<char> rest);
  /// 408 to a request that has begun and did not end; false: there is none.
  [[nodiscard]] bool refuse_late_request(ConnectionId id, Connection& c);
  void refuse_upgrade(ConnectionId id, Connection& c, std::string_view response);
  /// Nothing where requests are not logged.
  [[nodiscard]] std::unique_ptr<Host::Access> asked(const Connection& c, const http::Request& request);
  void log_upgrade(const Connection& c, const http::Request& request, std::string_view status);
  /// The request's Engine.IO session is another shard's: the connection went there with the request and what follows it.
  [[nodiscard]] bool moved_to_session(ConnectionId id, Connection& c, const http::Request& request, std::string_view rest);
  /// For the header `Retry-After`, in seconds: of each one's own, so that those who are refused together do not come back together.
  [[nodiscard]] std::string retry_after(std::int64_t wait_ms);
  [[nodiscard]] bool origin_allowed(const http::Request& request) const;
  /// Listed by name, not by `*`, or the server's own.
  [[nodiscard]] bool origin_named(const http::Request& request) const;
  /// By what the request says; nothing where it says nothing: `auth` follows.
  void authenticate_upgrade(ConnectionId id, Connection& c, const http::Request& request, std::string_view offered_token);

  // views.cc
  /// The index of the form for one more connection. `release_form` gives it back.
  std::uint16_t form_of(FormInfo form);
  void release_form(std::uint16_t form);
  void change_form(ConnectionId id, Connection& c, std::uint16_t form);
  [[nodiscard]] std::shared_ptr<const auth::ClaimRules> claims_for(const protocol::View& view);
  [[nodiscard]] static Identity anonymous_identity(const protocol::View& view);
  /// Where the stream of an event without number stands.
  [[nodiscard]] Position position_of(const Publication& publication);
  void leave_identity_rooms(session::NamespaceState& state);

  // requests.cc
  void on_message(ConnectionId id, Connection& c, ws::MessageType type, std::string_view payload);
  void arrive(ConnectionId id, Connection& c, protocol::native::Decoded decoded);
  void handle(ConnectionId id, Connection& c, protocol::Request request);
  void resume(ConnectionId id);
  void reply(ConnectionId id, Connection& c, std::optional<std::int64_t> request, std::string_view data);
  void refuse(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault);
  /// Whether a request of these limits may go on; else it was refused.
  [[nodiscard]] bool within_rates(ConnectionId id, Connection& c, std::optional<std::int64_t> request,
                                  std::optional<NamespaceId> ns);
  [[nodiscard]] std::int64_t spend(std::string name, Rate rate);
  void on_event(ConnectionId id, Connection& c, protocol::Request request);
  void on_presence(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const protocol::Presence& presence);
  void on_service_request(ConnectionId id, Connection& c, protocol::Request request);
  /// What is rendered, by the lane of invokes: it may be large, and the service is closed where it does not read them.
  void to_service(ConnectionId service, Connection& c);
  [[nodiscard]] session::NamespaceState* joined(ConnectionId id, Connection& c, std::optional<std::int64_t> request,
                                                std::string_view ns);

  // identity.cc
  void authenticate(ConnectionId id, Connection& c, std::string token, std::optional<std::int64_t> request);
  void accept_user(ConnectionId id, Connection& c, Identity identity, std::optional<std::int64_t> request);
  void accept_service(ConnectionId id, Connection& c, ServiceIdentity service, std::optional<std::int64_t> request);
  void refresh(ConnectionId id, Connection& c, Identity identity, std::optional<std::int64_t> request);
  void reevaluate(ConnectionId id, Connection& c);
  void refuse_identity(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const Fault& fault);

  // rooms.cc
  void on_join(ConnectionId id, Connection& c, protocol::Request request);
  void enter_stream(Joining joining);
  /// Calls `then` once publications to the namespace's public rooms are told to this shard.
  void enter_public(NamespaceId ns, std::move_only_function<void()> then);
  void finish_join(Joining joining, std::optional<broker::HistoryPart> part);
  void release_streams(const Joining& joining);
  void on_leave(ConnectionId id, Connection& c, std::optional<std::int64_t> request, std::string_view ns);
  /// Also a second `join`, which answers the position too.
  void on_subscribe(ConnectionId id, Connection& c, protocol::Request request);
  void on_unsubscribe(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const protocol::Unsubscribe& wants);
  [[nodiscard]] RoomDecision check_room(const Connection& c, NamespaceId ns, std::string_view name);
  /// The request runs again when the owner is known.
  [[nodiscard]] auth::Decision may_enter(const Connection& c, std::string_view ns) const;
  void wait_for_owner(auth::Ticket ticket, ConnectionId id, Connection& c, protocol::Request request);
  void add_room(std::uint32_t slot, Connection& c, session::NamespaceState& state, std::string_view room, bool is_public);
  void add_identity_rooms(std::uint32_t slot, Connection& c, session::NamespaceState& state);
  void send_latest(ConnectionId id, NamespaceId ns, std::vector<std::string> rooms);
  [[nodiscard]] std::vector<std::string> rooms_of(const session::NamespaceState& state);
  /// Beside those of its identity.
  [[nodiscard]] std::size_t chosen_rooms(const session::NamespaceState& state);
  [[nodiscard]] std::string held_json(const session::NamespaceState& state);
  [[nodiscard]] hub::Stream& stream_of(const session::NamespaceState& state) { return hub_.stream_at(state.stream); }
  StreamInfo& info(const hub::Stream& stream);
  void leave_rooms(session::NamespaceState& state);
  void release_idle_streams();

  // recovery.cc
  void refill(ConnectionId id, NamespaceId ns);
  void on_refill(ConnectionId id, NamespaceId ns, const Position& since, broker::HistoryPart part);
  void take_part(std::uint32_t slot, Connection& c, session::NamespaceState& state, session::Lane& lane,
                 const broker::HistoryPart& part);
  static void push_refill(session::Lane& lane, session::Entry entry);
  void level(std::uint32_t slot, Connection& c, session::NamespaceState& state, session::Lane& lane);
  /// The room of the publication that the connection holds and whose filters it passes; nothing: not for it.
  [[nodiscard]] std::optional<std::uint8_t> seen_in(const session::NamespaceState& state, const Publication& publication);
  [[nodiscard]] session::Entry render_entry(const Connection& c, const PublicationPtr& publication, std::uint8_t rank);
  [[nodiscard]] session::Entry position_entry(const Connection& c, NamespaceId ns, const Position& position);
  struct HistoryRequest {
    ConnectionId id;
    std::optional<std::int64_t> request;
    NamespaceId ns = 0;
    std::size_t limit = 0;
    std::string events;    // JSON so far
    std::string attached;  // their attachments
    std::size_t count = 0;
    std::optional<bool> reached;
    std::size_t parts = 0;
  };
  void on_history_request(ConnectionId id, Connection& c, std::optional<std::int64_t> request, const protocol::History& history);
  void read_history(HistoryRequest request, std::optional<Position> since);
  void on_history_part(HistoryRequest request, std::optional<Position> since, broker::HistoryPart part);

  // asking.cc
  void on_ask(ConnectionId id, Connection& c, std::optional<std::int64_t> request, protocol::Ask asked);
  [[nodiscard]] static bool can_be_asked(const Connection& c, NamespaceId ns);
  void on_result(ConnectionId id, Connection& c, std::optional<std::int64_t> request, protocol::Result result);
  /// False: it was not asked that, or not in time.
  bool client_answered(ConnectionId id, std::uint64_t number, ClientAnswer answer);
  void end_asks_of(ConnectionId id, std::optional<NamespaceId> ns);
  void end_late_asks();
  void give_up(const std::vector<AskPlace>& places, const Fault& why);

  // publishing.cc
  using Addressed = std::move_only_function<void(std::expected<Publication, Fault>)>;
  /// Checks where it goes against who says it, and finds the tenant of a user or an organization. Without rooms: nobody is there.
  void address(PublishRequest request, const ServiceIdentity* publisher, Addressed then);
  /// What it says, without where it goes.
  [[nodiscard]] std::expected<Publication, Fault> unaddressed(PublishRequest request);
  void to_broker(Publication publication, PublishDone done);
  void without_broker(Publication publication, PublishDone done);
  void send_to_broker(Publication publication);
  void send_waiting();
  void apply_policy(Publication& publication);
  /// Every member goes on by way of history.
  void read_again(hub::Stream& stream);
  /// The newest values go to every member again.
  void latest_again(hub::Stream& stream);
  /// One that was delivered while the broker was away is numbered, or is not going to be.
  void forget_provisional(const Publication& publication);
  /// In each of its rooms a value that was delivered here while the broker was away is going to follow it.
  [[nodiscard]] bool superseded(const Publication& value) const;

  std::shared_ptr<const Settings> settings_;
  Authority authority_;
  Parts parts_;
  Now now_;
  std::unique_ptr<Counters> counters_;
  auth::TokenVerifier verifier_;
  std::unique_ptr<auth::Authorizer> authorizer_;
  protocol::native::Decoder decoder_;
  ws::Inflater inflater_;
  std::unique_ptr<ws::Deflater> deflater_;
  ws::ReceiverOptions receiver_options_;

  NativeWire native_wire_{*this};
  SocketIoWire socketio_wire_{*this};
  RawWsWire rawws_wire_{*this};
  absl::flat_hash_map<std::string, std::shared_ptr<const auth::ClaimRules>> view_claims_;  // by view; those that differ
  std::vector<FormInfo> forms_;                                                            // by Connection::form
  std::uint16_t flushed_form_ = native;  // of the connection whose outbox is being sent

  FrameAccount frames_;  // outlives every Frame below
  Slab<Connection> connections_;
  hub::Hub hub_;
  fanout::Fanout fanout_;
  std::vector<std::unique_ptr<protocol::WishTable>> wishes_;  // by namespace
  std::vector<StreamInfo> streams_;                           // by Stream::index
  std::vector<std::uint32_t> idle_streams_;
  TimerWheel timers_;

  std::vector<std::uint32_t> dirty_;  // slots to flush at the end of the turn
  std::vector<ConnectionId> broken_;
  std::vector<std::int64_t> served_;  // when the publications of this turn's ended fan-outs were accepted, in microseconds
  std::vector<std::pair<ConnectionId, std::string_view>> slow_;  // to close with SLOW_CONSUMER, and why
  std::vector<std::pair<ConnectionId, NamespaceId>> refills_;
  std::vector<std::unique_ptr<session::Outbox>> spare_outboxes_;
  std::string scratch_;
  std::string render_;
  std::string json_scratch_;

  broker::Ticket last_ticket_ = 0;
  Tickets<broker::Published> published_;
  Tickets<broker::StreamState> entered_;
  Tickets<broker::HistoryPart> history_;
  Tickets<std::vector<PublicationPtr>> latest_;
  Tickets<std::vector<std::string>> tenants_;
  Tickets<std::optional<std::string>> records_;
  absl::flat_hash_map<broker::Ticket, std::string> points_;

  absl::flat_hash_map<std::string, Lease> leases_;
  absl::flat_hash_map<std::array<std::uint8_t, 16>, TokenBucket> handshakes_;  // by source
  TokenBucket node_handshakes_;
  struct AwaitingKeys {
    ConnectionId id;
    std::string token;
    std::optional<std::int64_t> request;
  };
  std::vector<AwaitingKeys> awaiting_keys_;
  absl::flat_hash_map<std::uint32_t, std::int64_t> present_since_;  // by membership, in rooms whose rule asks for presence
  struct AwaitingOwner {
    ConnectionId id;
    protocol::Request request;
  };
  absl::flat_hash_map<auth::Ticket, AwaitingOwner> awaiting_owner_;
  OpenQuestions asked_;

  bool available_ = true;
  Ring<Waiting> outage_queue_;
  std::size_t outage_bytes_ = 0;
  absl::flat_hash_map<std::string, std::uint64_t> provisional_;       // publication id: the number it was delivered under
  absl::flat_hash_map<std::string, std::string> provisional_latest_;  // stream, room, event, key: id of the newest of them

  bool draining_ = false;
  std::int64_t drain_end_ms_ = 0;
  std::int64_t last_tick_ms_ = 0;
  EngineIo engine_io_;
};

}  // namespace sparc::shard
