#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// Ends a run in time while the thread that supervises it is held up in a callback of somebody's:
/// at its deadline, or when it was told to stop and has had its grace.
class TimelyEnd {
 public:
  enum class Cause : std::uint8_t { none, deadline, stop };

  /// `end` is called at most once, on a thread of its own; the destructor waits for it. Error:
  /// `limit` where no thread can be had.
  static Expected<std::unique_ptr<TimelyEnd>> watch(std::function<void()> end,
                                                    std::chrono::steady_clock::time_point deadline,
                                                    std::stop_token stop,
                                                    std::chrono::milliseconds stop_grace);
  ~TimelyEnd();
  TimelyEnd(const TimelyEnd&) = delete;
  TimelyEnd& operator=(const TimelyEnd&) = delete;

  /// Why it has ended the run. From any thread.
  Cause cause() const noexcept { return cause_; }

 private:
  TimelyEnd(std::function<void()> end, std::chrono::steady_clock::time_point deadline,
            std::stop_token stop, std::chrono::milliseconds stop_grace);
  void wait(const std::stop_token& done);
  void stop_was_requested();

  const std::function<void()> end_;
  const std::stop_token stop_;
  const std::chrono::milliseconds stop_grace_;
  std::atomic<Cause> cause_{Cause::none};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::chrono::steady_clock::time_point until_;  // guarded by mutex_
  Cause next_ = Cause::deadline;                 // guarded by mutex_
  std::jthread thread_;
  // Last: it uses the others.
  std::unique_ptr<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace omnisandbox::linux_
