#include <algorithm>

#include "load/modes.h"
#include "load/pool.h"
#include "load/process.h"
#include "load/report.h"

namespace bench {
namespace {

constexpr std::uint32_t warm_up_handshakes = 200;

}  // namespace

void run_handshakes(const Options& options, const Dialect& dialect) {
  const auto count = static_cast<std::uint32_t>(options.number("connections"));
  Pool pool(options, dialect);
  pool.on_message([&](std::uint32_t client, std::string_view message) { pool.on_control(client, message); });
  pool.open(Role::subscriber, warm_up_handshakes);
  pool.poll_for(0.3);
  Meter meter(static_cast<int>(options.number("pid")));
  pool.open(Role::subscriber, count);
  meter.stop();
  if (options.mode() == "connect") pool.poll_for(options.real("duration"));
  Report report;
  report.add("mode", options.mode());
  report.add("connections", std::uint64_t{count});
  report.add("handshakes_per_s", count / meter.elapsed_s());
  report.add("us_per_handshake", static_cast<double>(meter.server_ns()) / 1e3 / count);
  report.add(meter);
  report.print();
}

void run_idle(const Options& options, const Dialect& dialect) {
  const auto first = static_cast<std::uint32_t>(options.number("first"));
  const auto all = static_cast<std::uint32_t>(options.number("connections"));
  const int pid = static_cast<int>(options.number("pid"));
  if (all <= first) give_up("--connections must be more than --first");
  Pool pool(options, dialect);
  pool.on_message([&](std::uint32_t client, std::string_view message) { pool.on_control(client, message); });
  pool.open(Role::subscriber, first);
  pool.poll_for(options.real("settle"));
  const Memory before = memory_of(pid);
  pool.open(Role::subscriber, all - first);
  pool.poll_for(options.real("settle"));
  const Memory after = memory_of(pid);

  const auto each = [&](std::uint64_t from, std::uint64_t to) {
    return (static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(all - first);
  };
  Report report;
  report.add("mode", options.mode());
  report.add("first", std::uint64_t{first});
  report.add("connections", std::uint64_t{all});
  report.add("rss_bytes_first", before.rss_bytes);
  report.add("rss_bytes", after.rss_bytes);
  report.add("bytes_per_connection", each(before.rss_bytes, after.rss_bytes));
  report.add("private_dirty_per_connection", each(before.private_dirty_bytes, after.private_dirty_bytes));
  report.add("kernel_tcp_bytes_per_connection", each(before.tcp_pages, after.tcp_pages) * 4096);
  report.add("kernel_slab_bytes_per_connection", each(before.slab_bytes, after.slab_bytes));
  report.print();
}

}  // namespace bench
