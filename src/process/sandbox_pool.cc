#include "process/sandbox_pool.h"

#include <algorithm>
#include <utility>

#include "linux/threads.h"

namespace omnisandbox::process {
namespace {

// Null where the machine refuses it, or cannot limit it as the plan expects.
std::unique_ptr<PreparedSandbox> make(const linux_::Fd& launcher, const LaunchPlan& walls,
                                      const CgroupLimits& limits) {
  RunCgroup cgroup = RunCgroup::create(limits);
  if (cgroup.limits_memory() != (walls.watched_memory_bytes == 0) ||
      cgroup.limits_tasks() != (walls.watched_tasks == 0)) {
    return nullptr;
  }
  auto made = PreparedSandbox::start(launcher, std::move(cgroup), walls,
                                     PreparedSandbox::Streams::pipes, nullptr);
  return made ? std::move(*made) : nullptr;
}

}  // namespace

SandboxPool::SandboxPool(const linux_::Fd& launcher, std::size_t capacity)
    : launcher_(launcher), capacity_(std::min(capacity, max_pool_capacity)) {
  auto started = linux_::start_thread("to prepare sandboxes ahead of their runs",
                                      [this](const std::stop_token& stop) { work(stop); });
  if (started) {
    thread_ = std::move(*started);
  }
  // Else it stays empty, and every run is prepared when it begins.
}

SandboxPool::~SandboxPool() {
  thread_.request_stop();
  changed_.notify_all();
}

std::unique_ptr<PreparedSandbox> SandboxPool::take(const LaunchPlan& walls) {
  std::unique_ptr<PreparedSandbox> found;
  const std::lock_guard lock(mutex_);
  const auto match = std::find_if(ready_.begin(), ready_.end(), [&walls](const auto& sandbox) {
    return sandbox->plan() == walls;
  });
  if (match != ready_.end()) {
    found = std::move(*match);
    ready_.erase(match);
  }
  return found;
}

void SandboxPool::want(const LaunchPlan& walls, const CgroupLimits& limits) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(wanted_.begin(), wanted_.end(), [&walls](const Wanted& wanted) {
      return wanted.walls == walls;
    });
    if (known == wanted_.end()) {
      wanted_.insert(wanted_.begin(), Wanted{.walls = walls, .limits = limits});
      wanted_.resize(
          std::min({wanted_.size(), max_pooled_kinds, std::max(capacity_, std::size_t{1})}));
    } else {
      known->failed = false;
      std::rotate(wanted_.begin(), known, known + 1);
    }
    is_changed_ = true;
    if (runs_ == 1) {
      return;  // the end of this run wakes the thread: now it would take the core that runs it
    }
  }
  changed_.notify_all();
}

void SandboxPool::run_begins() {
  const std::lock_guard lock(mutex_);
  ++runs_;
}

void SandboxPool::run_ended() {
  {
    const std::lock_guard lock(mutex_);
    --runs_;
    if (!is_changed_ && (runs_ > 0 || !is_waiting_for_quiet_)) {
      return;
    }
  }
  changed_.notify_all();
}

void SandboxPool::wait_for_quiet(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  is_waiting_for_quiet_ = true;
  changed_.wait_for(lock, stop, patience_with_runs, [this] { return runs_ == 0; });
  is_waiting_for_quiet_ = false;
}

std::size_t SandboxPool::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

std::size_t SandboxPool::count_of(const LaunchPlan& walls) const {
  return static_cast<std::size_t>(
      std::count_if(ready_.begin(), ready_.end(),
                    [&walls](const auto& sandbox) { return sandbox->plan() == walls; }));
}

const SandboxPool::Wanted* SandboxPool::next_to_make() const {
  if (wanted_.empty() || ready_.size() >= capacity_) {
    return nullptr;
  }
  const std::size_t share = std::max(capacity_ / wanted_.size(), std::size_t{1});
  for (const Wanted& wanted : wanted_) {
    if (!wanted.failed && count_of(wanted.walls) < share) {
      return &wanted;
    }
  }
  return nullptr;
}

void SandboxPool::drop_surplus() {
  const std::size_t share =
      wanted_.empty() ? 0 : std::max(capacity_ / wanted_.size(), std::size_t{1});
  std::vector<std::size_t> kept(wanted_.size());
  const auto stays = [&](const std::unique_ptr<PreparedSandbox>& sandbox) {
    for (std::size_t kind = 0; kind < wanted_.size(); ++kind) {
      if (wanted_[kind].walls == sandbox->plan()) {
        return ++kept[kind] <= share;
      }
    }
    return false;
  };
  const auto first = std::stable_partition(ready_.begin(), ready_.end(), stays);
  std::move(first, ready_.end(), std::back_inserter(surplus_));
  ready_.erase(first, ready_.end());
}

void SandboxPool::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  bool is_filling = false;  // patience is for the first one only: a pool in use fills, too
  while (!stop.stop_requested()) {
    is_changed_ = false;
    drop_surplus();
    if (!surplus_.empty()) {
      std::vector<std::unique_ptr<PreparedSandbox>> surplus = std::exchange(surplus_, {});
      lock.unlock();
      surplus.clear();  // ending them takes a while
      lock.lock();
    } else if (next_to_make() != nullptr && !is_filling) {
      wait_for_quiet(lock, stop);
      is_filling = true;
    } else if (const Wanted* next = next_to_make(); next != nullptr) {
      const Wanted chosen = *next;
      lock.unlock();
      auto made = make(launcher_, chosen.walls, chosen.limits);
      lock.lock();
      if (made != nullptr) {
        ready_.push_back(std::move(made));
      } else {
        note_failure(chosen.walls);
      }
      changed_.notify_all();
    } else {
      is_filling = false;
      changed_.wait(lock, stop, [this] { return is_changed_; });
    }
  }
}

void SandboxPool::note_failure(const LaunchPlan& walls) {
  for (Wanted& wanted : wanted_) {
    wanted.failed |= wanted.walls == walls;
  }
}

bool SandboxPool::wait_until_full(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline,
                             [this] { return !wanted_.empty() && next_to_make() == nullptr; });
}

}  // namespace omnisandbox::process
