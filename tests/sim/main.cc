// sparc-sim: runs the simulator for one seed or many, and prints the seed that breaks an invariant.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sim/world.h"

namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  std::size_t steps = 0;  // 0: as the plan says
  bool trace = false;
  bool keep_going = false;
};

constexpr std::string_view usage =
    "sparc-sim [--seed N] [--seeds COUNT] [--steps N] [--trace] [--keep-going]\n"
    "Runs a simulated node for COUNT seeds from N on. Exit code 1: an invariant does not hold for the seed that is printed.\n";

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--trace") {
      options.trace = true;
    } else if (flag == "--keep-going") {
      options.keep_going = true;
    } else if (i + 1 < argc && (flag == "--seed" || flag == "--seeds" || flag == "--steps")) {
      const auto value = std::strtoull(argv[++i], nullptr, 10);
      if (flag == "--seed") options.first = value;
      if (flag == "--seeds") options.seeds = value;
      if (flag == "--steps") options.steps = value;
    } else {
      return false;
    }
  }
  return true;
}

void add(sparc::sim::World::Totals& sum, const sparc::sim::World::Totals& one) {
  sum.publications += one.publications;
  sum.events += one.events;
  sum.losses_checked += one.losses_checked;
  sum.connects += one.connects;
  sum.recoveries += one.recoveries;
  sum.sends += one.sends;
  sum.missed += one.missed;
  sum.catch_ups += one.catch_ups;
  sum.errors += one.errors;
  sum.sessions += one.sessions;
  sum.upgrades += one.upgrades;
  sum.moves += one.moves;
  sum.socketio_events += one.socketio_events;
  sum.socketio_recoveries += one.socketio_recoveries;
  sum.asked += one.asked;
  sum.answered += one.answered;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::fputs(usage.data(), stderr);
    return 2;
  }
  sparc::sim::World::Totals sum;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = options.first; seed < options.first + options.seeds; ++seed) {
    sparc::sim::Plan plan = sparc::sim::Plan::of(seed);
    if (options.steps != 0) plan.steps = options.steps;
    sparc::sim::Trace trace;
    if (options.trace) {
      std::printf("%s\n", plan.text().c_str());
      trace = [](const std::string& line) { std::printf("%s\n", line.c_str()); };
    }
    sparc::sim::World world(plan, trace);
    try {
      world.run();
      add(sum, world.totals());
    } catch (const sparc::sim::Violation& violation) {
      ++failed;
      std::printf("seed %llu: %s\n  (%s)\n  sparc-sim --seed %llu --trace\n", static_cast<unsigned long long>(seed),
                  violation.what(), plan.text().c_str(), static_cast<unsigned long long>(seed));
      if (!options.keep_going) return 1;
    }
  }
  auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf(
      "%llu seeds, %llu failed: %llu publications, %llu events, %llu owed events checked, %llu connects, %llu recoveries, %llu "
      "sends, %llu catch-ups, %llu losses between shards, %llu errors\n",
      number(options.seeds), number(failed), number(sum.publications), number(sum.events), number(sum.losses_checked),
      number(sum.connects), number(sum.recoveries), number(sum.sends), number(sum.catch_ups), number(sum.missed),
      number(sum.errors));
  std::printf("Socket.IO: %llu sessions, %llu upgrades, %llu moves between shards, %llu events, %llu recoveries\n",
              number(sum.sessions), number(sum.upgrades), number(sum.moves), number(sum.socketio_events),
              number(sum.socketio_recoveries));
  std::printf("Services: %llu clients asked, %llu answered\n", number(sum.asked), number(sum.answered));
  return failed == 0 ? 0 : 1;
}
