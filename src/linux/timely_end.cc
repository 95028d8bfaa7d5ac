#include "linux/timely_end.h"

#include <utility>

#include "base/try.h"
#include "linux/threads.h"

namespace omnisandbox::linux_ {
namespace {

// The supervising thread is in time itself as long as nothing holds it up.
constexpr std::chrono::milliseconds slack{100};

}  // namespace

TimelyEnd::TimelyEnd(std::function<void()> end, std::chrono::steady_clock::time_point deadline,
                     std::stop_token stop, std::chrono::milliseconds stop_grace)
    : end_(std::move(end)),
      stop_(std::move(stop)),
      stop_grace_(stop_grace),
      until_(deadline + slack) {}

Expected<std::unique_ptr<TimelyEnd>> TimelyEnd::watch(
    std::function<void()> end, std::chrono::steady_clock::time_point deadline, std::stop_token stop,
    std::chrono::milliseconds stop_grace) {
  std::unique_ptr<TimelyEnd> made(
      new TimelyEnd(std::move(end), deadline, std::move(stop), stop_grace));
  made->thread_ =
      TRY(start_thread("to end a command in time",
                       [self = made.get()](const std::stop_token& done) { self->wait(done); }));
  made->on_stop_ = std::make_unique<std::stop_callback<std::function<void()>>>(
      made->stop_, [self = made.get()] { self->stop_was_requested(); });
  return made;
}

TimelyEnd::~TimelyEnd() { on_stop_.reset(); }

void TimelyEnd::stop_was_requested() {
  {
    const std::lock_guard lock(mutex_);
    const auto stop_until = std::chrono::steady_clock::now() + stop_grace_ + slack;
    if (stop_until < until_) {
      until_ = stop_until;
      next_ = Cause::stop;
    }
  }
  changed_.notify_all();
}

void TimelyEnd::wait(const std::stop_token& done) {
  std::unique_lock lock(mutex_);
  while (!done.stop_requested() && std::chrono::steady_clock::now() < until_) {
    const auto until = until_;  // a copy: it may become earlier
    changed_.wait_until(lock, done, until, [&] { return until_ != until; });
  }
  if (done.stop_requested()) {
    return;
  }
  cause_ = next_;
  // Whoever requests a stop is not to wait for it.
  lock.unlock();
  end_();
}

}  // namespace omnisandbox::linux_
