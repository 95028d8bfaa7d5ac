#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "linux/signals.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::cli {

/// Ends this process at the deadline, and soon after SIGINT or SIGTERM, whatever the main thread is
/// blocked in: a compile of minutes, a read of a file system that hangs, a standard input that
/// never ends. The main thread has `grace` to return with a proper result first, and after a first
/// signal the time that was set for it. Exactly one of the two prints: who claims the output.
class DeadlineGuard {
 public:
  /// Why the guard ends the process.
  enum class Cause : std::uint8_t { deadline, signal };
  /// What the guard knows when it ends the process.
  struct End {
    Cause cause{};
    std::chrono::steady_clock::time_point deadline{};
    int exit_code = 0;  ///< 124, or 128 and the signal
  };
  /// Prints what there is to say. Runs on the guard's thread, and may take `grace` too.
  using LastWords = std::function<void(const End&)>;

  /// A run that ends by itself at its deadline needs some milliseconds for that; a busy machine
  /// more.
  static constexpr std::chrono::milliseconds grace{250};

  /// Make it before any other thread.
  static Expected<std::unique_ptr<DeadlineGuard>> start(
      std::chrono::steady_clock::time_point deadline, LastWords last_words);
  ~DeadlineGuard();
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;

  void set_deadline(std::chrono::steady_clock::time_point deadline);
  std::chrono::steady_clock::time_point deadline() const;
  /// How long after a first signal the work may go on, for a command that is told to end and has
  /// things to put in order; the deadline still holds, and a second signal ends all at once.
  /// Nothing unless set.
  void set_signal_grace(std::chrono::milliseconds duration);
  /// Stopped at the first SIGINT or SIGTERM.
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// The first signal that came; 0: none.
  int signal() const noexcept { return signal_; }

  /// The caller alone prints from now on, without a deadline (a reader may take its time), but for
  /// a signal, which ends the process at once. Does not return when the guard was first.
  void claim_output();

 private:
  DeadlineGuard(linux_::SignalWaiter waiter, std::chrono::steady_clock::time_point deadline,
                LastWords last_words);
  void watch(const std::stop_token& done);
  void on_signal(int signal);
  /// Ends the process, unless the main thread has claimed the output.
  void end_process(Cause cause);

  linux_::SignalWaiter waiter_;
  LastWords last_words_;
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point deadline_;  // guarded by mutex_
  std::chrono::milliseconds signal_grace_{};        // guarded by mutex_
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::atomic<bool> claimed_{false};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace omnisandbox::cli
