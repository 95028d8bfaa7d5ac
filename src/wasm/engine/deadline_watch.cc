#include "wasm/engine/deadline_watch.h"

#include <unistd.h>
#include <wasmtime.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "linux/threads.h"

namespace omnisandbox::wasm {
namespace {

using Clock = std::chrono::steady_clock;

// A run that is due but has not ended may have missed the advance: it was in a host call, or
// between asking its deadline and setting the next one. It is told again until it has ended.
constexpr std::chrono::milliseconds repeat_interval{2};

}  // namespace

DeadlineWatch::DeadlineWatch(wasm_engine_t* engine) : engine_(engine), owner_(getpid()) {}

DeadlineWatch::Entry::Entry(DeadlineWatch& watch, Clock::time_point deadline,
                            const std::stop_token& stop)
    : watch_(watch), deadline_(deadline) {
  watch_.add(*this);
  if (stop.stop_possible()) {
    on_stop_.emplace(stop, Wake{this});
  }
}

DeadlineWatch::Entry::~Entry() {
  on_stop_.reset();  // waits for a callback that is under way
  watch_.remove(*this);
}

DeadlineWatch::~DeadlineWatch() {
  if (thread_.joinable() && getpid() != owner_) {
    // A forked child: the thread exists in the parent only, and so does its wait, which the child's
    // copy of the condition still counts.
    thread_.detach();
    static_cast<void>(changed_.release());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_->notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Expected<void> DeadlineWatch::start() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = TRY(linux_::start_thread("to end runs at their deadlines", [this] { watch(); }));
  }
  return {};
}

void DeadlineWatch::add(Entry& entry) {
  bool sooner = false;
  {
    const std::lock_guard lock(mutex_);
    entry.next_ = first_;
    if (first_ != nullptr) {
      first_->previous_ = &entry;
    }
    first_ = &entry;
    sooner = entry.deadline_ < wake_at_;
    wake_at_ = std::min(wake_at_, entry.deadline_);
  }
  if (sooner) {
    changed_->notify_one();
  }
}

void DeadlineWatch::remove(Entry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  if (entry.previous_ != nullptr) {
    entry.previous_->next_ = entry.next_;
  } else {
    first_ = entry.next_;
  }
  if (entry.next_ != nullptr) {
    entry.next_->previous_ = entry.previous_;
  }
}

void DeadlineWatch::wake_for_stop(Entry& entry) noexcept {
  {
    const std::lock_guard lock(mutex_);
    entry.stopped_ = true;
    wake_at_ = Clock::time_point::min();
  }
  changed_->notify_one();
}

void DeadlineWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto now = Clock::now();
    if (now < wake_at_) {
      // Ends also when a run with a sooner deadline came, or a stop; then wake_at_ has changed.
      if (wake_at_ == Clock::time_point::max()) {
        changed_->wait(lock);
      } else {
        changed_->wait_until(lock, wake_at_);
      }
      continue;
    }
    bool any_due = false;
    auto next = Clock::time_point::max();
    for (const Entry* entry = first_; entry != nullptr; entry = entry->next_) {
      if (entry->stopped_ || entry->deadline_ <= now) {
        any_due = true;
      } else {
        next = std::min(next, entry->deadline_);
      }
    }
    if (any_due) {
      wasmtime_engine_increment_epoch(engine_);
      next = std::min(next, now + repeat_interval);
    }
    wake_at_ = next;
  }
}

}  // namespace omnisandbox::wasm
