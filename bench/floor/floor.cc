// bench-floor: the least a server can do. It accepts connections, answers each upgrade with bytes prepared beforehand, and passes
// on what the connection of /publish sends: every `--batch` frames of `--frame` bytes in one plain send() per subscriber. It checks
// nothing, parses nothing and allocates nothing per delivery.
//
// bench-floor [--batch K] [--frame BYTES]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

enum class Kind : unsigned char { closed, upgrading, subscriber, publisher };

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench-floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// The answer to the key dGhlIHNhbXBsZSBub25jZQ== of RFC 6455, section 1.3, which the generator always sends.
constexpr std::string_view upgraded =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

class Floor {
 public:
  Floor(std::size_t batch, std::size_t frame_bytes) : block_bytes_(batch * frame_bytes), block_(1 << 20), buffer_(1 << 16) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
    if (listen(listener_, 4096) != 0) die("listen");
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    epoll_ = epoll_create1(0);
    watch(listener_);
    std::printf("{\"event\":\"listening\",\"port\":%u}\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    epoll_event events[512];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 512, -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_) {
          accept_all();
        } else {
          on_readable(events[i].data.fd);
        }
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) {
        if (errno == EAGAIN) return;
        die("accept");
      }
      if (static_cast<std::size_t>(fd) >= kinds_.size()) kinds_.resize(static_cast<std::size_t>(fd) * 2, Kind::closed);
      kinds_[static_cast<std::size_t>(fd)] = Kind::upgrading;
      watch(fd);
    }
  }

  void on_readable(int fd) {
    Kind& kind = kinds_[static_cast<std::size_t>(fd)];
    const bool collects = kind == Kind::publisher;
    std::vector<char>& buffer = collects ? block_ : buffer_;
    for (std::size_t at = collects ? collected_ : 0;;) {
      const ssize_t got = recv(fd, buffer.data() + at, buffer.size() - at, 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return close_one(fd);
      at += static_cast<std::size_t>(got);
      if (collects) {
        at = pass_on(at);
      } else {
        if (kind == Kind::upgrading) upgrade(fd, kind, std::string_view(buffer_.data(), at));
        at = 0;
      }
    }
  }

  void upgrade(int fd, Kind& kind, std::string_view request) {
    kind = request.starts_with("GET /publish") ? Kind::publisher : Kind::subscriber;
    if (kind == Kind::subscriber) subscribers_.push_back(fd);
    send_whole(fd, upgraded.data(), upgraded.size());
  }

  /// Sends whole blocks out of the first `size` bytes; returns how many bytes are left at the front.
  std::size_t pass_on(std::size_t size) {
    std::size_t used = 0;
    for (; size - used >= block_bytes_; used += block_bytes_) {
      for (const int fd : subscribers_) send_whole(fd, block_.data() + used, block_bytes_);
    }
    std::memmove(block_.data(), block_.data() + used, size - used);
    return collected_ = size - used;
  }

  static void send_whole(int fd, const char* bytes, std::size_t size) {
    if (::send(fd, bytes, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) die("a send that was not taken whole");
  }

  void close_one(int fd) {
    kinds_[static_cast<std::size_t>(fd)] = Kind::closed;
    std::erase(subscribers_, fd);
    ::close(fd);
  }

  std::size_t block_bytes_;
  std::size_t collected_ = 0;  // bytes of an incomplete block, at the front of block_
  std::vector<char> block_;    // what the publisher sent
  std::vector<char> buffer_;   // what anybody else sent
  std::vector<Kind> kinds_;    // by descriptor
  std::vector<int> subscribers_;
  int listener_ = -1;
  int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t batch = 1, frame = 204;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    (name == "--batch" ? batch : frame) = std::strtoul(argv[i + 1], nullptr, 10);
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Floor(batch, frame).run();
}
