#include "load/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "load/process.h"
#include "load/wire.h"

namespace bench {
namespace {

constexpr std::size_t buffer_bytes = 1 << 20;
constexpr std::uint64_t stalled_ns = 60'000'000'000;

[[noreturn]] void give_up_errno(const std::string& what) { give_up(what + ": " + std::strerror(errno)); }

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) give_up("not an IPv4 address: " + host);
  return address;
}

void set(int fd, int level, int option, int value) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0) give_up_errno("setsockopt");
}

}  // namespace

Pool::Pool(const Options& options, const Dialect& dialect)
    : dialect_(dialect),
      host_(options.text("host") + ":" + options.text("port")),
      server_(address_of(options.text("host"), static_cast<std::uint16_t>(options.number("port")))),
      sources_(static_cast<std::uint32_t>(options.number("sources"))),
      concurrency_(static_cast<std::uint32_t>(options.number("concurrency"))),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      polling_(dialect, host_),
      buffer_(buffer_bytes) {
  if (epoll_ < 0) give_up_errno("epoll_create1");
  if (sources_ == 0 || concurrency_ == 0) give_up("--sources and --concurrency are at least 1");
}

Pool::~Pool() {
  for (std::uint32_t id = 0; id < clients_.size(); ++id) close(id);
  ::close(epoll_);
}

std::uint32_t Pool::open(Role role, std::uint32_t count) {
  const auto first = static_cast<std::uint32_t>(clients_.size());
  const std::uint32_t ready_before = ready_;
  clients_.reserve(clients_.size() + count);
  std::uint64_t progress = now_ns();
  std::uint32_t started = 0;
  while (ready_ - ready_before < count) {
    const std::uint32_t done = ready_ - ready_before;
    while (started < count && started - done < concurrency_) connect_one(role, started++);
    poll(1'000'000'000);
    if (ready_ - ready_before != done) progress = now_ns();
    if (now_ns() - progress > stalled_ns)
      give_up("connections do not become ready: " + std::to_string(done) + " of " + std::to_string(count));
  }
  return first;
}

void Pool::connect_one(Role role, std::uint32_t index) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up_errno("socket");
  const auto id = static_cast<std::uint32_t>(clients_.size());
  set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + id % sources_);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) give_up_errno("bind to a source address");
  if (role != Role::subscriber || dialect_.polls(role)) set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (role == Role::publisher) set(fd, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) != 0 && errno != EINPROGRESS)
    give_up_errno("connect");
  clients_.push_back({.fd = fd, .index = index, .role = role});
  // Edge-triggered, so EPOLLOUT costs nothing once connected: it comes again only after a send that the socket refused.
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u32 = id}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) give_up_errno("epoll_ctl");
}

void Pool::poll_for(double seconds) {
  const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  for (std::uint64_t now = now_ns(); now < end; now = now_ns()) poll(end - now);
}

void Pool::poll(std::uint64_t timeout_ns) {
  epoll_event events[512];
  const timespec timeout{.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000),
                         .tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000)};
  const int count = epoll_pwait2(epoll_, events, 512, &timeout, nullptr);
  if (count < 0 && errno != EINTR) give_up_errno("epoll_pwait2");
  for (int i = 0; i < count; ++i) {
    const std::uint32_t id = events[i].data.u32;
    if (clients_[id].phase == Phase::connecting) on_connected(id, (events[i].events & (EPOLLERR | EPOLLHUP)) == 0);
    if ((events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) on_readable(id);
  }
}

void Pool::on_connected(std::uint32_t id, bool succeeded) {
  Client& client = clients_[id];
  if (!succeeded) give_up("the server refused a connection");
  if (dialect_.polls(client.role)) {
    client.phase = Phase::opening;
    return send(id, polling_.open(id, client.role, client.index));
  }
  client.phase = Phase::upgrading;
  out_ = "GET ";
  out_.append(dialect_.path(client.role)).append(" HTTP/1.1\r\nHost: ").append(host_);
  out_.append(
      "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  out_.append(dialect_.headers(client.role, client.index)).append("\r\n");
  send(id, out_);
}

void Pool::on_readable(std::uint32_t id) {
  for (;;) {
    Client& client = clients_[id];
    if (client.phase == Phase::closed) return;
    const std::size_t kept = client.unread.size();
    if (kept > buffer_bytes / 2) give_up("a frame of more than " + std::to_string(buffer_bytes / 2) + " bytes");
    std::memcpy(buffer_.data(), client.unread.data(), kept);
    const ssize_t got = recv(client.fd, buffer_.data() + kept, buffer_bytes - kept, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0)
      give_up(client.phase == Phase::ready ? "the server closed a connection"
                                           : "the server closed a connection during the handshake");
    read_ns_ = now_ns();
    ++reads_;
    bytes_read_ += static_cast<std::uint64_t>(got);
    const std::string_view bytes(buffer_.data(), kept + static_cast<std::size_t>(got));
    const std::size_t used = on_bytes(id, bytes);
    if (used < bytes.size()) {
      clients_[id].unread.assign(bytes.substr(used));
    } else if (kept != 0) {
      std::string().swap(clients_[id].unread);
    }
    if (static_cast<std::size_t>(got) < buffer_bytes - kept) return;
  }
}

std::size_t Pool::on_bytes(std::uint32_t id, std::string_view bytes) {
  if (dialect_.polls(clients_[id].role)) return on_poll_answers(id, bytes);
  std::size_t used = 0;
  if (clients_[id].phase == Phase::upgrading) {
    used = on_upgrade_answer(id, bytes);
    if (used == 0) return 0;
  }
  while (used < bytes.size()) {
    const ServerFrame frame = parse_server_frame(bytes.substr(used));
    if (frame.size == 0) break;
    used += frame.size;
    if (!frame.final || frame.opcode == Opcode::continuation) give_up("the server fragments messages: not supported");
    if (frame.opcode == Opcode::close) {
      const std::string_view reason = frame.payload.size() > 2 ? frame.payload.substr(2) : std::string_view{};
      give_up("the server closed: " + std::string(reason));
    }
    if (frame.opcode == Opcode::ping) {
      std::string pong;
      append_client_frame(pong, Opcode::pong, frame.payload);
      send(id, pong);
    } else if (clients_[id].phase == Phase::ready) {
      on_message_(id, frame.payload);
    } else {
      on_control(id, frame.payload);
    }
  }
  return used;
}

std::size_t Pool::on_poll_answers(std::uint32_t id, std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const HttpAnswer answer = parse_http_answer(bytes.substr(used));
    if (answer.size == 0) break;
    used += answer.size;
    if (answer.status != 200)
      give_up("a poll was answered with " + std::to_string(answer.status) + ": " + std::string(answer.body.substr(0, 400)));
    for (std::string_view packets = polling_.packets_of(id, answer.body); !packets.empty();) {
      const std::string_view packet = first_packet(packets);
      packets.remove_prefix(std::min(packet.size() + 1, packets.size()));
      if (clients_[id].phase == Phase::ready) {
        on_message_(id, packet);
      } else {
        on_control(id, packet);
      }
    }
    send(id, polling_.next_request(id));
  }
  return used;
}

std::size_t Pool::on_upgrade_answer(std::uint32_t id, std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  if (!bytes.starts_with("HTTP/1.1 101")) give_up("the upgrade was refused: " + std::string(bytes.substr(0, bytes.find('\r'))));
  Client& client = clients_[id];
  client.phase = Phase::opening;
  const std::string opening = dialect_.opening(client.role, client.index);
  if (!opening.empty()) send_message(id, opening);
  if (dialect_.ready_when_upgraded(client.role)) become_ready(client);
  return end + 4;
}

void Pool::on_control(std::uint32_t id, std::string_view message) {
  Client& client = clients_[id];
  const Heard heard = dialect_.hear(client.role, message);
  if (heard == Heard::error) give_up("the server answered: " + std::string(message.substr(0, 400)));
  const std::string answer = dialect_.answer(client.role, client.index, message);
  if (!answer.empty()) send_message(id, answer);
  if (heard == Heard::gap) announced_ += dialect_.announced(message);
  if (heard == Heard::ready) become_ready(client);
}

void Pool::become_ready(Client& client) {
  if (client.phase == Phase::ready) return;
  client.phase = Phase::ready;
  ++ready_;
}

void Pool::send_message(std::uint32_t client, std::string_view text) {
  if (dialect_.polls(clients_[client].role)) return polling_.post(text);
  std::string frame;
  append_client_frame(frame, Opcode::text, text);
  send(client, frame);
}

void Pool::send(std::uint32_t client, std::string_view bytes) {
  const int fd = clients_[client].fd;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&waiting, 1, 10'000) == 0) give_up("the server does not read");
    } else if (errno != EINTR) {
      give_up_errno("send");
    }
  }
}

void Pool::close(std::uint32_t client) {
  Client& c = clients_[client];
  if (c.phase == Phase::closed) return;
  c.phase = Phase::closed;
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::close(c.fd);
}

}  // namespace bench
