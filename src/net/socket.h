#pragma once
// The TCP and TLS connections of one loop.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/fd.h"
#include "net/loop.h"
#include "net/tls.h"

struct iovec;

namespace sparc::net {

class TlsStream;

/// A connection on its way from one loop to another. Destroyed, it is closed.
class DetachedSocket {
 public:
  DetachedSocket();
  DetachedSocket(DetachedSocket&&) noexcept;
  DetachedSocket& operator=(DetachedSocket&&) noexcept;
  ~DetachedSocket();
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  friend class Sockets;
  Fd fd_;
  std::unique_ptr<TlsStream> tls_;
};

enum class CloseReason : std::uint8_t {
  ended,           // the peer finished in order
  reset,           // the peer, or something between, aborted
  timed_out,       // the kernel gave up sending
  failed,          // another error of the socket
  tls_failed,      // handshake, certificate or record; also bytes that are not TLS
  connect_failed,  // an outgoing connection was not made
};
[[nodiscard]] std::string_view name_of(CloseReason reason);

struct Closing {
  CloseReason reason = CloseReason::ended;
  std::string_view detail;  // for logs; valid during the call; may be empty
};

/// What the owner does after the peer's last byte.
enum class AtEnd : std::uint8_t {
  close,  // at once
  keep,   // sending goes on until the owner closes
};

/// What happens to connections. A slot is the owner's number for one; it is free again from the begin of `on_closed`, and after the
/// owner's own `close` or `reset`, for which there is no callback. Every call of `Sockets` is allowed inside every callback.
class SocketEvents {
 public:
  virtual ~SocketEvents() = default;
  /// `bytes` views the receive buffer of the thread and dies when the call returns; 64 bytes behind it may be read, not used.
  virtual void on_bytes(std::uint32_t slot, std::string_view bytes) = 0;
  /// Once after each send that was `blocked`.
  virtual void on_writable(std::uint32_t slot) = 0;
  /// Once for each connection that the owner did not close itself; bytes that came before it have been delivered.
  virtual void on_closed(std::uint32_t slot, const Closing& closing) = 0;
  /// An outgoing connection is made; with TLS, its handshake is done and the server verified.
  virtual void on_connected(std::uint32_t slot) { (void)slot; }
  virtual AtEnd on_end(std::uint32_t slot) {
    (void)slot;
    return AtEnd::close;
  }
};

enum class SendStatus : std::uint8_t {
  ready,    // all was taken
  blocked,  // send nothing before `on_writable`; with TLS it is possible that all was taken
  closed,   // the connection is lost: `on_closed` follows in the next turn, unless the owner closes first
};
struct SendResult {
  std::size_t taken = 0;
  SendStatus status = SendStatus::ready;
};

/// A table of connections, 16 bytes each and a TLS session where there is one. Reads into one shared buffer; who
/// sends much is read on in the same turn, to `turn_bytes`. Nothing is queued for sending but the begun TLS record (at most 16 KiB).
///
/// Limits:   slots are dense numbers from 0; the table has room for the highest one used.
/// Lifetime: the loop and the events outlive it.
/// Thread:   its loop's.
class Sockets final : private EventTable {
 public:
  struct Options {
    std::size_t receive_bytes = 64 * 1024;
    std::size_t turn_bytes = 256 * 1024;      // of one connection in a turn; more waits for the next, behind the others
    std::size_t much_bytes = 16 * 1024;       // a read of so much is followed by another one
    std::uint32_t notsent_bytes = 16 * 1024;  // TCP_NOTSENT_LOWAT of outgoing connections; 0: the kernel's default
  };
  struct Counters {
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;  // before TLS
    std::uint64_t sends = 0;
    std::uint64_t sends_blocked = 0;
    std::uint64_t tls_failures = 0;
  };
  /// TLS for an outgoing connection. `server_name` is what the certificate must name; it may be an IP address.
  struct TlsTarget {
    const TlsContext* context = nullptr;  // null: plain
    std::string server_name;
  };

  Sockets(Loop& loop, SocketEvents& events) : Sockets(loop, events, Options{}) {}
  Sockets(Loop& loop, SocketEvents& events, const Options& options);
  ~Sockets() override;
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  /// An accepted connection; with `tls`, as its server. The slot must be free. On an error the descriptor is closed.
  [[nodiscard]] Result<void> open(std::uint32_t slot, Fd fd, const TlsContext* tls = nullptr);
  /// Takes an accepted connection out of this loop, from within a callback or a turn; no callback follows, the slot is free. Empty
  /// where that cannot be: something that was taken is not sent yet, or the peer has ended.
  [[nodiscard]] DetachedSocket detach(std::uint32_t slot);
  /// Goes on with a connection that another loop's `detach` gave up. The slot must be free.
  [[nodiscard]] Result<void> attach(std::uint32_t slot, DetachedSocket socket);
  /// Begins an outgoing connection: `on_connected` or `on_closed` follows, never within this call. The owner limits the time.
  [[nodiscard]] Result<void> connect(std::uint32_t slot, const Address& to, const TlsTarget& tls);
  [[nodiscard]] Result<void> connect(std::uint32_t slot, const Address& to) { return connect(slot, to, TlsTarget{}); }

  /// Sends at once what the kernel takes. Never calls back. While blocked it does nothing and costs no system call.
  SendResult send(std::uint32_t slot, const char* data, std::size_t size);
  SendResult send(std::uint32_t slot, std::string_view bytes) { return send(slot, bytes.data(), bytes.size()); }
  /// The same for several pieces in order; at most 1024 are looked at in a call.
  SendResult sendv(std::uint32_t slot, std::span<const iovec> pieces);

  /// Ends the sending side behind what was taken. Reading goes on; the owner closes after `on_end`, or when it has waited enough.
  /// This is how a last answer survives bytes that the peer still sends: closing over unread bytes makes the kernel reset.
  void shutdown_write(std::uint32_t slot);
  /// What was taken still goes out, except a TLS record that had begun. The descriptor is closed at the end of the turn.
  void close(std::uint32_t slot);
  /// Aborts: the peer sees a reset, and the kernel keeps nothing.
  void reset(std::uint32_t slot);
  /// No `on_bytes` and no `on_end` until resumed; a reset is still reported. At most what one event had read is delivered before.
  void pause_reading(std::uint32_t slot);
  void resume_reading(std::uint32_t slot);

  [[nodiscard]] bool is_open(std::uint32_t slot) const;
  [[nodiscard]] std::size_t live() const { return live_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  enum Flag : std::uint16_t {
    blocked = 1,
    write_armed = 2,  // EPOLLOUT is watched; once armed it stays, as edges cost nothing while nothing waits
    paused = 4,
    unread = 8,  // an event came while paused
    on_ready_list = 16,
    at_end = 32,  // the kernel reported an end or error: read until it shows
    connecting = 64,
    outgoing = 128,
    failed = 256,  // a send failed; on_closed is due
    end_delivered = 512,
    finishing = 1024,  // shutdown_write was called
    read_wants_write = 2048,
  };
  struct Connection {
    int fd = -1;
    std::uint16_t flags = 0;
    TlsStream* tls = nullptr;  // owned; null for plain
    [[nodiscard]] bool has(std::uint16_t any) const { return (flags & any) != 0; }
    void set(std::uint16_t flag) { flags |= flag; }
    void clear(std::uint16_t flag) { flags &= static_cast<std::uint16_t>(~flag); }
  };
  static_assert(sizeof(Connection) == 16);
  struct Entry {
    std::uint32_t slot;
    int fd;
    int error;
  };
  static constexpr std::uint32_t chunk_slots = 256;

  void on_event(std::uint32_t slot, int fd, std::uint32_t events) override;
  void run_ready() override;
  void finish_turn() override;

  [[nodiscard]] Connection& at(std::uint32_t slot) { return chunks_[slot / chunk_slots][slot % chunk_slots]; }
  [[nodiscard]] Connection* live(std::uint32_t slot, int fd);
  [[nodiscard]] Connection* live(std::uint32_t slot);
  [[nodiscard]] Result<void> add(std::uint32_t slot, Fd fd, std::unique_ptr<TlsStream> tls, std::uint16_t flags);

  void read(std::uint32_t slot, int fd);
  void read_plain(std::uint32_t slot, int fd);
  void read_tls(std::uint32_t slot, int fd);
  /// Whether reading this connection may go on in this turn.
  [[nodiscard]] bool deliver(std::uint32_t slot, int fd, std::size_t bytes);
  void deliver_end(std::uint32_t slot, int fd);
  void finish_connect(std::uint32_t slot, int fd, std::uint32_t events);
  void continue_handshake(std::uint32_t slot);
  void became_writable(std::uint32_t slot);
  void end_writing(Connection& connection);

  SendResult send_tls(std::uint32_t slot, Connection& connection, const char* data, std::size_t size);
  SendResult sendv_tls(std::uint32_t slot, Connection& connection, std::span<const iovec> pieces);
  SendResult sent(std::uint32_t slot, Connection& connection, std::size_t size, long result, int error);
  SendResult block(std::uint32_t slot, Connection& connection, std::size_t taken);
  void arm_write(std::uint32_t slot, Connection& connection);
  void mark_failed(std::uint32_t slot, Connection& connection, int error);
  void make_ready(std::uint32_t slot, Connection& connection);
  void drop(std::uint32_t slot, Connection& connection, CloseReason reason, std::string_view detail);
  void drop_errno(std::uint32_t slot, Connection& connection, int error);
  void drop_aborted(std::uint32_t slot, Connection& connection);
  void drop_tls(std::uint32_t slot, Connection& connection);
  void release(Connection& connection);

  Loop& loop_;
  SocketEvents& events_;
  Options options_;
  Counters counters_;
  std::vector<std::unique_ptr<Connection[]>> chunks_;
  std::unique_ptr<char[]> buffer_;      // receive_bytes and padding
  std::unique_ptr<char[]> tls_gather_;  // a record's worth, once sendv has met a TLS connection
  std::vector<Entry> ready_, ready_now_;
  std::vector<Entry> failed_, failed_now_;
  std::vector<Fd> closing_;
  std::size_t live_ = 0;
};

}  // namespace sparc::net
