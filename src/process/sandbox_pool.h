#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "linux/fd.h"
#include "process/launch_plan.h"
#include "process/prepared_sandbox.h"
#include "process/run_cgroup.h"

namespace omnisandbox::process {

/// Prepared sandboxes, each for one run, made in the background. Never more than `capacity` at
/// once. Thread rule: every member function may be called from any thread. Runs that took one must
/// have ended before the pool goes: the launchers are children of its thread.
class SandboxPool {
 public:
  /// `launcher` outlives the pool.
  SandboxPool(const linux_::Fd& launcher, std::size_t capacity);
  ~SandboxPool();
  SandboxPool(const SandboxPool&) = delete;
  SandboxPool& operator=(const SandboxPool&) = delete;

  /// One with exactly these walls, or null. It is the caller's alone.
  std::unique_ptr<PreparedSandbox> take(const LaunchPlan& walls);
  /// What the next runs will probably ask for. The latest few of these share the places.
  void want(const LaunchPlan& walls, const CgroupLimits& limits);
  /// A run begins, and has ended, or has lasted `patience_with_runs`. Beside a shorter one nothing
  /// is prepared, which would take a core and the kernel's locks from it; where one follows the
  /// other without a pause, the pool fills after this time.
  void run_begins();
  void run_ended();
  /// How many stand ready.
  std::size_t ready() const;
  /// Waits until nothing is left to prepare. False where the deadline came first.
  bool wait_until_full(std::chrono::steady_clock::time_point deadline);

 private:
  struct Wanted {
    LaunchPlan walls;
    CgroupLimits limits;
    bool failed = false;  // this machine refused it; not tried again until it is wanted again
  };
  void work(const std::stop_token& stop);
  const Wanted* next_to_make() const;
  void drop_surplus();
  void wait_for_quiet(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  void note_failure(const LaunchPlan& walls);
  std::size_t count_of(const LaunchPlan& walls) const;

  const linux_::Fd& launcher_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Wanted> wanted_;                             // guarded by mutex_; latest first
  bool is_changed_ = false;                                // guarded by mutex_
  std::size_t runs_ = 0;                                   // guarded by mutex_; under way
  bool is_waiting_for_quiet_ = false;                      // guarded by mutex_
  std::deque<std::unique_ptr<PreparedSandbox>> ready_;     // guarded by mutex_
  std::vector<std::unique_ptr<PreparedSandbox>> surplus_;  // guarded by mutex_; to be ended
  std::jthread thread_;                                    // last: it uses the others
};

/// Tells the pool of a run from its beginning to its end, or until it has lasted long.
class PooledRun {
 public:
  explicit PooledRun(SandboxPool& pool) : pool_(pool) { pool_.run_begins(); }
  ~PooledRun() { pool_.run_ended(); }
  PooledRun(const PooledRun&) = delete;
  PooledRun& operator=(const PooledRun&) = delete;

 private:
  SandboxPool& pool_;
};

// A run that took what stood ready ends within milliseconds, or takes so long that it does not
// matter who works beside it.
inline constexpr std::chrono::milliseconds patience_with_runs{20};
// More kinds of walls than this take turns: each kind needs places of its own.
inline constexpr std::size_t max_pooled_kinds = 4;
// Each is two processes and some mounts.
inline constexpr std::size_t max_pool_capacity = 256;

}  // namespace omnisandbox::process
