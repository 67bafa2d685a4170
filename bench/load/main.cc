// bench-load: clients of a server under measurement, in a process and on a core of their own. See bench/README.md.

#include <sys/resource.h>

#include "load/dialect.h"
#include "load/modes.h"
#include "load/options.h"
#include "load/process.h"

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  bench::pin_to_core(static_cast<int>(options.number("core")));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const auto dialect = bench::make_dialect(options);
  const std::string& mode = options.mode();
  if (mode == "fanout" || mode == "burst") {
    bench::run_fan_out(options, *dialect);
  } else if (mode == "priority") {
    bench::run_priority(options, *dialect);
  } else if (mode == "echo" || mode == "rpc") {
    bench::run_round_trips(options, *dialect);
  } else if (mode == "handshake" || mode == "connect") {
    bench::run_handshakes(options, *dialect);
  } else if (mode == "idle") {
    bench::run_idle(options, *dialect);
  } else {
    bench::give_up("unknown mode " + mode);
  }
  return 0;
}
