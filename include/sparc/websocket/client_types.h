#pragma once
// What the clients take and give.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sparc/websocket/error.h"

namespace sparc::websocket {

/// An event of a namespace. Owns everything in it.
struct Message {
  std::string timestamp;                 // ISO 8601, when the server accepted it
  std::string namespace_;                // alerts
  std::string event;                     // alert:created
  std::string data;                      // JSON, byte for byte what was broadcast
  std::string room;                      // short name; empty: not said
  std::string id;                        // of the publication; the same on every connection
  std::uint64_t offset = 0;              // in the tenant's stream of the namespace; 0: not numbered
  bool provisional = false;              // delivered while the broker is away: order with other events is not promised
  std::string more_args;                 // further arguments: JSON texts joined by commas; empty: none
  std::vector<std::string> attachments;  // binary parts that placeholders in `data` name
};

/// Answers one question: JSON, empty for "understood, nothing to say", or an error. May be called later and from any thread; only the
/// first call counts. When every copy is gone without a call, the service is told INTERNAL.
using AnswerAsk = std::function<void(Result<std::string>)>;

enum class ClientState : std::uint8_t {
  disconnected,  // not asked to connect, or after `disconnect`
  connecting,    // never connected so far; with `auto_reconnect` also between attempts
  connected,     // the namespace is joined
  reconnecting,  // was connected; is between attempts or in one
  failed,        // will not try again by itself: refused for good, or all attempts used; `connect` begins anew
};
[[nodiscard]] std::string_view name_of(ClientState state);

/// A JWT, or a function that gives one. The function is called before every connection and when the server says that the token
/// nears its expiry; on a thread of the library, never two calls at once; it may block. An empty answer or an exception counts as a
/// failed attempt. Copies are the same token: clients with the same URL and the same token share one connection.
class Token {
 public:
  using Source = std::function<std::string()>;

  Token() = default;
  Token(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Token(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
  template <class F>
    requires std::is_invocable_r_v<std::string, F&>
  Token(F source) : source_(std::make_shared<const Source>(std::move(source))) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::shared_ptr<const Source>& source() const { return source_; }  // null: a fixed text

 private:
  std::string text_;
  std::shared_ptr<const Source> source_;
};

/// Where callbacks run.
enum class Callbacks : std::uint8_t {
  library_thread,  // on the library's thread, which serves all clients of the process: they must not block
  polled,          // on the thread that calls `poll`
};

struct ClientOptions {
  std::string url;  // ws://host:port or wss://host; without a path `/ws` is asked for
  Token token{};
  std::string namespace_{};  // joined by `connect`; the clients for alerts, monitoring and video fill it

  bool auto_reconnect = true;
  std::uint32_t reconnect_interval_ms = 5'000;  // waits are random, up to this, doubled for each further attempt, at most 60 s
  std::uint32_t reconnect_attempts = 10;        // in a row, then `failed`; 0: without end
  std::uint32_t timeout_ms = 10'000;            // of one attempt to connect, and of `connect`, `subscribe` and `unsubscribe`

  std::string ca_file{};                             // PEM of the authorities to trust for wss; empty: the system's
  bool verify_certificate = true;                    // false: anybody may answer; for tests only
  std::size_t message_bytes_max = 16 * 1024 * 1024;  // of one received message; a larger one ends the connection

  Callbacks callbacks = Callbacks::library_thread;
  std::size_t poll_queue_max =
      10'000;  // callbacks that wait for `poll`; beyond it the oldest messages go, announced by `on_stale`
};

/// What a namespace is narrowed to, beside rooms. Absent leaves what was set.
struct Filter {
  struct Field {
    std::string name;                 // type, priority … as configured on the server
    std::vector<std::string> values;  // an event passes with one of them, or without the field
  };
  std::vector<Field> fields;   // all of them must pass
  std::uint32_t every_ms = 0;  // of events of which only the latest counts: at most one per key in this time; 0: each
};

struct Disconnected {
  std::uint16_t code = 0;  // WebSocket close code, or HTTP status of a refused handshake; 0: the connection was lost or not made
  std::string reason;
  bool will_reconnect = false;
};

/// Rooms that were left, by `unsubscribe` or because the server took them away.
struct Unsubscribed {
  std::vector<std::string> rooms;
  std::string code;  // why the server took them; empty: the application left them
};

/// Events of a namespace may be missing: the application should fetch its state again, unless they were `repaired`.
struct Stale {
  std::string namespace_;
  std::string room;         // empty: several rooms, or none known
  std::uint64_t count = 0;  // of events that are missing; 0: not known
  std::string reason;       // dropped | expired | trimmed | broker | not_recovered | poll_queue
  bool repaired = false;    // what was missing has been fetched from history and delivered, in order
};

}  // namespace sparc::websocket
