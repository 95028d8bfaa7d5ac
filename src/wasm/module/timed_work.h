#pragma once

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

/// Starts `work` on a detached thread with the compiler's stack and all signals blocked. Error:
/// `unavailable` when no thread can be made.
Expected<void> start_detached(std::function<void()> work);

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
  auto started = start_detached([job] {
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
  if (!started) {
    return std::move(started).error();
  }
  std::unique_lock lock(job->mutex);
  job->done.wait_until(lock, stop, deadline, [&] { return job->result.has_value(); });
  if (job->result) {
    return std::move(*job->result);
  }
  return stop.stop_requested()
             ? base::make_error(ErrorKind::cancelled,
                                "the run was cancelled while its module was compiled")
             : base::make_error(ErrorKind::timeout,
                                "the deadline passed while the module was compiled");
}

}  // namespace omnisandbox::wasm
