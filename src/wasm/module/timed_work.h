#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "omnisandbox/expected.h"
#include "wasm/engine/slots.h"

/// Work that cannot be stopped, such as compiling, done on a thread of its own that its caller can
/// leave behind.
namespace omnisandbox::wasm {

/// A thread with the compiler's stack and all signals blocked: the program's handlers do not expect
/// to run on it. Where nobody joined it, it is left behind.
class WorkThread {
 public:
  /// Error: `unavailable` when no thread can be made.
  static Expected<WorkThread> start(std::function<void()> work);

  WorkThread(WorkThread&& other) noexcept;
  WorkThread& operator=(WorkThread&&) = delete;
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;
  ~WorkThread();

  /// Returns when the thread has ended. Once only.
  void join();

 private:
  explicit WorkThread(pthread_t thread) : thread_(thread) {}

  std::optional<pthread_t> thread_;
};

/// `work`'s result, or `timeout` or `cancelled` where the deadline or the stop came first: then it
/// goes on by itself, so it must own all that it uses. `place` is held as long as it does.
template <class T>
Expected<T> finish_until(std::function<Expected<T>()> work, Slots::Lease place,
                         std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& stop) {
  // Shared by the caller and the thread, as either may be the last to leave.
  struct Job {
    explicit Job(Slots::Lease job_place, std::function<Expected<T>()> job_work)
        : work(std::move(job_work)), place(std::move(job_place)) {}
    // In this order: the place is given back, and the result is freed, before the engine may go,
    // which `work` owns.
    std::function<Expected<T>()> work;
    Slots::Lease place;
    std::mutex mutex;
    std::condition_variable_any done;
    std::optional<Expected<T>> result;
  };
  const auto job = std::make_shared<Job>(std::move(place), std::move(work));
  auto thread = WorkThread::start([job] {
    Expected<T> result = base::make_error(ErrorKind::unavailable, "the module was not compiled");
    try {
      result = job->work();
    } catch (const std::exception& error) {
      result = base::make_error(ErrorKind::unavailable, "the module could not be compiled: {}",
                                base::printable(error.what()));
    }
    {
      const std::lock_guard lock(job->mutex);
      job->result = std::move(result);
    }
    job->done.notify_all();
  });
  if (!thread) {
    return std::move(thread).error();
  }
  std::unique_lock lock(job->mutex);
  if (job->done.wait_until(lock, stop, deadline, [&] { return job->result.has_value(); })) {
    lock.unlock();
    thread->join();  // what libraries keep for it is freed, even if the program ends right now
    return std::move(*job->result);
  }
  return stop.stop_requested()
             ? base::make_error(ErrorKind::cancelled,
                                "the run was cancelled while its module was compiled")
             : base::make_error(ErrorKind::timeout,
                                "the deadline passed while the module was compiled");
}

}  // namespace omnisandbox::wasm
