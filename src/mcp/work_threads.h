#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace omnisandbox::mcp {

/// Threads for work that blocks, started when they are needed. Thread rule: all of it from any
/// thread, but `wait_until_idle` not from one of them.
class WorkThreads {
 public:
  WorkThreads(std::size_t max_threads, std::size_t max_waiting)
      : max_threads_(max_threads), max_waiting_(max_waiting) {}
  /// Waits for the jobs under way; those that wait are dropped.
  ~WorkThreads();
  WorkThreads(const WorkThreads&) = delete;
  WorkThreads& operator=(const WorkThreads&) = delete;

  /// False where too many wait already, or no thread can be had. `job` must not throw.
  bool submit(std::function<void()> job);

  /// Whether nothing runs or waits any more when it returns.
  bool wait_until_idle(std::chrono::steady_clock::time_point until);

 private:
  void work();

  const std::size_t max_threads_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable something_to_do_;
  std::condition_variable one_is_done_;
  std::deque<std::function<void()>> waiting_;  // guarded by mutex_
  std::size_t running_ = 0;                    // guarded by mutex_
  bool stopping_ = false;                      // guarded by mutex_
  std::vector<std::jthread> threads_;          // guarded by mutex_; last: they use the others
};

}  // namespace omnisandbox::mcp
