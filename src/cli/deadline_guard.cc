#include "cli/deadline_guard.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "base/try.h"
#include "cli/exit_code.h"

namespace omnisandbox::cli {
namespace {

/// The last words themselves may block: on a full pipe, on an audit file that another process has
/// locked.
void end_process_later(int exit_code) {
  try {
    std::thread([exit_code] {
      std::this_thread::sleep_for(DeadlineGuard::grace);
      std::_Exit(exit_code);
    }).detach();
  } catch (const std::system_error&) {
    // No thread to be had: then without last words.
    std::_Exit(exit_code);
  }
}

}  // namespace

Expected<std::unique_ptr<DeadlineGuard>> DeadlineGuard::start(
    std::chrono::steady_clock::time_point deadline, LastWords last_words) {
  auto waiter = TRY(linux_::SignalWaiter::create({SIGINT, SIGTERM}));
  try {
    return std::unique_ptr<DeadlineGuard>(
        new DeadlineGuard(std::move(waiter), deadline, std::move(last_words)));
  } catch (const std::system_error& error) {
    return Error::from_errno(error.code().value(), "start a thread", "deadline");
  }
}

DeadlineGuard::DeadlineGuard(linux_::SignalWaiter waiter,
                             std::chrono::steady_clock::time_point deadline, LastWords last_words)
    : waiter_(std::move(waiter)),
      last_words_(std::move(last_words)),
      deadline_(deadline),
      thread_([this](const std::stop_token& done) { watch(done); }) {}

DeadlineGuard::~DeadlineGuard() {
  thread_.request_stop();
  waiter_.wake();
}

void DeadlineGuard::set_deadline(std::chrono::steady_clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex_);
    deadline_ = deadline;
  }
  waiter_.wake();
}

void DeadlineGuard::set_signal_grace(std::chrono::milliseconds duration) {
  const std::lock_guard lock(mutex_);
  signal_grace_ = duration;
}

std::chrono::steady_clock::time_point DeadlineGuard::deadline() const {
  const std::lock_guard lock(mutex_);
  return deadline_;
}

void DeadlineGuard::claim_output() {
  if (!claimed_.exchange(true)) {
    return;
  }
  // The guard prints and ends the process; this thread has nothing left to do.
  for (;;) {
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

void DeadlineGuard::watch(const std::stop_token& done) {
  using Kind = linux_::SignalWaiter::Event::Kind;
  while (!done.stop_requested()) {
    std::optional<std::chrono::steady_clock::time_point> until;
    if (!claimed_) {
      until = deadline() + grace;
    }
    const auto event = waiter_.wait(until);
    if (!event || (event->kind == Kind::time_over && until &&
                   std::chrono::steady_clock::now() >= deadline() + grace)) {
      // Without a working wait there is no deadline, and so no run.
      end_process(signal_ == 0 ? Cause::deadline : Cause::signal);
    } else if (event->kind == Kind::signal) {
      on_signal(event->signal);
    }
  }
}

void DeadlineGuard::on_signal(int signal) {
  const bool repeated = signal_.exchange(signal) != 0;
  if (claimed_) {
    // Only printing is left, and whoever reads has lost interest.
    std::_Exit(exit_for_signal(signal));
  }
  stop_.request_stop();
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  deadline_ = repeated ? now - grace : std::min(deadline_, now + signal_grace_);
}

void DeadlineGuard::end_process(Cause cause) {
  if (claimed_.exchange(true)) {
    return;
  }
  const End end{.cause = cause,
                .deadline = deadline(),
                .exit_code = cause == Cause::deadline ? exit_timeout : exit_for_signal(signal_)};
  end_process_later(end.exit_code);
  last_words_(end);
  std::_Exit(end.exit_code);
}

}  // namespace omnisandbox::cli
