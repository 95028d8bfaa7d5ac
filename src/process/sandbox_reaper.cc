#include "process/sandbox_reaper.h"

#include <utility>

#include "linux/thread_calls.h"
#include "linux/threads.h"

namespace omnisandbox::process {

SandboxReaper::~SandboxReaper() {
  thread_.request_stop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SandboxReaper::take_away(std::unique_ptr<PreparedSandbox> ended) {
  if (hand_over(ended)) {
    changed_.notify_one();
  }
  // Where it was not taken, it ends here.
}

bool SandboxReaper::hand_over(std::unique_ptr<PreparedSandbox>& ended) {
  const std::lock_guard lock(mutex_);
  if (ended_.size() >= max_waiting_sandboxes) {
    return false;
  }
  if (!thread_.joinable()) {
    auto started = linux_::start_thread("to take ended sandboxes away",
                                        [this](const std::stop_token& stop) { work(stop); });
    if (!started) {
      return false;
    }
    thread_ = std::move(*started);
  }
  ended_.push_back(std::move(ended));
  return true;
}

std::size_t SandboxReaper::waiting() const {
  const std::lock_guard lock(mutex_);
  return ended_.size();
}

void SandboxReaper::work(const std::stop_token& stop) {
  // It is woken by a thread that is about to return a Result.
  linux_::let_others_go_first();
  std::unique_lock lock(mutex_);
  // A stop ends the waiting, not the work.
  while (changed_.wait(lock, stop, [this] { return !ended_.empty(); })) {
    std::unique_ptr<PreparedSandbox> next = std::move(ended_.front());
    ended_.pop_front();
    lock.unlock();
    next.reset();
    lock.lock();
  }
}

}  // namespace omnisandbox::process
