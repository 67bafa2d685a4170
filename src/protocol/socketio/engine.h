#pragma once
// One Engine.IO v4 session: its transport, its polls, its heartbeat, its upgrade. Pure: calls in, actions out.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/socketio/engine_packet.h"

namespace sparc::protocol::socketio {

/// Names an HTTP request that waits for its answer; the driver knows which.
using PollId = std::uint64_t;

struct EngineSettings {
  std::uint32_t ping_interval_ms = 25'000;
  std::uint32_t ping_timeout_ms = 20'000;
  std::uint32_t upgrade_timeout_ms = 10'000;
  std::uint32_t close_timeout_ms = 30'000;  // a polling session that closes waits so long for a poll to say so
  std::size_t max_payload_bytes = 1'000'000;
  friend bool operator==(const EngineSettings&, const EngineSettings&) = default;
};

// What the driver does next, in this order.
struct AnswerPoll {  // GET or POST
  PollId poll = 0;
  std::uint16_t status = 200;
  std::string content_type;  // empty: none
  std::string body;
};
struct DeliverMessage {  // content of a message packet
  bool binary = false;
  std::string data;
};
struct SendPing {};  // to the control lane: packet 2
struct SendToProbe {
  std::string text;
};  // on the WebSocket that probes
struct CloseProbe {};  // that WebSocket alone; the session goes on
struct Upgraded {};    // the probe's WebSocket is the transport now: what waits goes there
/// The session is over. Polls are answered already. The WebSocket, if there is one, is closed without a code.
struct EngineClosed {
  std::string reason;
};  // "transport error", "transport close", "ping timeout", "parse error", "forced close"
using EngineAction = std::variant<AnswerPoll, DeliverMessage, SendPing, SendToProbe, CloseProbe, Upgraded, EngineClosed>;

/// Facts of the wire: docs/protocol/socketio.md. After EngineClosed every call but `on_get`/`on_post` (refused) is ignored.
///
/// Sending: the driver keeps what is to be sent. While `writable()` it may take the poll and answer that; a WebSocket it writes itself.
/// Time:    monotonic ms; `deadline()` says when `on_time` is due, also after calls that carry no time. Pings keep their interval from
///          one to the next; only a pong answers one, other packets are no sign of life.
/// Lifetime: the settings outlive it.
/// Thread:  confined to the shard. Memory: 80 B, and a little while it upgrades or closes.
class Engine {
 public:
  enum class Transport : std::uint8_t { polling, websocket };
  Engine(Transport transport, const EngineSettings& settings, std::int64_t now_ms);
  Engine(Transport transport, EngineSettings&& settings, std::int64_t now_ms) = delete;

  // Requests of the session. A second GET while one waits, or a second POST, ends the session ("transport error") as the reference does.
  void on_get(PollId poll);
  void on_post(PollId poll, std::string_view content_type, std::string_view body);
  /// A POST that comes while another one is still being read.
  void on_post_overlap(PollId poll);
  /// The request's connection closed before its answer.
  void on_poll_aborted(PollId poll);

  // A WebSocket with the session's sid.
  /// False: refused, there is one already or the session is no polling session; close it.
  [[nodiscard]] bool on_probe_opened(std::int64_t now_ms);
  void on_probe_text(std::string_view text);
  void on_probe_closed();

  // Transport websocket.
  void on_text(std::string_view text);
  void on_binary(std::string_view data);
  void on_websocket_closed();

  void on_time(std::int64_t now_ms);
  /// INT64_MAX: nothing is due.
  [[nodiscard]] std::int64_t deadline() const;

  [[nodiscard]] Transport transport() const { return transport_; }
  [[nodiscard]] bool upgrading() const { return probe_ != nullptr; }
  [[nodiscard]] bool closed() const { return closed_; }
  /// It waits for a poll to say so.
  [[nodiscard]] bool closing() const { return closing_ != nullptr; }
  /// A poll waits for its answer.
  [[nodiscard]] bool writable() const { return poll_ != no_poll; }
  /// The poll that waits. The driver answers it, with a payload of at least one packet (append_to_payload).
  [[nodiscard]] PollId take_poll();
  /// The server ends it. Polling: `1` to the waiting poll, or within close_timeout_ms to the next one: `on_time` is due then, unless the
  /// driver takes that poll for what still waits.
  void close(std::string_view reason, std::int64_t now_ms);
  /// The same, but it waits for that poll until `end_ms` at most, also when it is closing already.
  void close_by(std::string_view reason, std::int64_t end_ms);

  /// What to do; empty afterwards.
  [[nodiscard]] std::vector<EngineAction> take_actions();

 private:
  struct Probe {
    bool confirmed = false;
    std::int64_t due_ms;   // the upgrade is given up
    std::int64_t noop_ms;  // a poll that waits during an upgrade is sent home
  };
  struct Closing {  // waits for a poll to say so
    std::int64_t due_ms;
    std::string reason;
  };
  static constexpr PollId no_poll = UINT64_MAX;

  bool refuse(PollId poll);
  std::string_view take(EnginePacket packet);
  void fail_post(PollId poll);
  void drop_probe();
  void answer_poll(std::string_view packet);
  void finish(std::string_view reason, std::string_view last_packet);

  Transport transport_;
  bool closed_ = false;
  const EngineSettings* settings_;
  PollId poll_ = no_poll;  // a GET that waits
  std::int64_t ping_due_;
  std::int64_t pong_due_;             // never: no ping is unanswered
  std::unique_ptr<Probe> probe_;      // owned
  std::unique_ptr<Closing> closing_;  // owned
  std::vector<EngineAction> actions_;
};

}  // namespace sparc::protocol::socketio
