#pragma once
// The library's thread: sockets, timers and the connections of all clients of the process.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/shared_connection.h"
#include "client/url.h"
#include "client/worker.h"
#include "net/loop.h"
#include "net/socket.h"
#include "net/system_entropy.h"
#include "net/tls.h"
#include "sparc/websocket/client_types.h"

namespace sparc::client {

class Channel;

/// Drives connections over the sockets of one loop. Everything but `post` and `stop` belongs to the thread that calls `run`.
class Engine final : private net::Turn, private net::SocketEvents {
 public:
  using Job = std::move_only_function<void()>;
  static constexpr std::size_t unsent_bytes_max = 16 * 1024 * 1024;  // of one connection; beyond it the server does not read
  static constexpr std::int64_t linger_ms = 1'000;                   // for the server's end after ours

  [[nodiscard]] static Result<std::unique_ptr<Engine>> create();
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Until `stop`; then what was said last still goes out, for at most `linger_ms`.
  void run();
  // Any thread.
  /// Runs `job` on the engine's thread; after the end of `run` it is dropped.
  void post(Job job);
  void stop();
  [[nodiscard]] bool on_worker() const { return worker_.on_thread(); }

  [[nodiscard]] const Now& now() const { return loop_->now(); }
  /// The connection for this URL and token, a new one where there is none. It lives as long as it has members.
  [[nodiscard]] Result<std::shared_ptr<SharedConnection>> connection(const websocket::ClientOptions& options);

 private:
  friend class Channel;
  struct Slot {
    std::weak_ptr<Channel> channel;
    LinkId link = 0;  // 0: free, or finishing
    bool connected = false;
    bool finishing = false;  // ends once all is sent
    bool ended = false;      // our side has
    std::int64_t linger_until_ms = 0;
    std::string out;       // not taken by the socket yet
    std::size_t sent = 0;  // of out
    std::vector<net::Address> addresses;
    std::size_t next_address = 0;
  };

  explicit Engine(std::unique_ptr<net::Loop> loop);
  void on_wake() override;
  std::int64_t end_of_turn() override;
  void on_bytes(std::uint32_t slot, std::string_view bytes) override;
  void on_writable(std::uint32_t slot) override;
  void on_closed(std::uint32_t slot, const net::Closing& closing) override;
  void on_connected(std::uint32_t slot) override;

  void open(const std::shared_ptr<Channel>& channel, LinkId link);
  void send(const Channel& channel, LinkId link, std::string bytes);
  void close(const Channel& channel, LinkId link);
  void ask_token(const std::shared_ptr<Channel>& channel);
  void connect_next(std::uint32_t slot);
  void flush(std::uint32_t slot);
  void finish(std::uint32_t slot);
  void release(std::uint32_t slot);
  void fail_later(std::uint32_t slot, std::string detail);
  [[nodiscard]] std::uint32_t take_slot();
  [[nodiscard]] std::uint32_t slot_of(const Channel& channel, LinkId link) const;
  void report_failures();
  void drop_unused();
  [[nodiscard]] std::int64_t run_timers();

  static constexpr std::uint32_t no_slot = UINT32_MAX;
  struct Failed {
    std::weak_ptr<Channel> channel;
    LinkId link;
    std::string detail;
  };

  std::unique_ptr<net::Loop> loop_;
  net::SystemEntropy entropy_;
  std::mutex jobs_mutex_;
  std::vector<Job> jobs_;
  bool closed_ = false;      // guarded by jobs_mutex_: run has ended
  bool stop_asked_ = false;  // guarded by jobs_mutex_
  bool stopping_ = false;
  std::int64_t stop_by_ms_ = 0;
  std::uint32_t attempts_ = 0;  // the address to begin with moves on with each
  std::map<std::string, std::shared_ptr<Channel>> channels_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<Failed> failed_;
  net::Sockets sockets_;
  Worker worker_;  // destroyed first: its jobs post here
};

/// The engine of this process and its thread, for as long as somebody holds it. The destructor waits for the thread, unless it runs
/// on a thread of the library.
class Runtime {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Runtime>> shared();
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] Engine& engine() const { return *engine_; }

 private:
  explicit Runtime(std::shared_ptr<Engine> engine);

  std::shared_ptr<Engine> engine_;  // shared with the thread
  std::thread thread_;
};

}  // namespace sparc::client
