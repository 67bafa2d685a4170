#pragma once
// The clients of a measurement: one thread, one epoll, a small struct per connection.

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "load/dialect.h"
#include "load/options.h"
#include "load/polling.h"

namespace bench {

enum class Phase : std::uint8_t { connecting, upgrading, opening, ready, closed };

struct Client {
  int fd = -1;
  std::uint32_t index = 0;  // among the clients of its role
  Role role = Role::subscriber;
  Phase phase = Phase::connecting;
  std::uint32_t sequence = 0;  // fan-out: the next one expected; calls: the next reply
  std::uint64_t missing = 0;   // bit k: sequence - 1 - k has not come
  std::string unread;          // an incomplete frame or answer; no memory while there is none
};

/// Opens connections, reads messages and hands them to the mode.
///
/// A client is a WebSocket, or polls (`Dialect::polls`): each packet of a poll's answer is a message then.
///
/// Errors: a refused upgrade or poll, an `error` message or a connection that ends while the mode runs ends the program: such a result
///         would measure something else.
/// Thread: confined.
class Pool {
 public:
  using OnMessage = std::function<void(std::uint32_t client, std::string_view message)>;

  Pool(const Options& options, const Dialect& dialect);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Connects `count` clients of a role and returns when all are ready (60 s without progress end the program).
  /// Returns the first's number; the others follow.
  std::uint32_t open(Role role, std::uint32_t count);
  /// Every text or binary message of a ready client.
  void on_message(OnMessage handler) { on_message_ = std::move(handler); }

  /// Waits up to `timeout_ns` and reads what is there.
  void poll(std::uint64_t timeout_ns);
  /// Polls for so long: for what is not the load itself (settling, holding connections).
  void poll_for(double seconds);
  /// When the bytes that are being handled were read.
  [[nodiscard]] std::uint64_t read_ns() const { return read_ns_; }
  /// Reads that brought something, since the beginning.
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  /// For a message that the mode did not expect: answers pings, counts announced losses, ends the program for an error.
  void on_control(std::uint32_t client, std::string_view message);
  [[nodiscard]] std::uint64_t announced() const { return announced_; }

  /// Sends framed bytes whole; waits where the socket is full.
  void send(std::uint32_t client, std::string_view bytes);
  /// A client that polls: only while a message of it is handled, and sent behind that.
  void send_message(std::uint32_t client, std::string_view text);
  /// A reset, so that neither side keeps a socket in TIME_WAIT.
  void close(std::uint32_t client);

  [[nodiscard]] Client& at(std::uint32_t client) { return clients_[client]; }
  [[nodiscard]] const Dialect& dialect() const { return dialect_; }

 private:
  void connect_one(Role role, std::uint32_t index);
  void on_connected(std::uint32_t id, bool succeeded);
  void on_readable(std::uint32_t id);
  std::size_t on_bytes(std::uint32_t id, std::string_view bytes);
  std::size_t on_poll_answers(std::uint32_t id, std::string_view bytes);
  std::size_t on_upgrade_answer(std::uint32_t id, std::string_view bytes);
  void become_ready(Client& client);

  const Dialect& dialect_;
  std::string host_;  // with its port, as the header says it
  sockaddr_in server_;
  std::uint32_t sources_;
  std::uint32_t concurrency_;
  int epoll_;
  std::uint32_t ready_ = 0;
  std::uint64_t read_ns_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t announced_ = 0;
  std::vector<Client> clients_;
  Polling polling_;
  std::vector<char> buffer_;
  std::string out_;
  OnMessage on_message_;
};

}  // namespace bench
