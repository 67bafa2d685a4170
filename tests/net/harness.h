#pragma once
// A loop with its table of connections, driven turn by turn, and blocking peers on the other side of real sockets.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/acceptor.h"
#include "net/loop.h"
#include "net/socket.h"

namespace sparc::net {

/// A connected client socket: non-blocking, so that the loop and its peer share the test's thread.
class Peer {
 public:
  explicit Peer(const Address& to) {
    sockaddr_storage address;
    const socklen_t length = to.to_sockaddr(address);
    fd_ = Fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  std::size_t send(std::string_view bytes) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void finish() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  void reset() {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    fd_.reset();
  }
  /// Takes what is there, at most `most` bytes.
  void receive(std::size_t most = SIZE_MAX) {
    char buffer[65536];
    while (most != 0 && fd_) {
      const ssize_t got = ::recv(fd_.get(), buffer, std::min(most, sizeof buffer), 0);
      if (got > 0) {
        received.append(buffer, static_cast<std::size_t>(got));
        most -= static_cast<std::size_t>(got);
        continue;
      }
      if (got == 0) ended = true;
      if (got < 0 && errno != EAGAIN) error = errno;
      return;
    }
  }

  std::string received;
  bool ended = false;
  int error = 0;

 private:
  Fd fd_;
  bool connected_ = false;
};

/// Records every callback; the hooks run inside it.
class Driver final : public Turn, public SocketEvents, public AcceptEvents {
 public:
  explicit Driver(const Sockets::Options& options = Sockets::Options{})
      : loop(std::move(Loop::create().value())), sockets(*loop, *this, options) {}

  Acceptor& listen(const ListenOptions& options = {.host = "127.0.0.1"}) {
    acceptor = Acceptor::open(*loop, *this, options).value();
    return *acceptor;
  }
  /// Runs turns until `done`; false when nothing leads there any more.
  bool until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      loop->run_once(*this, 10);
    }
    return true;
  }
  /// A peer whose connection is open in `slot`.
  std::unique_ptr<Peer> connect_peer(std::uint32_t slot) {
    next_slot = slot;
    auto peer = std::make_unique<Peer>(acceptor->address());
    EXPECT_TRUE(peer->connected());
    EXPECT_TRUE(until([&] { return sockets.is_open(slot); }));
    return peer;
  }
  [[nodiscard]] const std::string& bytes(std::uint32_t slot) { return received[slot]; }

  void on_wake() override {
    ++wakes;
    if (wake_hook) wake_hook();
  }
  std::int64_t end_of_turn() override {
    ++turns;
    if (end_hook) end_hook();
    return deadline_ms;
  }
  void on_accept(Acceptor&, Fd fd, const Address& peer) override {
    ++accepted;
    last_peer = peer;
    if (accept_hook) return accept_hook(std::move(fd));
    EXPECT_TRUE(sockets.open(next_slot++, std::move(fd), tls).has_value());
  }
  void on_bytes(std::uint32_t slot, std::string_view view) override {
    received[slot].append(view);
    log.push_back("bytes " + std::to_string(slot));
    if (bytes_hook) bytes_hook(slot, view);
  }
  void on_writable(std::uint32_t slot) override {
    log.push_back("writable " + std::to_string(slot));
    if (writable_hook) writable_hook(slot);
  }
  void on_closed(std::uint32_t slot, const Closing& closing) override {
    log.push_back("closed " + std::to_string(slot));
    closed.emplace(slot, std::pair{closing.reason, std::string(closing.detail)});
    ++closings;
    if (closed_hook) closed_hook(slot);
  }
  void on_connected(std::uint32_t slot) override {
    log.push_back("connected " + std::to_string(slot));
    if (connected_hook) connected_hook(slot);
  }
  AtEnd on_end(std::uint32_t slot) override {
    log.push_back("end " + std::to_string(slot));
    if (end_of_peer_hook) end_of_peer_hook(slot);
    return at_end;
  }

  std::unique_ptr<Loop> loop;
  Sockets sockets;
  std::unique_ptr<Acceptor> acceptor;
  const TlsContext* tls = nullptr;
  std::uint32_t next_slot = 0;
  AtEnd at_end = AtEnd::close;
  std::int64_t deadline_ms = no_deadline;

  int wakes = 0, turns = 0, accepted = 0, closings = 0;
  Address last_peer;
  std::map<std::uint32_t, std::string> received;
  std::map<std::uint32_t, std::pair<CloseReason, std::string>> closed;
  std::vector<std::string> log;
  std::function<void()> wake_hook, end_hook;
  std::function<void(Fd)> accept_hook;
  std::function<void(std::uint32_t, std::string_view)> bytes_hook;
  std::function<void(std::uint32_t)> writable_hook, closed_hook, connected_hook, end_of_peer_hook;
};

/// Bytes that differ at every place, so that a lost, doubled or moved run shows.
inline std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

}  // namespace sparc::net
