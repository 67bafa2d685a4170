#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace sparc::client {

/// One thread for what may block: names to resolve, tokens to ask for. Started with its first job; jobs run one after the other.
/// The destructor waits for the job under way, unless it is that job that destroys it; waiting jobs are dropped.
class Worker {
 public:
  using Job = std::move_only_function<void()>;

  Worker() = default;
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void post(Job job);
  [[nodiscard]] bool on_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool stopping = false;
  };
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

/// Signals go to the application's threads.
void block_signals();

}  // namespace sparc::client
