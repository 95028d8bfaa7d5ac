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
// Short runs of one module that wait are sent to a worker in a row, so that each costs one wake-up,
// its caller's, rather than three.
constexpr std::size_t longest_row = 8;
// A run stands in a row only where its deadline is that far: nothing looks at it meanwhile.
constexpr std::chrono::milliseconds least_time_in_row = 2 * WorkerPool::row_time;
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

/// A thread that waits for a worker, or for its run's end in somebody else's.
class WorkerPool::Waiting {
 public:
  enum class For : std::uint8_t {
    worker,  // it stands in the queue
    result,  // its run is in a row
    nothing  // it has the worker, or its run the result
  };
  Waiting(QueuedRun* its_run, Clock::time_point now) : run(its_run), arrival(now) {}

  QueuedRun* const run;  // null: it wants the worker for something else
  const Clock::time_point arrival;
  For what = For::worker;
  std::unique_ptr<Worker> worker;
  Threads others;  // whose runs come first
  std::condition_variable changed;

  bool may_share(Clock::time_point now) const {
    return run != nullptr && run->may_share &&
           run->guest.context.deadline() - now > least_time_in_row;
  }
};

std::vector<QueuedRun*> WorkerPool::Lease::others() const {
  std::vector<QueuedRun*> runs;
  runs.reserve(others_.size() + 1);
  for (const auto& other : others_) {
    runs.push_back(other->run);
  }
  return runs;
}

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
  return waiting_.empty() && 2 * busy <= cores_ ? spin_time : std::chrono::microseconds(0);
}

void WorkerPool::expect_run() {
  const std::lock_guard lock(mutex_);
  expects_run_ = true;
  // Where it cannot be had now, the run tries again and tells.
  static_cast<void>(start_keeper());
  tell_keeper();
}

Expected<WorkerPool::Lease> WorkerPool::take(Clock::time_point deadline,
                                             const std::stop_token& stop) {
  return *TRY(take_or_wait(nullptr, deadline, stop));
}

Expected<std::optional<WorkerPool::Lease>> WorkerPool::take_for(QueuedRun& run,
                                                                Clock::time_point deadline,
                                                                const std::stop_token& stop) {
  return take_or_wait(&run, deadline, stop);
}

Expected<std::optional<WorkerPool::Lease>> WorkerPool::take_or_wait(QueuedRun* run,
                                                                    Clock::time_point deadline,
                                                                    const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    TRY(start_keeper());
    ++takes_;
    if (!idle_.empty()) {
      Lease lease(*this, take_idle());
      tell_keeper();
      return std::optional(std::move(lease));
    }
  }
  const auto self = std::make_shared<Waiting>(run, Clock::now());
  const std::stop_callback wake_on_stop(stop, [this, &self] {
    const std::lock_guard lock(mutex_);
    self->changed.notify_one();
  });
  std::unique_lock lock(mutex_);
  waiting_.push_back(self);
  if (waiting_.size() == 1) {
    no_turn_since_ = self->arrival;
  }
  Threads to_wake;
  hand_out(to_wake);  // one may have come back meanwhile, and nobody else waits then
  tell_keeper();
  const std::uint64_t failed_before = failed_starts_;
  const auto cannot_start = [&] { return failed_starts_ != failed_before && workers_ == 0; };
  using For = Waiting::For;
  while (self->what != For::nothing) {
    if (self->what == For::result) {
      self->changed.wait(lock);  // not for long: see row_time
      continue;
    }
    const bool is_stopped = stop.stop_requested();
    if (!is_stopped && !cannot_start() && Clock::now() < deadline) {
      self->changed.wait_until(lock, deadline);
      continue;
    }
    waiting_.remove(self);
    if (is_stopped) {
      return base::make_error(ErrorKind::cancelled,
                              "the run was cancelled while it waited for a worker process");
    }
    if (cannot_start()) {
      return *start_error_;
    }
    return base::make_error(ErrorKind::timeout,
                            "the deadline passed while the run waited for a worker process");
  }
  if (self->worker == nullptr) {
    return std::optional<Lease>();
  }
  return std::optional(Lease(*this, std::move(self->worker), std::move(self->others)));
}

std::unique_ptr<Worker> WorkerPool::take_idle() {
  const auto taken = takes_oldest_ ? idle_.begin() : std::prev(idle_.end());
  std::unique_ptr<Worker> worker = std::move(*taken);
  idle_.erase(taken);
  return worker;
}

std::size_t WorkerPool::next_row(Clock::time_point now) const {
  // Each core gets its part of those who wait.
  const std::size_t most = std::min(longest_row, (waiting_.size() + cores_ - 1) / cores_);
  const Waiting& first = *waiting_.front();
  if (!first.may_share(now)) {
    return 1;
  }
  std::size_t length = 1;
  for (auto other = std::next(waiting_.begin()); length < most; ++other, ++length) {
    if (!(*other)->may_share(now) || (*other)->run->task.code != first.run->task.code) {
      break;
    }
  }
  return length;
}

void WorkerPool::hand_out(Threads& to_wake) {
  while (!idle_.empty() && !waiting_.empty()) {
    no_turn_since_ = Clock::now();
    const std::size_t length = next_row(no_turn_since_);
    // Before anybody is taken from the queue: nothing below can fail.
    Threads row;
    row.reserve(length);
    to_wake.reserve(to_wake.size() + 1);
    while (row.size() < length) {
      row.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
      row.back()->what = Waiting::For::result;
    }
    // The last one talks with the worker: so nobody waits for runs that come after its own.
    const std::shared_ptr<Waiting> last = std::move(row.back());
    row.pop_back();
    last->what = Waiting::For::nothing;
    last->worker = take_idle();
    last->others = std::move(row);
    to_wake.push_back(last);
  }
}

void WorkerPool::give_away(Lease& lease) {
  {
    const std::lock_guard lock(mutex_);
    --workers_;
    tell_keeper();
  }
  lease.pool_ = nullptr;
}

void WorkerPool::give_back(std::unique_ptr<Worker> worker, const Threads& others) {
  const bool is_usable = worker->is_usable();
  Threads to_wake;
  {
    const std::lock_guard lock(mutex_);
    for (auto other = others.rbegin(); other != others.rend(); ++other) {
      if ((*other)->run->result) {
        (*other)->what = Waiting::For::nothing;
      } else {
        (*other)->run->may_share = false;
        (*other)->what = Waiting::For::worker;
        waiting_.push_front(*other);
      }
      to_wake.push_back(*other);
    }
    if (is_usable) {
      failures_in_a_row_ = 0;
      idle_.push_back(std::move(worker));
      hand_out(to_wake);
    }
  }
  // Without the lock, which each of them wants first.
  for (const auto& waiting : to_wake) {
    waiting->changed.notify_one();
  }
  if (!is_usable) {
    end(std::move(worker));
  }
}

void WorkerPool::end(std::unique_ptr<Worker> worker) {
  const bool crashed = worker->has_crashed();
  worker.reset();  // ends the process and waits for that, without the lock
  const std::lock_guard lock(mutex_);
  --workers_;
  if (crashed) {
    not_before_ = Clock::now() + pause_after(++failures_in_a_row_);
  }
  tell_keeper();
}

void WorkerPool::tell_keeper() {
  const auto start_at = next_start();
  if (start_at && *start_at < keeper_looks_at_) {
    keeper_looks_at_ = *start_at;
    to_do_.notify_one();
  }
}

std::optional<WorkerPool::Clock::time_point> WorkerPool::next_start() const {
  if (workers_ >= max_workers_) {
    return std::nullopt;
  }
  // Who runs one guest only needs no spare.
  const bool wants_spare =
      idle_.size() < spare_workers && (workers_ == 0 ? expects_run_ : takes_ > 1);
  if (workers_ < cores_ && (!waiting_.empty() || wants_spare)) {
    return not_before_;
  }
  if (!waiting_.empty()) {
    const auto too_long = std::max(waiting_.front()->arrival, last_start_) + longest_wait;
    return std::max(not_before_, std::min(no_turn_since_ + patience, too_long));
  }
  return std::nullopt;
}

void WorkerPool::keep() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto start_at = next_start();
    keeper_looks_at_ = start_at.value_or(Clock::time_point::max());
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
    Threads to_wake;
    hand_out(to_wake);
    for (const auto& waiting : to_wake) {
      waiting->changed.notify_one();
    }
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
  for (const auto& waiting : waiting_) {
    waiting->changed.notify_one();
  }
}

}  // namespace omnisandbox::wasm::worker
