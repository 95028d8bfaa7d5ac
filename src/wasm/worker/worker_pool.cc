#include "wasm/worker/worker_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/threads.h"

namespace omnisandbox::wasm::worker {
namespace {

// One is always ready, so that the run after a failed one need not wait for its replacement.
constexpr std::uint32_t spare_workers = 1;
// With a worker for each core busy, most runs end sooner than another process is started. As long
// as runs that wait get their turn, another process would only take part of a core from the others.
constexpr std::chrono::milliseconds patience{5};
// But where some workers are held by runs that sleep, the queue of the others must not grow long.
constexpr std::chrono::milliseconds longest_wait{50};
// An executable that starts at all does within milliseconds; a busy machine takes longer.
constexpr std::chrono::seconds start_timeout{10};
// From the third failure in a row on, so that a guest which makes its workers crash does not keep
// the machine busy with starting them.
constexpr std::uint32_t forgiven_failures = 2;
constexpr std::chrono::milliseconds first_pause{10};
constexpr std::chrono::milliseconds longest_pause{1000};
// Waking the other core takes about 100 µs on virtual machines; most runs are over before.
constexpr std::chrono::microseconds spin_time{200};

std::chrono::milliseconds pause_after(std::uint32_t failures) {
  if (failures <= forgiven_failures) {
    return std::chrono::milliseconds(0);
  }
  const std::uint32_t doublings = std::min(failures - forgiven_failures - 1, 10U);
  return std::min(first_pause * (1 << doublings), longest_pause);
}

}  // namespace

WorkerPool::WorkerPool(linux_::Fd program, const Configure& settings, linux_::Fd interpreter,
                       std::uint32_t max_workers)
    : program_(std::move(program)),
      settings_(settings),
      interpreter_(std::move(interpreter)),
      takes_oldest_(settings.guests == Guests::interpreter),
      max_workers_(std::max(max_workers, 1U)),
      cores_(std::max(std::thread::hardware_concurrency(), 1U)) {}

Expected<void> WorkerPool::start_keeper() {
  if (!keeper_.joinable()) {
    keeper_ = TRY(linux_::start_thread("to start worker processes", [this] { keep(); }));
  }
  return {};
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  stop_starting_.request_stop();
  to_do_.notify_one();
  if (keeper_.joinable()) {
    keeper_.join();
  }
}

std::chrono::microseconds WorkerPool::spin() const {
  const std::lock_guard lock(mutex_);
  const std::uint32_t busy = workers_ - static_cast<std::uint32_t>(idle_.size());
  return arrivals_.empty() && 2 * busy <= cores_ ? spin_time : std::chrono::microseconds(0);
}

void WorkerPool::expect_run() {
  {
    const std::lock_guard lock(mutex_);
    expects_run_ = true;
    // Where it cannot be had now, the run tries again and tells.
    static_cast<void>(start_keeper());
  }
  to_do_.notify_one();
}

Expected<WorkerPool::Lease> WorkerPool::take(Clock::time_point deadline,
                                             const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  TRY(start_keeper());
  ++takes_;
  if (idle_.empty()) {
    const auto arrival = arrivals_.insert(arrivals_.end(), Clock::now());
    if (arrivals_.size() == 1) {
      no_turn_since_ = *arrival;
    }
    to_do_.notify_one();
    const std::uint64_t failed_before = failed_starts_;
    const auto cannot_start = [&] { return failed_starts_ != failed_before && workers_ == 0; };
    freed_.wait_until(lock, stop, deadline, [&] { return !idle_.empty() || cannot_start(); });
    arrivals_.erase(arrival);
    if (idle_.empty()) {
      if (stop.stop_requested()) {
        return base::make_error(ErrorKind::cancelled,
                                "the run was cancelled while it waited for a worker process");
      }
      if (cannot_start()) {
        return *start_error_;
      }
      return base::make_error(ErrorKind::timeout,
                              "the deadline passed while the run waited for a worker process");
    }
    no_turn_since_ = Clock::now();
  }
  const auto taken = takes_oldest_ ? idle_.begin() : std::prev(idle_.end());
  Lease lease(*this, std::move(*taken));
  idle_.erase(taken);
  if (next_start()) {
    to_do_.notify_one();
  }
  return lease;
}

void WorkerPool::give_away(Lease& lease) {
  {
    const std::lock_guard lock(mutex_);
    --workers_;
  }
  lease.pool_ = nullptr;
  to_do_.notify_one();
}

void WorkerPool::give_back(std::unique_ptr<Worker> worker) {
  if (worker->is_usable()) {
    {
      const std::lock_guard lock(mutex_);
      failures_in_a_row_ = 0;
      idle_.push_back(std::move(worker));
    }
    freed_.notify_one();
    return;
  }
  const bool crashed = worker->has_crashed();
  worker.reset();  // ends the process and waits for that, without the lock
  {
    const std::lock_guard lock(mutex_);
    --workers_;
    if (crashed) {
      not_before_ = Clock::now() + pause_after(++failures_in_a_row_);
    }
  }
  to_do_.notify_one();
}

std::optional<WorkerPool::Clock::time_point> WorkerPool::next_start() const {
  if (workers_ >= max_workers_) {
    return std::nullopt;
  }
  // Who runs one guest only needs no spare.
  const bool wants_spare =
      idle_.size() < spare_workers && (workers_ == 0 ? expects_run_ : takes_ > 1);
  if (workers_ < cores_ && (!arrivals_.empty() || wants_spare)) {
    return not_before_;
  }
  if (!arrivals_.empty()) {
    const auto too_long = std::max(arrivals_.front(), last_start_) + longest_wait;
    return std::max(not_before_, std::min(no_turn_since_ + patience, too_long));
  }
  return std::nullopt;
}

void WorkerPool::keep() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto start_at = next_start();
    if (!start_at) {
      to_do_.wait(lock);
    } else if (*start_at > Clock::now()) {
      to_do_.wait_until(lock, *start_at);
    } else {
      start_one(lock);
    }
  }
  // On this thread, which started them.
  idle_.clear();
}

void WorkerPool::start_one(std::unique_lock<std::mutex>& lock) {
  ++workers_;
  lock.unlock();
  const StartRequest request{.program = program_,
                             .settings = settings_,
                             .interpreter = interpreter_.is_open() ? &interpreter_ : nullptr};
  auto worker = Worker::start(request, Clock::now() + start_timeout, stop_starting_.get_token());
  lock.lock();
  if (worker) {
    idle_.push_back(std::move(*worker));
    last_start_ = Clock::now();
    no_turn_since_ = last_start_;
    freed_.notify_one();
    return;
  }
  --workers_;
  ++failed_starts_;
  start_error_ = std::move(worker).error();
  if (start_error_->kind == ErrorKind::timeout) {
    // Not the run's own deadline, which is another thing to whoever waits.
    start_error_->kind = ErrorKind::unavailable;
  }
  failures_in_a_row_ = std::max(failures_in_a_row_ + 1, forgiven_failures + 1);
  not_before_ = Clock::now() + pause_after(failures_in_a_row_);
  freed_.notify_all();
}

}  // namespace omnisandbox::wasm::worker
