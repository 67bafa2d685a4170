#pragma once
// What a shard keeps for one connection.

#include <cstdint>
#include <memory>
#include <string>

#include "base/ring.h"
#include "base/timer_wheel.h"
#include "http/request_parser.h"
#include "session/outbox.h"
#include "session/session.h"
#include "shard/host.h"
#include "shard/settings.h"
#include "ws/receiver.h"

namespace sparc::shard {

struct SocketIoSocket;
struct RawWsPeer;

/// How frames look on a connection's wire: an index into the shard's forms, part of the class of subscribers. These two are always there.
inline constexpr std::uint16_t native = 0, native_deflate = 1;

/// What a connection keeps beside its session, by what it speaks; one at a time.
struct Speaks {
  virtual ~Speaks() = default;
};

/// Only while a connection speaks HTTP.
struct HttpPhase final : Speaks {
  std::unique_ptr<http::RequestParser> parser;  // owned; only within a request: a poll that waits for its answer needs none
  struct Exchange {
    bool done = false;
    bool keep_alive = true;
    Frame answer;
    std::unique_ptr<Host::Access> asked = nullptr;  // where requests are logged
    ConnectionId engine;                            // the Engine.IO session whose poll it is, while that one has not answered
    std::string origin;                             // of that poll: what its answer allows; empty: the request had none
  };
  Ring<Exchange> exchanges;      // unanswered, or answered behind an unanswered one
  std::uint64_t first = 0;       // number of exchanges.front()
  std::size_t answer_bytes = 0;  // waiting in `exchanges`
  std::string held;              // bytes that came while reading was to pause
  bool paused = false;
  bool closing = false;  // after the last answer

  [[nodiscard]] bool within_request() const { return parser && parser->within_request(); }
};

/// One connection. 128 B, and what it points to.
struct Connection {
  Connection();
  Connection(Connection&&) = delete;
  ~Connection();
  enum class Phase : std::uint8_t {
    http,
    unknown,  // WebSocket without identity yet
    active,
    carrier,  // a WebSocket that carries an Engine.IO session, or would
    closing,  // our close frame is sent or queued
  };
  enum class Dialect : std::uint8_t { sparc, carrier, socketio, rawws };  // socketio: a Socket.IO socket, without a descriptor
  std::unique_ptr<Speaks> speaks;                                         // owned; null for native connections
  std::unique_ptr<ws::Receiver> receiver;                                 // owned; only while a frame or a message is in pieces
  std::unique_ptr<session::Session> session;                              // owned; after the upgrade
  std::unique_ptr<session::Outbox> outbox;                                // owned; while something waits
  ConnectionId engine;  // of a carrier or a Socket.IO socket: its session; none: that is over, or has another
  TimerId timer = TimerId::none;
  std::int64_t deadline_ms = 0;  // of the phase; active: when a ping's answer is due, 0 none is awaited
  std::int64_t next_ping_ms = 0;
  std::int64_t received_ms = 0;
  std::int64_t opened_wall_ms = 0;
  std::int64_t leave_ms = 0;             // draining: when it is asked to go
  const Anonymous* anonymous = nullptr;  // of its path; owned by the settings, which the connection's shard keeps
  Peer peer;
  Phase phase = Phase::http;
  Dialect dialect = Dialect::sparc;
  bool echo = false;
  bool dirty = false;
  bool broken = false;
  bool slow = false;         // over a bound: is closed at the end of the turn, gets nothing more
  bool peer_closed = false;  // its close frame came
  bool announced = false;    // counted as a session
  std::uint16_t form = native;

  // Null where it speaks something else.
  [[nodiscard]] HttpPhase* http() const { return phase == Phase::http ? static_cast<HttpPhase*>(speaks.get()) : nullptr; }
  [[nodiscard]] SocketIoSocket* sio() const;
  [[nodiscard]] RawWsPeer* rawws() const;
};
static_assert(sizeof(Connection) <= 128);  // ten thousand of them, two for a Socket.IO client

}  // namespace sparc::shard
