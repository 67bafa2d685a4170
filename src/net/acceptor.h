#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/address.h"
#include "net/fd.h"
#include "net/loop.h"

namespace sparc::net {

class Acceptor;

class AcceptEvents {
 public:
  virtual ~AcceptEvents() = default;
  /// A new connection, non-blocking; hand it to `Sockets::open` or let it go, which closes it. May pause or
  /// close the acceptor, not destroy it.
  virtual void on_accept(Acceptor& acceptor, Fd fd, const Address& peer) = 0;
};

struct ListenOptions {
  /// Which of a node's listeners on one port this is. `first` takes the port only if nobody has it; `join` shares it with a `first`
  /// of the same user, and the kernel spreads connections over them.
  enum class Port : std::uint8_t { first, join };

  std::string host = "0.0.0.0";  // numeric, or `localhost` (127.0.0.1); `::` takes IPv4 too
  std::uint16_t port = 0;        // 0: any free one, see Acceptor::address
  Port sharing = Port::first;
  int backlog = 4096;                       // the kernel lowers it to net.core.somaxconn
  std::uint32_t notsent_bytes = 16 * 1024;  // TCP_NOTSENT_LOWAT of accepted sockets; 0: the kernel's default
};

/// A listening TCP socket of one loop. Accepted sockets inherit TCP_NODELAY and TCP_NOTSENT_LOWAT from it.
///
/// Where descriptors run out, a spare one is used to accept and close connections, so that peers see the end at once instead of
/// hanging in the backlog; they are counted as refused.
/// Thread: its loop's; `open` before the loop runs may be another's.
class Acceptor final : private Watcher {
 public:
  struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;  // no descriptor was left
    std::uint64_t failed = 0;   // accept failed otherwise
  };

  /// Errors say which address and port, and what to do: taken, not allowed, not of this machine.
  [[nodiscard]] static Result<std::unique_ptr<Acceptor>> open(Loop& loop, AcceptEvents& events, const ListenOptions& options);
  ~Acceptor() override { close(); }

  /// The bound address with the port.
  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] bool listening() const { return static_cast<bool>(fd_); }
  /// New connections wait in the kernel's backlog until `resume`.
  void pause();
  void resume();
  /// The port is given back at once; connections in the backlog are reset.
  void close();

 private:
  Acceptor(Loop& loop, AcceptEvents& events, Fd fd, Address address);
  void on_events(std::uint32_t events) override;
  [[nodiscard]] bool refuse_one();

  Loop& loop_;            // outlives this
  AcceptEvents& events_;  // outlives this
  Fd fd_;
  Fd spare_;
  Address address_;
  Counters counters_;
  bool paused_ = false;
};

}  // namespace sparc::net
