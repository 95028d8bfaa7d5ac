#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/worker/worker.h"

namespace omnisandbox::wasm::worker {

/// The workers of one Runtime: some wait for the next run, started ahead of it. They are started by
/// a thread of the pool's own, because a worker dies with the thread that started it. Thread-safe.
class WorkerPool {
 public:
  /// How long a row of runs may take altogether. It holds short runs, but that is a guess: who
  /// stands behind a long one waits no longer than for another worker (see worker_pool.cc).
  static constexpr std::chrono::milliseconds row_time{50};

  /// `max_workers` bounds how many there are at once. `interpreter`: see StartRequest; not open for
  /// other guests.
  WorkerPool(linux_::Fd program, const Configure& settings, linux_::Fd interpreter,
             std::uint32_t max_workers);
  /// Runs must have ended. Not in a forked child, where nobody may destroy it.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  class Waiting;

  /// A worker for one run; it goes back afterwards, if it is still usable.
  class Lease {
   public:
    Lease(WorkerPool& pool, std::unique_ptr<Worker> worker,
          std::vector<std::shared_ptr<Waiting>> others = {})
        : pool_(&pool), worker_(std::move(worker)), others_(std::move(others)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(worker_, other.worker_);
      std::swap(others_, other.others_);
      return *this;
    }
    ~Lease() {
      if (worker_ != nullptr && pool_ != nullptr) {
        pool_->give_back(std::move(worker_), others_);
      }
    }
    Worker& worker() const { return *worker_; }
    /// Other threads' runs that this worker is to do before the lease's own, without delay. At the
    /// lease's end those that have a result are told; the others wait again, for a worker alone.
    std::vector<QueuedRun*> others() const;

   private:
    friend class WorkerPool;
    WorkerPool* pool_;  // null: the worker is the lease's own
    std::unique_ptr<Worker> worker_;
    // Shared with the threads that wait for them.
    std::vector<std::shared_ptr<Waiting>> others_;
  };
  /// A run will come: start the first worker already.
  void expect_run();
  /// Waits for a free worker. Errors: `timeout`, `cancelled`; `unavailable` when none can be
  /// started.
  Expected<Lease> take(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);
  /// The same for `run`, which another thread's lease may do instead: then there is no lease, and
  /// the run has its result.
  Expected<std::optional<Lease>> take_for(QueuedRun& run,
                                          std::chrono::steady_clock::time_point deadline,
                                          const std::stop_token& stop);
  /// From now on the worker is none of the pool's, and ends with its lease. It must not outlive the
  /// pool, whose thread started it.
  void give_away(Lease& lease);

  /// How long a run's two sides should look for each other's messages before they sleep: nothing
  /// when there is more to do than there are cores.
  std::chrono::microseconds spin() const;

 private:
  using Clock = std::chrono::steady_clock;

  using Threads = std::vector<std::shared_ptr<Waiting>>;

  Expected<std::optional<Lease>> take_or_wait(QueuedRun* run, Clock::time_point deadline,
                                              const std::stop_token& stop);
  /// With the lock held.
  Expected<void> start_keeper();
  void give_back(std::unique_ptr<Worker> worker, const Threads& others);
  void end(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> take_idle();
  /// Gives idle workers to those who wait; whom to wake is added to `to_wake`.
  void hand_out(Threads& to_wake);
  /// How many of those who wait the next worker is for.
  std::size_t next_row(Clock::time_point now) const;
  /// Wakes the keeper where it would look too late.
  void tell_keeper();
  void keep();
  /// When the keeper should start one more: at once, later, or not until something changes.
  std::optional<Clock::time_point> next_start() const;
  void start_one(std::unique_lock<std::mutex>& lock);

  const linux_::Fd program_;
  const Configure settings_;
  const linux_::Fd interpreter_;
  const bool takes_oldest_;  // it has had the time to prepare for its next run
  const std::uint32_t max_workers_;
  const std::uint32_t cores_;
  mutable std::mutex mutex_;
  std::condition_variable to_do_;              // for the keeper
  Clock::time_point keeper_looks_at_{};        // when it does without being told
  std::vector<std::unique_ptr<Worker>> idle_;  // the one used last is last: its caches are warm
  std::uint32_t workers_ = 0;                  // idle, in use and being started
  // The oldest first; empty while a worker is idle. Shared with whoever is about to wake one.
  std::list<std::shared_ptr<Waiting>> waiting_;
  Clock::time_point no_turn_since_{};  // while runs wait: since none of them got a worker
  Clock::time_point last_start_{};
  Clock::time_point not_before_{};       // back-off
  std::uint32_t failures_in_a_row_ = 0;  // of starts, and of workers that ended by themselves
  std::optional<Error> start_error_;
  std::uint64_t failed_starts_ = 0;
  bool expects_run_ = false;
  std::uint64_t takes_ = 0;
  std::stop_source stop_starting_;
  bool ending_ = false;
  std::jthread keeper_;  // guarded by mutex_ but for its end; started by the first run
};

}  // namespace omnisandbox::wasm::worker
