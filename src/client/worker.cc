#include "client/worker.h"

#include <csignal>
#include <utility>

namespace sparc::client {

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

Worker::~Worker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_one();
  if (!thread_.joinable()) return;
  if (on_thread()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Worker::post(Job job) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->changed.notify_one();
  if (!thread_.joinable()) thread_ = std::thread([state = state_] { run(state); });
}

void Worker::run(const std::shared_ptr<State>& state) {
  block_signals();
  std::unique_lock lock(state->mutex);
  while (!state->stopping) {
    if (state->jobs.empty()) {
      state->changed.wait(lock);
      continue;
    }
    Job job = std::move(state->jobs.front());
    state->jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace sparc::client
