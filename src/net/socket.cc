#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/tls_stream.h"

namespace sparc::net {
namespace {

constexpr std::size_t padding_bytes = 64;
constexpr std::uint32_t read_events = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

CloseReason reason_of(int error) {
  if (error == ECONNRESET || error == EPIPE) return CloseReason::reset;
  return error == ETIMEDOUT ? CloseReason::timed_out : CloseReason::failed;
}

// Reading it clears it, so a reported error may be gone.
int socket_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace

std::string_view name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::ended: return "ended";
    case CloseReason::reset: return "reset";
    case CloseReason::timed_out: return "timed_out";
    case CloseReason::failed: return "failed";
    case CloseReason::tls_failed: return "tls_failed";
    case CloseReason::connect_failed: return "connect_failed";
  }
  return "failed";
}

Sockets::Sockets(Loop& loop, SocketEvents& events, const Options& options)
    : loop_(loop), events_(events), options_(options), buffer_(std::make_unique<char[]>(options.receive_bytes + padding_bytes)) {
  loop_.set_table(this);
}

Sockets::~Sockets() {
  loop_.set_table(nullptr);
  for (auto& chunk : chunks_) {
    for (std::uint32_t i = 0; i < chunk_slots; ++i) {
      if (chunk[i].fd >= 0) release(chunk[i]);
    }
  }
}

Result<void> Sockets::open(std::uint32_t slot, Fd fd, const TlsContext* tls) {
  std::unique_ptr<TlsStream> stream;
  if (tls != nullptr) {
    auto made = TlsStream::accept(*tls, fd.get());
    if (!made) return std::unexpected(made.error());
    stream = std::move(*made);
  }
  return add(slot, std::move(fd), std::move(stream), 0);
}

DetachedSocket::DetachedSocket() = default;
DetachedSocket::DetachedSocket(DetachedSocket&&) noexcept = default;
DetachedSocket& DetachedSocket::operator=(DetachedSocket&&) noexcept = default;
DetachedSocket::~DetachedSocket() = default;

DetachedSocket Sockets::detach(std::uint32_t slot) {
  DetachedSocket out;
  Connection* connection = live(slot);
  constexpr std::uint16_t stays = blocked | connecting | failed | end_delivered | finishing | read_wants_write;
  if (connection == nullptr || connection->has(stays) || (connection->tls != nullptr && connection->tls->has_unsent()))
    return out;
  loop_.remove(connection->fd);
  out.fd_ = Fd(connection->fd);
  out.tls_.reset(connection->tls);
  *connection = {};
  --live_;
  return out;
}

Result<void> Sockets::attach(std::uint32_t slot, DetachedSocket socket) {
  if (auto added = add(slot, std::move(socket.fd_), std::move(socket.tls_), at_end); !added) return added;
  make_ready(slot, at(slot));  // bytes may wait in the TLS session, where the kernel does not see them
  return {};
}

Result<void> Sockets::connect(std::uint32_t slot, const Address& to, const TlsTarget& tls) {
  Fd fd(::socket(to.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(std::string("cannot create a socket: ") + std::strerror(errno));
  const int on = 1;
  const int notsent = static_cast<int>(options_.notsent_bytes);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (notsent != 0) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof notsent);
  std::unique_ptr<TlsStream> stream;
  if (tls.context != nullptr) {
    auto made = TlsStream::connect(*tls.context, fd.get(), tls.server_name);
    if (!made) return std::unexpected(made.error());
    stream = std::move(*made);
  }
  sockaddr_storage address;
  const socklen_t length = to.to_sockaddr(address);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 && errno != EINPROGRESS) {
    return fail("cannot connect to " + to.to_string() + ": " + std::strerror(errno));
  }
  return add(slot, std::move(fd), std::move(stream), connecting | outgoing | write_armed);
}

Result<void> Sockets::add(std::uint32_t slot, Fd fd, std::unique_ptr<TlsStream> tls, std::uint16_t flags) {
  while (slot / chunk_slots >= chunks_.size()) chunks_.push_back(std::make_unique<Connection[]>(chunk_slots));
  Connection& connection = at(slot);
  assert(connection.fd < 0);
  const std::uint32_t interest = read_events | ((flags & write_armed) != 0 ? std::uint32_t{EPOLLOUT} : 0U);
  if (const int error = loop_.add(fd.get(), slot, interest); error != 0) {
    return fail(std::string("cannot watch a connection: ") + std::strerror(error));
  }
  connection.flags = flags;
  connection.tls = tls.release();
  connection.fd = fd.release();
  ++live_;
  return {};
}

// The descriptor identifies the connection within a turn, because none is closed, and so none reused, before the turn's end.
Sockets::Connection* Sockets::live(std::uint32_t slot, int fd) {
  Connection* connection = live(slot);
  return connection != nullptr && connection->fd == fd ? connection : nullptr;
}

Sockets::Connection* Sockets::live(std::uint32_t slot) {
  if (slot / chunk_slots >= chunks_.size()) return nullptr;
  Connection& connection = at(slot);
  return connection.fd >= 0 ? &connection : nullptr;
}

bool Sockets::is_open(std::uint32_t slot) const { return const_cast<Sockets*>(this)->live(slot) != nullptr; }

void Sockets::on_event(std::uint32_t slot, int fd, std::uint32_t events) {
  Connection* connection = live(slot, fd);
  if (connection == nullptr || connection->has(failed)) return;
  if ((events & end_events) != 0) connection->set(at_end);
  if (connection->has(connecting)) {
    finish_connect(slot, fd, events);
    connection = live(slot, fd);
    if (connection == nullptr || connection->has(connecting)) return;
  }
  if (connection->tls != nullptr && !connection->tls->handshaken()) {
    continue_handshake(slot);
    connection = live(slot, fd);
    if (connection == nullptr || !connection->tls->handshaken()) return;
    events |= EPOLLIN;  // the peer's first bytes may have come with its last handshake message
  }
  // A TLS session may wait for either direction, so every event is a chance for it.
  if (connection->has(blocked) && ((events & EPOLLOUT) != 0 || connection->tls != nullptr)) {
    became_writable(slot);
    connection = live(slot, fd);
    if (connection == nullptr) return;
  }
  if (connection->has(end_delivered)) {
    if ((events & EPOLLERR) != 0) drop_aborted(slot, *connection);
    return;
  }
  const bool retry = connection->has(read_wants_write) && (events & EPOLLOUT) != 0;
  if (((events & (EPOLLIN | end_events)) == 0 && !retry) || connection->has(on_ready_list)) return;
  if (!connection->has(paused)) return read(slot, fd);
  connection->set(unread);
  if ((events & EPOLLERR) != 0) drop_aborted(slot, *connection);
}

void Sockets::run_ready() {
  failed_now_.swap(failed_);
  for (const Entry& entry : failed_now_) {
    Connection* connection = live(entry.slot, entry.fd);
    if (connection == nullptr || !connection->has(failed)) continue;
    // What the peer had sent before the end comes first.
    connection->set(at_end);
    if (!connection->has(paused | end_delivered) && (connection->tls == nullptr || connection->tls->handshaken())) {
      read(entry.slot, entry.fd);
      connection = live(entry.slot, entry.fd);
    }
    if (connection == nullptr) continue;
    if (entry.error != 0) {
      drop_errno(entry.slot, *connection, entry.error);
    } else {
      drop_tls(entry.slot, *connection);
    }
  }
  failed_now_.clear();

  ready_now_.swap(ready_);
  for (const Entry& entry : ready_now_) {
    Connection* connection = live(entry.slot, entry.fd);
    if (connection == nullptr || !connection->has(on_ready_list)) continue;
    connection->clear(on_ready_list);
    if (connection->has(paused)) {
      connection->set(unread);
    } else if (!connection->has(end_delivered)) {
      read(entry.slot, entry.fd);
    }
  }
  ready_now_.clear();
}

void Sockets::finish_turn() { closing_.clear(); }

void Sockets::read(std::uint32_t slot, int fd) {
  if (at(slot).tls != nullptr) {
    read_tls(slot, fd);
  } else {
    read_plain(slot, fd);
  }
}

void Sockets::read_plain(std::uint32_t slot, int fd) {
  for (std::size_t taken = 0;;) {
    const ssize_t got = ::recv(fd, buffer_.get(), options_.receive_bytes, 0);
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      taken += bytes;
      if (!deliver(slot, fd, bytes)) return;
      Connection& connection = at(slot);
      const bool full = bytes == options_.receive_bytes;
      if (taken >= options_.turn_bytes && full) return make_ready(slot, connection);
      // A short read has emptied the socket; the next byte is a new edge. An end that was reported needs another look, and so does a
      // peer that is in the middle of sending much: what it sends together is to be handled together.
      const bool more = full || connection.has(at_end) || (bytes >= options_.much_bytes && taken < options_.turn_bytes);
      if (!more) return;
      continue;
    }
    if (got == 0) return deliver_end(slot, fd);
    if (errno == EAGAIN) return;
    if (errno != EINTR) return drop_errno(slot, at(slot), errno);
  }
}

void Sockets::read_tls(std::uint32_t slot, int fd) {
  for (std::size_t taken = 0;;) {
    Connection* connection = &at(slot);
    TlsStream& tls = *connection->tls;
    const auto until = connection->has(at_end) ? TlsStream::Until::end : TlsStream::Until::empty;
    const TlsStream::Transfer transfer = tls.read(buffer_.get(), options_.receive_bytes, until);
    connection->clear(read_wants_write);
    if (transfer.outcome == TlsStream::Outcome::would_block && tls.wants_write()) {
      connection->set(read_wants_write);
      arm_write(slot, *connection);
    }
    taken += transfer.bytes;
    if (transfer.bytes != 0 && !deliver(slot, fd, transfer.bytes)) return;
    if (taken >= options_.turn_bytes && transfer.bytes == options_.receive_bytes) return make_ready(slot, at(slot));
    switch (transfer.outcome) {
      case TlsStream::Outcome::done: break;
      case TlsStream::Outcome::would_block: return;
      case TlsStream::Outcome::ended: return deliver_end(slot, fd);
      case TlsStream::Outcome::failed: return drop_tls(slot, at(slot));
    }
  }
}

bool Sockets::deliver(std::uint32_t slot, int fd, std::size_t bytes) {
  counters_.bytes_received += bytes;
  events_.on_bytes(slot, {buffer_.get(), bytes});
  Connection* connection = live(slot, fd);
  if (connection == nullptr) return false;
  if (!connection->has(paused)) return true;
  connection->set(unread);
  return false;
}

void Sockets::deliver_end(std::uint32_t slot, int fd) {
  at(slot).set(end_delivered);
  const AtEnd then = events_.on_end(slot);
  Connection* connection = live(slot, fd);
  if (connection != nullptr && then == AtEnd::close) drop(slot, *connection, CloseReason::ended, {});
}

void Sockets::finish_connect(std::uint32_t slot, int fd, std::uint32_t events) {
  if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
  Connection& connection = at(slot);
  if (const int error = socket_error(fd); error != 0) {
    return drop(slot, connection, CloseReason::connect_failed, std::strerror(error));
  }
  connection.clear(connecting);
  if (connection.tls == nullptr) events_.on_connected(slot);
}

void Sockets::continue_handshake(std::uint32_t slot) {
  Connection& connection = at(slot);
  TlsStream& tls = *connection.tls;
  const auto until = connection.has(at_end) ? TlsStream::Until::end : TlsStream::Until::empty;
  switch (tls.handshake(until)) {
    case TlsStream::Outcome::done:
      if (connection.has(outgoing)) events_.on_connected(slot);
      return;
    case TlsStream::Outcome::would_block:
      if (tls.wants_write()) arm_write(slot, connection);
      return;
    case TlsStream::Outcome::ended:
    case TlsStream::Outcome::failed: return drop_tls(slot, at(slot));
  }
}

void Sockets::became_writable(std::uint32_t slot) {
  Connection& connection = at(slot);
  if (connection.tls != nullptr) {
    const TlsStream::Outcome outcome = connection.tls->flush();
    if (outcome == TlsStream::Outcome::would_block) return;
    if (outcome != TlsStream::Outcome::done) return drop_tls(slot, connection);
  }
  connection.clear(blocked);
  if (connection.has(finishing)) return end_writing(connection);
  events_.on_writable(slot);
}

void Sockets::shutdown_write(std::uint32_t slot) {
  Connection* connection = live(slot);
  if (connection == nullptr || connection->has(finishing)) return;
  connection->set(finishing);
  if (connection->tls == nullptr || !connection->tls->has_unsent()) end_writing(*connection);
}

void Sockets::end_writing(Connection& connection) {
  if (connection.tls != nullptr) connection.tls->finish();
  ::shutdown(connection.fd, SHUT_WR);
}

void Sockets::close(std::uint32_t slot) {
  Connection* connection = live(slot);
  if (connection == nullptr) return;
  if (connection->tls != nullptr && !connection->has(finishing)) connection->tls->finish();
  release(*connection);
}

void Sockets::reset(std::uint32_t slot) {
  Connection* connection = live(slot);
  if (connection == nullptr) return;
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  release(*connection);
}

void Sockets::pause_reading(std::uint32_t slot) {
  if (Connection* connection = live(slot)) connection->set(paused);
}

void Sockets::resume_reading(std::uint32_t slot) {
  Connection* connection = live(slot);
  if (connection == nullptr) return;
  connection->clear(paused);
  if (!connection->has(unread)) return;
  connection->clear(unread);
  make_ready(slot, *connection);
}

void Sockets::make_ready(std::uint32_t slot, Connection& connection) {
  loop_.stay_awake();
  if (connection.has(on_ready_list)) return;
  connection.set(on_ready_list);
  ready_.push_back({slot, connection.fd, 0});
}

void Sockets::drop(std::uint32_t slot, Connection& connection, CloseReason reason, std::string_view detail) {
  if (reason == CloseReason::ended && connection.tls != nullptr && !connection.has(finishing)) connection.tls->finish();
  release(connection);
  events_.on_closed(slot, {reason, detail});
}

void Sockets::drop_errno(std::uint32_t slot, Connection& connection, int error) {
  drop(slot, connection, reason_of(error), std::strerror(error));
}

void Sockets::drop_aborted(std::uint32_t slot, Connection& connection) {
  const int error = socket_error(connection.fd);
  drop_errno(slot, connection, error != 0 ? error : ECONNRESET);
}

void Sockets::drop_tls(std::uint32_t slot, Connection& connection) {
  if (const int error = connection.tls->error_number(); error != 0) return drop_errno(slot, connection, error);
  ++counters_.tls_failures;
  const std::string detail = connection.tls->error_text();
  drop(slot, connection, CloseReason::tls_failed, detail);
}

void Sockets::release(Connection& connection) {
  delete connection.tls;
  Fd fd(connection.fd);
  if (loop_.in_turn()) closing_.push_back(std::move(fd));
  connection = {};
  --live_;
}

}  // namespace sparc::net
