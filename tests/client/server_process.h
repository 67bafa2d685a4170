#pragma once
// The real server as a child process, tokens for it, and events published over its HTTP API.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace sparc::client {

inline constexpr std::chrono::seconds deadline{60};  // of whatever is awaited: sanitizers and busy machines are slow

class ServerProcess {
 public:
  /// `at_port` 0: a free one. `certificate` and `key`: files, for TLS.
  explicit ServerProcess(std::uint16_t at_port = 0, const std::string& certificate = {}, const std::string& key = {}) {
    ::setenv("JWT_SECRET", "a secret of the client's tests, long enough", 1);
    ::setenv("WEBSOCKET_API_KEY", "key-of-the-clients-tests", 1);
    ::setenv("WEBSOCKET_DRAIN_MS", "300", 1);
    ::unsetenv("REDIS_URL");
    set_or_unset("WEBSOCKET_TLS_CERTIFICATE_FILE", certificate);
    set_or_unset("WEBSOCKET_TLS_KEY_FILE", key);
    const std::string number = std::to_string(at_port);
    int out = -1;
    pid_ = spawn({"serve", "--host", "127.0.0.1", "--port", number}, out);
    const std::string line = read_line(out);
    ::close(out);
    const auto at = line.find("\"port\":");
    if (at == std::string::npos) throw std::runtime_error("the server is not ready: " + line);
    port = static_cast<std::uint16_t>(std::atoi(line.c_str() + at + 7));
  }
  ~ServerProcess() { stop(); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  /// In order, as a deployment does it.
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the server ended with status " << status;
  }

  [[nodiscard]] std::string url() const { return "ws://127.0.0.1:" + std::to_string(port); }

  static std::string token(const std::string& user = "u1", const std::string& tenant = "t1") {
    return run({"token", "--user", user, "--tenant", tenant, "--roles", "operator"});
  }

  void publish(const std::string& ns, const std::string& room, const std::string& event, const std::string& data) const {
    const std::string body =
        R"({"namespace":")" + ns + R"(","room":")" + room + R"(","event":")" + event + R"(","data":)" + data + "}";
    const std::string answer = http("POST /api/v1/broadcast", body);
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 20")) << answer;
  }
  [[nodiscard]] std::string get(const std::string& path) const { return http("GET " + path, {}); }

  std::uint16_t port = 0;

 private:
  static const char* program() { return SPARC_WEBSOCKET_PROGRAM; }

  static void set_or_unset(const char* name, const std::string& value) {
    if (value.empty()) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value.c_str(), 1);
    }
  }

  static std::string read_line(int fd) {
    std::string line;
    char c = 0;
    pollfd ready{fd, POLLIN, 0};
    while (::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(deadline).count())) == 1 && ::read(fd, &c, 1) == 1 &&
           c != '\n') {
      line.push_back(c);
    }
    return line;
  }

  /// Not fork: this process has threads.
  static pid_t spawn(const std::vector<std::string>& arguments, int& output) {
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    std::vector<char*> argv{const_cast<char*>(program())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, program(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    output = out[0];
    if (error != 0) throw std::runtime_error(std::string("spawn ") + program() + ": " + std::strerror(error));
    return child;
  }

  static std::string run(const std::vector<std::string>& arguments) {
    int out = -1;
    const pid_t child = spawn(arguments, out);
    const std::string line = read_line(out);
    ::close(out);
    ::waitpid(child, nullptr, 0);
    return line;
  }

  [[nodiscard]] std::string http(const std::string& what, const std::string& body) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("connect");
    const std::string request =
        what +
        " HTTP/1.1\r\nHost: h\r\nX-API-Key: key-of-the-clients-tests\r\nContent-Type: application/json\r\nConnection: close\r\n" +
        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    (void)::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[16384];
    for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) answer.append(buffer, static_cast<std::size_t>(got));
    ::close(fd);
    return answer;
  }

  pid_t pid_ = 0;
};

/// What callbacks told, for a test that waits for it on another thread.
class Inbox {
 public:
  void add(std::string line) {
    {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::move(line));
    }
    changed_.notify_all();
  }
  /// The first `count` lines, as soon as they are there; fewer when the deadline passes.
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, deadline, [&] { return lines_.size() >= count; });
    return lines_;
  }
  bool wait_for(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return std::find(lines_.begin(), lines_.end(), line) != lines_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// The value of a future, or a failed test.
template <class T>
T value_of(std::future<T> future) {
  if (future.wait_for(deadline) != std::future_status::ready) throw std::runtime_error("not ready in time");
  return future.get();
}

}  // namespace sparc::client
