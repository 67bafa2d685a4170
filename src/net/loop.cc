#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

namespace sparc::net {
namespace {

// An event's tag: a connection's is its descriptor (31 bits) above its slot; the top bit marks the others.
constexpr std::uint64_t watch_bit = std::uint64_t{1} << 63;
constexpr std::uint64_t wake_tag = UINT64_MAX;
constexpr int events_of_one_wait = 512;

std::int64_t milliseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

std::uint64_t connection_tag(int fd, std::uint32_t slot) { return (std::uint64_t(fd) << 32) | slot; }

int control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : errno;
}

Error system_error(const char* what, int error) { return Error{std::string(what) + ": " + std::strerror(error)}; }

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(system_error("cannot create an epoll instance", errno));
  Fd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return std::unexpected(system_error("cannot create an eventfd", errno));
  if (const int error = control(epoll.get(), EPOLL_CTL_ADD, event.get(), EPOLLIN | EPOLLET, wake_tag); error != 0) {
    return std::unexpected(system_error("cannot watch the eventfd", error));
  }
  std::unique_ptr<Loop> loop(new Loop(std::move(epoll), std::move(event)));
  loop->read_clock();
  return loop;
}

void Loop::run(Turn& turn) {
  while (!stopped()) run_once(turn, -1);
}

void Loop::run_once(Turn& turn, std::int64_t wait_ms) {
  int timeout = timeout_ms(wait_ms);
  awake_ = false;
  if (timeout != 0) {
    Sleep expected = Sleep::awake;
    if (!sleep_.compare_exchange_strong(expected, Sleep::asleep)) timeout = 0;
  }
  std::array<epoll_event, events_of_one_wait> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events_of_one_wait, timeout);
  assert(count >= 0 || errno == EINTR);
  const bool woken = sleep_.exchange(Sleep::awake) == Sleep::signalled;
  read_clock();
  if (count == events_of_one_wait) awake_ = true;

  in_turn_ = true;
  if (woken) turn.on_wake();
  if (table_ != nullptr) table_->run_ready();
  for (int i = 0; i < count; ++i)
    dispatch(events[static_cast<std::size_t>(i)].data.u64, events[static_cast<std::size_t>(i)].events);
  run_again();
  deadline_ms_ = turn.end_of_turn();
  if (table_ != nullptr) table_->finish_turn();
  in_turn_ = false;
  free_watches_.insert(free_watches_.end(), released_watches_.begin(), released_watches_.end());
  released_watches_.clear();
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_release);
  wake();
}

// The eventfd is edge-triggered and never read: each write is a new edge. Only the one that finds the loop asleep writes.
void Loop::wake() {
  if (sleep_.exchange(Sleep::signalled) != Sleep::asleep) return;
  const int error = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
  assert(written == sizeof one);
  errno = error;
}

Result<void> Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  std::uint32_t index = 0;
  if (free_watches_.empty()) {
    index = static_cast<std::uint32_t>(watches_.size());
    watches_.emplace_back();
  } else {
    index = free_watches_.back();
    free_watches_.pop_back();
  }
  if (const int error = control(epoll_.get(), EPOLL_CTL_ADD, fd, events, watch_bit | index); error != 0) {
    free_watches_.push_back(index);
    return std::unexpected(system_error("cannot watch a descriptor", error));
  }
  watches_[index] = {fd, &watcher};
  return {};
}

Result<void> Loop::rewatch(int fd, std::uint32_t events) {
  const int error = control(epoll_.get(), EPOLL_CTL_MOD, fd, events, watch_bit | index_of(fd));
  if (error != 0) return std::unexpected(system_error("cannot change what is watched of a descriptor", error));
  return {};
}

void Loop::unwatch(int fd) {
  const std::uint32_t index = index_of(fd);
  control(epoll_.get(), EPOLL_CTL_DEL, fd, 0, 0);
  for (Again& entry : again_) {
    if (entry.watcher == watches_[index].watcher) entry.watcher = nullptr;
  }
  watches_[index] = {};
  released_watches_.push_back(index);
}

void Loop::again(Watcher& watcher, std::int64_t at_ms) {
  again_.push_back({&watcher, at_ms});
  if (at_ms <= now_.monotonic_ms) awake_ = true;
}

int Loop::add(int fd, std::uint32_t slot, std::uint32_t events) {
  return control(epoll_.get(), EPOLL_CTL_ADD, fd, events, connection_tag(fd, slot));
}

void Loop::remove(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

int Loop::modify(int fd, std::uint32_t slot, std::uint32_t events) {
  return control(epoll_.get(), EPOLL_CTL_MOD, fd, events, connection_tag(fd, slot));
}

Now Loop::read_now() {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  return {milliseconds(CLOCK_MONOTONIC), wall.tv_sec * 1000 + wall.tv_nsec / 1'000'000,
          static_cast<std::uint16_t>(wall.tv_nsec / 1000 % 1000)};
}

void Loop::read_clock() { now_ = read_now(); }

int Loop::timeout_ms(std::int64_t wait_ms) const {
  if (awake_ || wait_ms == 0) return 0;
  std::int64_t deadline = deadline_ms_;
  for (const Again& entry : again_) deadline = std::min(deadline, entry.at_ms);
  std::int64_t wait = wait_ms < 0 ? INT_MAX : wait_ms;
  if (deadline != no_deadline) wait = std::min(wait, std::max<std::int64_t>(0, deadline - milliseconds(CLOCK_MONOTONIC)));
  if (wait >= INT_MAX) return wait_ms < 0 && deadline == no_deadline ? -1 : INT_MAX;
  return static_cast<int>(wait);
}

void Loop::dispatch(std::uint64_t tag, std::uint32_t events) {
  if (tag == wake_tag) return;
  if ((tag & watch_bit) == 0) {
    if (table_ != nullptr) table_->on_event(static_cast<std::uint32_t>(tag), static_cast<int>(tag >> 32), events);
    return;
  }
  Watcher* watcher = watches_[static_cast<std::uint32_t>(tag)].watcher;
  if (watcher != nullptr) watcher->on_events(events);
}

void Loop::run_again() {
  // A watcher may ask again, or be unwatched, while this runs: what is asked now waits for the next turn.
  const std::size_t count = again_.size();
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (again_[i].at_ms > now_.monotonic_ms) continue;
    if (Watcher* watcher = std::exchange(again_[i].watcher, nullptr)) watcher->on_events(0);
  }
  std::erase_if(again_, [](const Again& entry) { return entry.watcher == nullptr; });
}

std::uint32_t Loop::index_of(int fd) const {
  const auto found = std::find_if(watches_.begin(), watches_.end(), [fd](const Watch& watch) { return watch.fd == fd; });
  assert(found != watches_.end());
  return static_cast<std::uint32_t>(found - watches_.begin());
}

}  // namespace sparc::net
