#pragma once
// Engine.IO on one shard: requests and WebSockets of its path become sessions, their packets go to the Socket.IO sockets and back.
//
// A session has no slot of its own. Its WebSocket is a connection in phase `carrier`; each Socket.IO socket is a connection without a
// descriptor, whose bytes pass through EngineIo::send: to the WebSocket as they are, or to the waiting poll in its own framing. So
// rooms, lanes and recovery know nothing of transports, and one rendering serves both.

#include <absl/container/inlined_vector.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/frame.h"
#include "base/slab.h"
#include "base/timer_wheel.h"
#include "http/request_parser.h"
#include "protocol/socketio/engine.h"
#include "protocol/socketio/packet.h"
#include "shard/connection.h"
#include "ws/receiver.h"

namespace sparc::shard {

class Shard;

/// Where sessions came in and what was configured then: one for all that are alike.
struct EngineEntrance {
  std::string host;  // without port
  std::string path;
  protocol::socketio::EngineSettings settings;
  friend bool operator==(const EngineEntrance&, const EngineEntrance&) = default;
};

/// What the connection said when it began: the same for all of its sockets.
struct EngineHandshake {
  std::shared_ptr<const EngineEntrance> entrance;
  std::unique_ptr<const std::string> token;  // from query, Authorization or cookie; null: none
  Peer peer;
};

/// A session id: 20 characters of base64url.
struct EngineSid {
  static constexpr std::size_t characters = 20;
  static constexpr std::uint32_t slots = 1U << 24;
  using Secret = std::array<char, 11>;  // 88 bits that nobody guesses
  Secret secret;
  std::uint8_t shard = 0;
  std::uint32_t slot = 0;

  [[nodiscard]] static std::optional<EngineSid> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

/// About 250 B for each Socket.IO client, whatever its transport.
struct EngineSession {
  EngineSession(EngineHandshake from, protocol::socketio::Engine machine, protocol::socketio::PacketDecoder packets)
      : handshake(std::move(from)), engine(std::move(machine)), decoder(std::move(packets)) {}

  EngineHandshake handshake;
  protocol::socketio::Engine engine;
  protocol::socketio::PacketDecoder decoder;
  ConnectionId websocket;                        // the transport, once it is one
  ConnectionId probe;                            // a WebSocket that may become it
  absl::InlinedVector<ConnectionId, 2> sockets;  // one for each Socket.IO namespace
  std::unique_ptr<std::string> queued;  // packets of the session itself that wait for a poll, as WebSocket frames; null: none
  TimerId timer = TimerId::none;
  std::int64_t connect_by_ms = 0;  // a socket must have joined by then; 0: one has
  EngineSid::Secret secret;
  std::uint16_t connects = 0;  // CONNECT packets since the last heartbeat
  bool running = false;        // its actions are being carried out
  bool overflowed = false;     // `queued` reached its limit: the session is going to be closed
  bool over = false;
};

class EngineIo {
 public:
  explicit EngineIo(Shard& shard);

  [[nodiscard]] bool serves(std::string_view path) const;
  /// The shard that made the request's sid, where it is not this one.
  [[nodiscard]] std::optional<std::uint16_t> shard_elsewhere(const http::Request& request) const;
  void on_request(ConnectionId http, std::uint64_t exchange, const http::Request& request);
  /// An upgrade to WebSocket of its path; `rest` are the bytes behind it.
  void on_upgrade(ConnectionId id, Connection& c, const http::Request& request, std::span<char> rest);
  void on_message(Connection& carrier, ws::MessageType type, std::string_view payload);
  /// Of carriers.
  [[nodiscard]] const ws::ReceiverOptions& receiver_options();
  /// A connection ended, or its WebSocket is closing: carriers, and those with a poll that waits.
  void on_gone(ConnectionId id, Connection& c);
  /// Nothing of its own waits for the carrier's socket: its sockets may send again.
  void on_drained(Connection& carrier);

  /// For a Socket.IO socket: bytes taken, whole packets only. What of a packet the WebSocket has begun waits in the carrier's outbox.
  std::ptrdiff_t send(ConnectionId session, std::string_view block);
  /// Packets of the session itself, as WebSocket frames: before whatever its sockets have waiting.
  void packet(ConnectionId session, std::string_view frames);
  /// Closes the transport at the end of the turn: clients come back by themselves.
  void close(ConnectionId session, std::string_view reason);
  /// Those without a socket: nobody else would close them.
  void close_unused(std::string_view reason);

  [[nodiscard]] EngineSession* find(ConnectionId session) { return sessions_.find(session); }
  void socket_joined(ConnectionId session);
  void socket_gone(ConnectionId session, ConnectionId socket);

  /// Behind the sockets' own flush.
  void end_of_turn();
  [[nodiscard]] std::int64_t next_deadline() const { return timers_.next_deadline(); }
  void advance(std::int64_t now_ms);
  [[nodiscard]] std::size_t sessions() const { return sessions_.live(); }

 private:
  struct Poll {
    ConnectionId http;
    std::uint64_t exchange = 0;
    std::string origin;  // that the answer allows; empty: the request had none
    bool keep_alive = true;
  };
  /// The last answer to a poll of this turn, and what it was made of.
  struct Shared {
    std::string block;
    std::string origin;
    bool keep_alive = true;
    Frame answer;
  };
  static constexpr std::string_view text_type = "text/plain; charset=UTF-8";
  struct Refusal {
    int code;
    std::string_view message;
  };

  [[nodiscard]] std::optional<Refusal> verify(const http::Request& request, bool upgrade, ConnectionId session);
  [[nodiscard]] ConnectionId session_of(const http::Request& request);
  [[nodiscard]] EngineHandshake handshake_of(const Connection& c, const http::Request& request);
  ConnectionId open(protocol::socketio::Engine::Transport transport, EngineHandshake handshake);
  [[nodiscard]] std::string open_packet(ConnectionId session, const EngineSession& s, bool upgrades) const;
  /// A poll is named by its connection's slot and the low half of its exchange's number.
  [[nodiscard]] static protocol::socketio::PollId number_of(ConnectionId http, std::uint64_t exchange) {
    return std::uint64_t{http.slot} << 32 | static_cast<std::uint32_t>(exchange);
  }
  /// The session's poll is answered by whoever took it.
  [[nodiscard]] std::optional<Poll> take(ConnectionId session, protocol::socketio::PollId number);
  void abort_polls(ConnectionId http, HttpPhase& phase);
  void respond(const Poll& poll, std::uint16_t status, std::string_view type, std::string_view body);
  [[nodiscard]] std::string reply_of(const Poll& poll, std::uint16_t status, std::string_view type, std::string_view body) const;
  void respond_error(const Poll& poll, const Refusal& refusal);
  void respond_unavailable(const Poll& poll, std::int64_t wait_ms, std::string_view why);
  void append_cors(std::vector<Header>& headers, const Poll& poll) const;
  /// 0: it may come.
  [[nodiscard]] std::int64_t handshake_wait_ms(const Peer& peer);
  void text_packet(ConnectionId session, std::string_view text);
  /// Answers the waiting poll with what is queued, then `block`.
  void answer_poll(ConnectionId session, EngineSession& s, std::string_view block);
  void run(ConnectionId session);
  void carry_out(ConnectionId session, EngineSession& s, protocol::socketio::EngineAction& action);
  void deliver(ConnectionId session, EngineSession& s, bool binary, std::string_view data);
  void schedule(ConnectionId session, EngineSession& s);
  void close_websocket(ConnectionId id);
  void unblock(EngineSession& s);
  void finish(ConnectionId session);
  [[nodiscard]] protocol::socketio::EngineSettings engine_settings() const;

  Shard& shard_;
  Slab<EngineSession> sessions_;
  std::shared_ptr<const EngineEntrance> last_entrance_;
  Shared shared_;
  TimerWheel timers_;
  std::vector<ConnectionId> over_;  // sessions that end with this turn
  std::vector<std::pair<ConnectionId, std::string>> to_close_;
  std::vector<ConnectionId> with_queue_;  // whose own packets a poll may take
  ws::ReceiverOptions receiver_options_;
};

}  // namespace sparc::shard
