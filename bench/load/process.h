#pragma once
// What the kernel says about a process and about its sockets (Linux, /proc).

#include <cstdint>
#include <string>

namespace bench {

struct Cpu {
  std::uint64_t running_ns = 0;  // user and kernel, all threads
  std::uint64_t waiting_ns = 0;  // runnable, but the core was somebody else's
};

/// Sum over /proc/PID/task/*/schedstat. Threads that ended are missing from it. Zero for pid 0.
[[nodiscard]] Cpu cpu_of(int pid);

/// CPU that is spent and the time that passes, from construction on.
class Meter {
 public:
  explicit Meter(int server_pid);
  void start();
  void stop();

  [[nodiscard]] double elapsed_s() const;
  [[nodiscard]] std::uint64_t server_ns() const { return server_end_.running_ns - server_begin_.running_ns; }
  [[nodiscard]] double server_busy() const;
  [[nodiscard]] double own_busy() const;
  /// Share of the time in which the server or the generator wanted its core and did not have it.
  [[nodiscard]] double server_waited() const;
  [[nodiscard]] double own_waited() const;
  /// Whether the generator, and not the server, was what limited the result.
  [[nodiscard]] bool generator_was_the_limit() const { return own_busy() > 0.95 && server_busy() < 0.95; }

 private:
  int pid_;
  std::uint64_t begin_ns_ = 0, end_ns_ = 0;
  Cpu server_begin_, server_end_, own_begin_, own_end_;
};

struct Memory {
  std::uint64_t rss_bytes = 0;
  std::uint64_t private_dirty_bytes = 0;
  // Of the whole machine, so both ends of every loopback connection:
  std::uint64_t tcp_pages = 0;   // buffered data (sockstat)
  std::uint64_t slab_bytes = 0;  // the sockets themselves, with all else that the kernel keeps in slabs (meminfo)
};
[[nodiscard]] Memory memory_of(int pid);

/// CLOCK_MONOTONIC.
[[nodiscard]] std::uint64_t now_ns();

void pin_to_core(int core);

}  // namespace bench
