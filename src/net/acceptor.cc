#include "net/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sparc::net {
namespace {

constexpr int accepts_of_one_turn = 64;
constexpr std::int64_t no_descriptor_wait_ms = 100;

std::string describe(int error, const Address& at) {
  const std::string place = at.to_string();
  if (error == EADDRINUSE) {
    return "cannot listen on " + place + ": port " + std::to_string(at.port()) +
           " is already in use by another process; stop that process or choose another port";
  }
  if (error == EACCES) return "cannot listen on " + place + ": ports below 1024 need the capability CAP_NET_BIND_SERVICE";
  if (error == EADDRNOTAVAIL) return "cannot listen on " + place + ": no interface of this machine has that address";
  return "cannot listen on " + place + ": " + std::strerror(error);
}

int set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : errno;
}

// errno, 0 on success.
int bind_and_listen(int fd, const Address& at, const ListenOptions& options) {
  const bool join = options.sharing == ListenOptions::Port::join;
  if (const int error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1); error != 0) return error;
  if (join) {
    if (const int error = set(fd, SOL_SOCKET, SO_REUSEPORT, 1); error != 0) return error;
  }
  if (!at.is_v4()) {
    if (const int error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0); error != 0) return error;
  }
  sockaddr_storage address;
  const socklen_t length = at.to_sockaddr(address);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) return errno;
  // Only now: bound with it, the first socket would silently share the port with whoever has it and allows that.
  if (!join) {
    if (const int error = set(fd, SOL_SOCKET, SO_REUSEPORT, 1); error != 0) return error;
  }
  if (const int error = set(fd, IPPROTO_TCP, TCP_NODELAY, 1); error != 0) return error;
  if (options.notsent_bytes != 0) {
    if (const int error = set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(options.notsent_bytes)); error != 0)
      return error;
  }
  return ::listen(fd, options.backlog) == 0 ? 0 : errno;
}

Fd open_spare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::open(Loop& loop, AcceptEvents& events, const ListenOptions& options) {
  const auto at = Address::parse(options.host == "localhost" ? "127.0.0.1" : options.host, options.port);
  if (!at) return fail("cannot listen on '" + options.host + "': not a numeric IP address (0.0.0.0 or :: for all)");
  Fd fd(::socket(at->is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail(describe(errno, *at));
  if (const int error = bind_and_listen(fd.get(), *at, options); error != 0) return fail(describe(error, *at));
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) return fail(describe(errno, *at));
  const Address address = Address::from_sockaddr(reinterpret_cast<const sockaddr&>(bound));

  const int listener = fd.get();
  std::unique_ptr<Acceptor> acceptor(new Acceptor(loop, events, std::move(fd), address));
  // Level-triggered: what a turn leaves in the backlog is reported again.
  if (auto watched = loop.watch(listener, EPOLLIN, *acceptor); !watched) {
    acceptor->fd_.reset();
    return std::unexpected(watched.error());
  }
  return acceptor;
}

Acceptor::Acceptor(Loop& loop, AcceptEvents& events, Fd fd, Address address)
    : loop_(loop), events_(events), fd_(std::move(fd)), spare_(open_spare()), address_(address) {}

void Acceptor::pause() {
  if (!fd_ || std::exchange(paused_, true)) return;
  (void)loop_.rewatch(fd_.get(), 0);
}

void Acceptor::resume() {
  if (!fd_ || !std::exchange(paused_, false)) return;
  (void)loop_.rewatch(fd_.get(), EPOLLIN);
}

void Acceptor::close() {
  if (!fd_) return;
  loop_.unwatch(fd_.get());
  fd_.reset();
}

void Acceptor::on_events(std::uint32_t events) {
  if (events == 0) {  // the wait for descriptors is over
    if (!paused_) (void)loop_.rewatch(fd_.get(), EPOLLIN);
    return;
  }
  for (int i = 0; i < accepts_of_one_turn && fd_ && !paused_; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    Fd connection(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      ++counters_.accepted;
      events_.on_accept(*this, std::move(connection), Address::from_sockaddr(reinterpret_cast<const sockaddr&>(from)));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) return;
    if (error == EINTR || error == ECONNABORTED) continue;
    if ((error == EMFILE || error == ENFILE) && refuse_one()) continue;
    ++counters_.failed;
    // Nothing can be accepted now, and the listener stays readable: without a pause the loop would spin.
    (void)loop_.rewatch(fd_.get(), 0);
    loop_.again(*this, loop_.now().monotonic_ms + no_descriptor_wait_ms);
    return;
  }
}

// Another thread may take the descriptor in between; then the spare is gone until the next try.
bool Acceptor::refuse_one() {
  if (!spare_) spare_ = open_spare();
  if (!spare_) return false;
  spare_.reset();
  Fd refused(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool none_waiting = !refused && errno == EAGAIN;
  const bool taken = static_cast<bool>(refused);
  if (taken) ++counters_.refused;
  refused.reset();
  spare_ = open_spare();
  return taken || none_waiting;
}

}  // namespace sparc::net
