// Any mix of schedule, cancel and advance does what a sorted map would do. An operation is three bytes: what, and a float-like
// number (shift and mantissa), so that all levels of the wheel are met.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/timer_wheel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sparc::TimerId;
  using sparc::TimerWheel;
  std::int64_t now = 1'000;
  TimerWheel wheel(now);
  struct Known {
    TimerId id;
    std::int64_t deadline;
    bool pending;
  };
  std::vector<Known> timers;
  std::size_t pending = 0;
  for (std::size_t at = 0; at + 3 <= size; at += 3) {
    const std::int64_t number = std::int64_t{data[at + 2]} << (data[at + 1] % 32);
    if (data[at] % 3 == 0) {
      timers.push_back({wheel.schedule(number, timers.size()), now + std::max<std::int64_t>(number, 1), true});
      ++pending;
    } else if (data[at] % 3 == 1 && !timers.empty()) {
      Known& timer = timers[static_cast<std::size_t>(number) % timers.size()];
      if (wheel.cancel(timer.id) != timer.pending) std::abort();
      if (timer.pending) --pending;
      timer.pending = false;
    } else {
      now += number;
      std::int64_t last = 0;
      wheel.advance(now, [&](std::uint64_t token) {
        Known& timer = timers.at(token);
        if (!timer.pending || timer.deadline > now || timer.deadline < last) std::abort();
        last = timer.deadline;
        timer.pending = false;
        --pending;
      });
      for (const Known& timer : timers) {
        if (timer.pending && timer.deadline <= now) std::abort();
      }
    }
    if (wheel.size() != pending || wheel.next_deadline() <= now) std::abort();
  }
  return 0;
}
