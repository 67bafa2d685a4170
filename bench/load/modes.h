#pragma once
// Each mode connects, loads, measures and prints one line of JSON.

#include "load/dialect.h"
#include "load/options.h"

namespace bench {

/// fanout and burst: a publisher, N subscribers.
void run_fan_out(const Options& options, const Dialect& dialect);
/// An urgent publication while a long fan-out runs.
void run_priority(const Options& options, const Dialect& dialect);
/// echo and rpc: messages and their answers on each connection.
void run_round_trips(const Options& options, const Dialect& dialect);
/// handshake: CPU and rate of becoming ready; connect: the same, then the connections are held for --duration.
void run_handshakes(const Options& options, const Dialect& dialect);
/// Memory at --first and at --connections.
void run_idle(const Options& options, const Dialect& dialect);

}  // namespace bench
