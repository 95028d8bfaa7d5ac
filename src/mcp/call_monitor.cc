#include "mcp/call_monitor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "mcp/limits.h"

namespace omnisandbox::mcp {

void CallMonitor::add(std::shared_ptr<Call> call) {
  const std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
  if (calls_.size() == 1) {
    changed_.notify_one();  // it may sleep; else it looks again by itself
  }
}

void CallMonitor::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !calls_.empty(); })) {
    std::erase_if(calls_, [](const auto& call) { return call->has_ended(); });
    // A tick may wait for the client; new calls do not wait for that.
    const auto ticked = calls_;
    lock.unlock();
    const auto now = std::chrono::steady_clock::now();
    for (const auto& call : ticked) {
      static_cast<void>(call->tick(now));
    }
    lock.lock();
    changed_.wait_for(lock, stop, progress_interval, [] { return false; });
  }
}

}  // namespace omnisandbox::mcp
