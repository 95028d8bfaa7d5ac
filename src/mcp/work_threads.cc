#include "mcp/work_threads.h"

#include <system_error>
#include <utility>

namespace omnisandbox::mcp {

WorkThreads::~WorkThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  something_to_do_.notify_all();
}

bool WorkThreads::submit(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= max_waiting_) {
    return false;
  }
  const std::size_t idle = threads_.size() - running_;
  if (waiting_.size() >= idle && threads_.size() < max_threads_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) {
        return false;
      }
    }
  }
  waiting_.push_back(std::move(job));
  something_to_do_.notify_one();
  return true;
}

void WorkThreads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    something_to_do_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    job();
    job = nullptr;  // what it holds is freed without the lock
    lock.lock();
    --running_;
    one_is_done_.notify_all();
  }
}

bool WorkThreads::wait_until_idle(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return one_is_done_.wait_until(lock, until, [this] { return running_ == 0 && waiting_.empty(); });
}

}  // namespace omnisandbox::mcp
