// The sending half of Sockets.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/socket.h"
#include "net/tls_stream.h"

namespace sparc::net {
namespace {

constexpr std::size_t pieces_max = 1024;  // the kernel's UIO_MAXIOV

}  // namespace

SendResult Sockets::send(std::uint32_t slot, const char* data, std::size_t size) {
  Connection* connection = live(slot);
  if (connection == nullptr || connection->has(failed | finishing)) return {0, SendStatus::closed};
  if (connection->has(blocked | connecting)) return block(slot, *connection, 0);
  if (connection->tls != nullptr) return send_tls(slot, *connection, data, size);
  ssize_t result = 0;
  do {
    result = ::send(connection->fd, data, size, MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return sent(slot, *connection, size, result, errno);
}

SendResult Sockets::sendv(std::uint32_t slot, std::span<const iovec> pieces) {
  Connection* connection = live(slot);
  if (connection == nullptr || connection->has(failed | finishing)) return {0, SendStatus::closed};
  if (connection->has(blocked | connecting)) return block(slot, *connection, 0);
  if (connection->tls != nullptr) return sendv_tls(slot, *connection, pieces);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = std::min(pieces.size(), pieces_max);
  std::size_t size = 0;
  for (const iovec& piece : pieces.first(message.msg_iovlen)) size += piece.iov_len;
  ssize_t result = 0;
  do {
    result = ::sendmsg(connection->fd, &message, MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return sent(slot, *connection, size, result, errno);
}

SendResult Sockets::sent(std::uint32_t slot, Connection& connection, std::size_t size, long result, int error) {
  ++counters_.sends;
  if (result >= 0) {
    const auto taken = static_cast<std::size_t>(result);
    counters_.bytes_sent += taken;
    return taken == size ? SendResult{taken, SendStatus::ready} : block(slot, connection, taken);
  }
  if (error == EAGAIN) return block(slot, connection, 0);
  mark_failed(slot, connection, error);
  return {0, SendStatus::closed};
}

SendResult Sockets::send_tls(std::uint32_t slot, Connection& connection, const char* data, std::size_t size) {
  if (!connection.tls->handshaken()) return block(slot, connection, 0);
  const TlsStream::Transfer transfer = connection.tls->write(data, size);
  ++counters_.sends;
  counters_.bytes_sent += transfer.bytes;
  if (transfer.outcome == TlsStream::Outcome::done) return {transfer.bytes, SendStatus::ready};
  if (transfer.outcome == TlsStream::Outcome::would_block) return block(slot, connection, transfer.bytes);
  mark_failed(slot, connection, connection.tls->error_number());
  return {transfer.bytes, SendStatus::closed};
}

// Small pieces share records: each record costs 22 bytes and a system call.
SendResult Sockets::sendv_tls(std::uint32_t slot, Connection& connection, std::span<const iovec> pieces) {
  if (!tls_gather_) tls_gather_ = std::make_unique<char[]>(TlsStream::record_bytes_max);
  SendResult result;
  std::size_t gathered = 0;
  for (const iovec& piece : pieces.first(std::min(pieces.size(), pieces_max))) {
    const char* data = static_cast<const char*>(piece.iov_base);
    for (std::size_t left = piece.iov_len; left != 0;) {
      const std::size_t part = std::min(left, TlsStream::record_bytes_max - gathered);
      std::memcpy(tls_gather_.get() + gathered, data, part);
      gathered += part;
      data += part;
      left -= part;
      if (gathered < TlsStream::record_bytes_max) break;
      const SendResult record = send_tls(slot, connection, tls_gather_.get(), gathered);
      result = {result.taken + record.taken, record.status};
      if (record.status != SendStatus::ready) return result;
      gathered = 0;
    }
  }
  if (gathered == 0) return result;
  const SendResult record = send_tls(slot, connection, tls_gather_.get(), gathered);
  return {result.taken + record.taken, record.status};
}

SendResult Sockets::block(std::uint32_t slot, Connection& connection, std::size_t taken) {
  if (!connection.has(blocked)) {
    connection.set(blocked);
    ++counters_.sends_blocked;
    if (!connection.has(connecting)) arm_write(slot, connection);
  }
  return {taken, connection.has(failed) ? SendStatus::closed : SendStatus::blocked};
}

void Sockets::arm_write(std::uint32_t slot, Connection& connection) {
  if (connection.has(write_armed)) return;
  constexpr std::uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (const int error = loop_.modify(connection.fd, slot, interest); error != 0) return mark_failed(slot, connection, error);
  connection.set(write_armed);
}

void Sockets::mark_failed(std::uint32_t slot, Connection& connection, int error) {
  if (connection.has(failed)) return;
  connection.set(failed);
  failed_.push_back({slot, connection.fd, error});
  loop_.stay_awake();
}

}  // namespace sparc::net
