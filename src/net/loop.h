#pragma once
// One thread's turn: wait for the kernel, hand out what happened, flush once.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/fd.h"

namespace sparc::net {

inline constexpr std::int64_t no_deadline = INT64_MAX;

/// What the owner of a loop does in a turn.
class Turn {
 public:
  virtual ~Turn() = default;
  /// At most once a turn, before any socket's event, after one or more `wake()`: mailboxes are drained here.
  virtual void on_wake() = 0;
  /// Once a turn, after every event: timers and flushing. Returns the monotonic millisecond at which the next turn begins at the
  /// latest, `no_deadline` when only events matter.
  virtual std::int64_t end_of_turn() = 0;
};

/// Receives the events (EPOLLIN …) of a descriptor that is not in the table of connections.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_events(std::uint32_t events) = 0;
};

/// The table of connections of a loop (`Sockets`): its events carry slot and descriptor instead of a pointer.
class EventTable {
 public:
  virtual ~EventTable() = default;
  virtual void on_event(std::uint32_t slot, int fd, std::uint32_t events) = 0;
  /// Before the events: connections that still have bytes from an earlier turn.
  virtual void run_ready() = 0;
  /// After the owner's `end_of_turn`: descriptors are closed here and not earlier, so that no event of this turn can meet a new
  /// connection that was given the same number.
  virtual void finish_turn() = 0;
};

/// Edge-triggered epoll. A turn: wait · read the clock · on_wake · bytes left over from the last turn · events · end_of_turn · close
/// what was closed.
///
/// Thread: confined to the thread that runs it, but for `wake` and `stop`, which any thread and any signal handler may call.
class Loop {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Loop>> create();

  /// Runs turns until `stop()`.
  void run(Turn& turn);
  /// One turn; sleeps for at most `wait_ms` (-1: as long as the last turn's deadline allows).
  void run_once(Turn& turn, std::int64_t wait_ms);
  /// Before `run` too: then it runs no turn.
  void stop();
  [[nodiscard]] bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  /// One system call at most, and none when the loop is not asleep or a wake is under way.
  void wake();
  /// Read once per turn, after the wait; constant during the turn.
  [[nodiscard]] const Now& now() const { return now_; }
  /// The time of this moment, for measurements; decisions go by `now`.
  [[nodiscard]] static Now read_now();
  /// The next turn does not sleep: work is left.
  void stay_awake() { awake_ = true; }

  /// Level-triggered unless `events` has EPOLLET. The watcher must be unwatched before it dies. One registration per descriptor.
  [[nodiscard]] Result<void> watch(int fd, std::uint32_t events, Watcher& watcher);
  [[nodiscard]] Result<void> rewatch(int fd, std::uint32_t events);
  /// Before the descriptor is closed. No event reaches the watcher afterwards, not even of the current turn.
  void unwatch(int fd);
  /// For a watched watcher: calls `watcher.on_events(0)` in the first turn at or after `at_ms` (monotonic; 0: the next turn, without sleep).
  void again(Watcher& watcher, std::int64_t at_ms);

  // For the table of connections; one a loop.
  void set_table(EventTable* table) { table_ = table; }
  [[nodiscard]] bool in_turn() const { return in_turn_; }
  [[nodiscard]] int add(int fd, std::uint32_t slot, std::uint32_t events);     // errno, 0 on success
  void remove(int fd);                                                         // which stays open
  [[nodiscard]] int modify(int fd, std::uint32_t slot, std::uint32_t events);  // errno, 0 on success

 private:
  enum class Sleep : std::uint8_t { awake, asleep, signalled };
  struct Watch {
    int fd = -1;
    Watcher* watcher = nullptr;
  };
  struct Again {
    Watcher* watcher;
    std::int64_t at_ms;
  };

  Loop(Fd epoll, Fd event) : epoll_(std::move(epoll)), event_(std::move(event)) {}
  void read_clock();
  [[nodiscard]] int timeout_ms(std::int64_t wait_ms) const;
  void dispatch(std::uint64_t tag, std::uint32_t events);
  void run_again();
  [[nodiscard]] std::uint32_t index_of(int fd) const;

  Fd epoll_;
  Fd event_;
  Now now_;
  bool awake_ = false;
  bool in_turn_ = false;
  std::int64_t deadline_ms_ = no_deadline;
  std::atomic<Sleep> sleep_{Sleep::awake};
  std::atomic<bool> stopped_{false};
  EventTable* table_ = nullptr;  // not owned; outlives every turn
  std::vector<Watch> watches_;
  std::vector<std::uint32_t> free_watches_;      // usable now
  std::vector<std::uint32_t> released_watches_;  // usable after the turn
  std::vector<Again> again_;
};

}  // namespace sparc::net
