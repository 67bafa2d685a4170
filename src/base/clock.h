#pragma once
// Time is a value that drivers hand in; nothing below server/ reads a system clock.

#include <cstdint>

namespace sparc {

/// The time of one turn of a loop. It does not move while the turn runs.
struct Now {
  std::int64_t monotonic_ms = 0;  // for durations, timers and deadlines
  std::int64_t wall_ms = 0;       // Unix time, for timestamps and token expiry
  std::uint16_t wall_us = 0;      // of that millisecond: 0 to 999
};

}  // namespace sparc
