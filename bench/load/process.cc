#include "load/process.h"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "load/options.h"

namespace bench {
namespace {

double share(std::uint64_t part_ns, std::uint64_t whole_ns) {
  return whole_ns == 0 ? 0.0 : static_cast<double>(part_ns) / static_cast<double>(whole_ns);
}

std::uint64_t kilobytes_after(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + key.size())) * 1024;
}

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

Cpu cpu_of(int pid) {
  Cpu sum;
  if (pid == 0) return sum;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    std::ifstream file(task.path() / "schedstat");
    std::uint64_t running = 0, waiting = 0;
    if (file >> running >> waiting) {
      sum.running_ns += running;
      sum.waiting_ns += waiting;
    }
  }
  if (error) give_up("the server's process " + std::to_string(pid) + " is gone");
  return sum;
}

Meter::Meter(int server_pid) : pid_(server_pid) { start(); }

void Meter::start() {
  server_begin_ = cpu_of(pid_);
  own_begin_ = cpu_of(getpid());
  begin_ns_ = now_ns();
}

void Meter::stop() {
  end_ns_ = now_ns();
  own_end_ = cpu_of(getpid());
  server_end_ = cpu_of(pid_);
}

double Meter::elapsed_s() const { return static_cast<double>(end_ns_ - begin_ns_) / 1e9; }
double Meter::server_busy() const { return share(server_ns(), end_ns_ - begin_ns_); }
double Meter::own_busy() const { return share(own_end_.running_ns - own_begin_.running_ns, end_ns_ - begin_ns_); }
double Meter::server_waited() const { return share(server_end_.waiting_ns - server_begin_.waiting_ns, end_ns_ - begin_ns_); }
double Meter::own_waited() const { return share(own_end_.waiting_ns - own_begin_.waiting_ns, end_ns_ - begin_ns_); }

Memory memory_of(int pid) {
  Memory memory;
  const std::string rollup = contents_of("/proc/" + std::to_string(pid) + "/smaps_rollup");
  memory.rss_bytes = kilobytes_after(rollup, "Rss:");
  memory.private_dirty_bytes = kilobytes_after(rollup, "Private_Dirty:");
  memory.slab_bytes = kilobytes_after(contents_of("/proc/meminfo"), "Slab:");
  const std::string sockets = contents_of("/proc/net/sockstat");
  const std::size_t tcp = sockets.find("TCP:");
  const std::size_t pages = sockets.find(" mem ", tcp);
  if (tcp != std::string::npos && pages != std::string::npos) memory.tcp_pages = std::stoull(sockets.substr(pages + 5));
  if (memory.rss_bytes == 0) give_up("no memory figures of process " + std::to_string(pid));
  return memory;
}

void pin_to_core(int core) {
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(core), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) give_up("cannot run on core " + std::to_string(core));
}

}  // namespace bench
