#include "process/command_run.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/strong_bool.h"
#include "base/try.h"
#include "linux/channels.h"
#include "linux/terminal_pair.h"
#include "linux/timely_end.h"
#include "policy/compiled_policy.h"
#include "policy/limits.h"
#include "process/command_terms.h"
#include "process/launcher_program.h"
#include "process/output_stream.h"
#include "process/prepared_sandbox.h"
#include "process/refusal_watch.h"
#include "process/run_outcome.h"
#include "process/run_plan.h"
#include "process/sandbox_pool.h"

namespace omnisandbox::process {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often the counters of the control groups are looked at.
constexpr milliseconds counter_interval{20};
// Of the group that only shows whether groups can be made here.
constexpr CgroupLimits probe_limits{.memory_bytes = policy::mebibyte, .tasks = 1};
constexpr std::size_t read_buffer_bytes = 256 * 1024;
// Ends the input of a terminal (termios(3), VEOF), when it is the first of its line.
constexpr std::string_view end_of_terminal_input = "\x04";

// Each takes a few milliseconds.
constexpr int max_attempts = 10;

using UsePool = base::StrongBool<struct UsePoolTag>;

/// A run under way.
class Run {
 public:
  Run(const Policy& policy, const RunMachinery& machinery, const CommandJob& job,
      JudgedCommand judged, Tier tier, UsePool use_pool)
      : tier_(tier),
        use_pool_(use_pool),
        policy_(policy),
        machinery_(machinery),
        job_(job),
        judged_(std::move(judged)) {
    if (machinery.pool != nullptr) {
      pooled_.emplace(*machinery.pool);
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    // After the end of the first process nothing runs in there: what is left are the kernel's
    // structures. Others are killed and waited for by the sandbox itself.
    watch_.reset();  // looks at the plan
    if (ending_) {
      machinery_.reaper->take_away(std::move(sandbox_));
    }
  }

  Expected<Result> run() {
    start_ = Clock::now();
    next_count_ = start_ + counter_interval;
    RunPlan plan = TRY(make_plan(machinery_.cgroup_reach));
    if (uses_pool()) {
      const LaunchPlan pooled = without_main_program(plan.walls);
      if (sources_are_unchanged(plan.walls)) {
        sandbox_ = machinery_.pool->take(pooled);
      }
      if (sandbox_ != nullptr) {
        sandbox_->start_command(plan.start);
      }
      machinery_.pool->want(pooled, cgroup_limits(policy_.compiled(), judged_));
    }
    if (sandbox_ == nullptr) {
      TRY(start_sandbox(plan));
    }
    const std::uint64_t limit = policy_.compiled().limits().max_output_bytes;
    stdout_.emplace(std::move(sandbox_->output), limit, job_.on_stdout);
    stderr_.emplace(std::move(sandbox_->errors), limit, job_.on_stderr);
    stdin_ = std::move(sandbox_->input);
    stdin_data_ = job_.stdin_data;
    if (job_.streams == CommandStreams::terminal) {
      stdin_data_ += end_of_terminal_input;
    } else if (stdin_data_.empty()) {
      stdin_.reset();
    }
    TRY(serve());
    return result();
  }

  /// After a failure: whether it was the namespaces that this machine refused. Nothing has run
  /// then.
  bool lacks_namespaces() const { return tier_ == Tier::namespaces && lacks_namespaces_; }

  /// After a failure: whether folders changed while the walls were planned and put up. Nothing has
  /// run then, and another attempt may see them quiet.
  bool saw_changes() const { return saw_changes_; }

 private:
  Expected<RunPlan> make_plan(CgroupReach reach) {
    auto plan = make_run_plan({.policy = policy_,
                               .judged = judged_,
                               .job = job_,
                               .machinery = machinery_,
                               .tier = tier_,
                               .reach = reach});
    saw_changes_ = !plan && plan.error().system_errno == ESTALE;
    return plan;
  }

  bool uses_pool() const {
    return static_cast<bool>(use_pool_) && machinery_.pool != nullptr &&
           tier_ == Tier::namespaces && job_.streams != CommandStreams::terminal;
  }

  Expected<void> start_sandbox(RunPlan& plan) {
    RunCgroup cgroup = RunCgroup::create(cgroup_limits(policy_.compiled(), judged_));
    if (cgroup.reach() != machinery_.cgroup_reach) {
      // Less than the plan counts on, or more.
      plan = TRY(make_plan(cgroup.reach()));
    }
    private_folder_ = std::exchange(plan.private_folder, std::nullopt);
    auto started = PreparedSandbox::start(machinery_.launcher, std::move(cgroup), plan.walls,
                                          job_.streams == CommandStreams::terminal
                                              ? PreparedSandbox::Streams::terminal
                                              : PreparedSandbox::Streams::pipes,
                                          &plan.start);
    if (!started) {
      lacks_namespaces_ = started.error().kind == ErrorKind::unavailable;
      return lacks_namespaces_ ? cannot_confine(started.error())
                               : not_set_up(started.error(), job_);
    }
    sandbox_ = std::move(*started);
    return {};
  }

  // --- while it runs ---

  void end(End why) {
    if (end_ == End::none) {
      end_ = why;
    }
    if (!killed_at_) {
      killed_at_ = Clock::now();
      sandbox_->end();
    }
  }

  Expected<void> serve() {
    const linux_::WakeUp wake_up = TRY(linux_::WakeUp::create());
    const std::stop_callback on_stop(job_.stop, [&wake_up] { wake_up.wake(); });
    // Not filled with zeros: most commands write little, and touch little of it.
    const auto storage = std::make_unique_for_overwrite<char[]>(read_buffer_bytes);
    const std::span buffer(storage.get(), read_buffer_bytes);
    if (job_.on_stdout || job_.on_stderr) {
      // This thread closes its own when the launcher does.
      control_to_end_ = TRY(linux_::duplicate(sandbox_->control));
      timely_end_ =
          TRY(linux_::TimelyEnd::watch([this] { linux_::finish_sending(control_to_end_); },
                                       judged_.deadline, job_.stop, job_.stop_grace));
    }
    while (!ending_) {
      TRY(wait_once(wake_up, buffer));
      note_timely_end();
    }
    // Everybody who could write is gone.
    TRY(read_reports());
    TRY(stdout_->drain(buffer));
    TRY(stderr_->drain(buffer));
    return {};
  }

  Expected<void> wait_once(const linux_::WakeUp& wake_up, std::span<char> buffer) {
    const auto entry = [](const linux_::Fd& file, short events) {
      return pollfd{file.is_open() ? file.get() : -1, events, 0};
    };
    std::array<pollfd, 7> files = {
        entry(sandbox_->launcher.handle(), POLLIN),
        pollfd{brings_descriptors() ? sandbox_->control.get() : -1, POLLIN, 0},
        entry(stdout_->pipe(), POLLIN),
        entry(stderr_->pipe(), POLLIN),
        entry(stdin_, POLLOUT),
        entry(wake_up.handle(), POLLIN),
        pollfd{job_.signals == nullptr ? -1 : job_.signals->get(), POLLIN, 0}};
    if (killed_at_ || stopped_at_) {
      files[5].fd = -1;
    }
    if (::poll(files.data(), files.size(), wait_ms()) < 0 && errno != EINTR) {
      return Error::from_errno(errno, "poll", job_.command);
    }
    if (files[1].revents != 0) {
      TRY(read_reports());
    }
    if (files[2].revents != 0) {
      TRY(stdout_->read_some(buffer));
    }
    if (files[3].revents != 0) {
      TRY(stderr_->read_some(buffer));
    }
    if (files[4].revents != 0) {
      TRY(feed_stdin());
    }
    if (files[6].revents != 0) {
      TRY(pass_signals_on());
    }
    if (files[0].revents != 0) {
      ending_ = TRY(sandbox_->launcher.ending());
      return {};
    }
    check_time_and_counters();
    return {};
  }

  // It was a callback that held this thread up; nothing more is told to it.
  void note_timely_end() {
    using Cause = linux_::TimelyEnd::Cause;
    if (timely_end_ == nullptr || timely_end_->cause() == Cause::none || killed_at_) {
      return;
    }
    end(timely_end_->cause() == Cause::stop ? End::stopped : End::deadline);
    stdout_->call_no_more();
    stderr_->call_no_more();
  }

  // Other reports are read when the launcher has ended, which it does soon after: each would wake
  // this thread for nothing.
  bool brings_descriptors() const {
    const LaunchPlan& walls = sandbox_->plan();
    return walls.proxy_port != 0 || walls.hands_calls_over != 0;
  }

  milliseconds patience() const {
    // Without namespaces its end would leave the others to the system.
    return tier_ == Tier::namespaces && !is_launcher_killed_ ? patience_with_launcher
                                                             : patience_after_kill;
  }

  int wait_ms() const {
    const auto now = Clock::now();
    auto until = killed_at_ ? *killed_at_ + patience() : judged_.deadline;
    if (!killed_at_) {
      if (stopped_at_) {
        until = std::min(until, *stopped_at_ + job_.stop_grace);
      }
      if (pooled_) {
        until = std::min(until, start_ + patience_with_runs);
      }
      if (sandbox_->cgroup().limits_memory() || sandbox_->cgroup().limits_tasks()) {
        until = std::min(until, now + counter_interval);
      }
    }
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }

  void check_time_and_counters() {
    const auto now = Clock::now();
    if (now >= start_ + patience_with_runs) {
      pooled_.reset();
    }
    if (killed_at_) {
      if (now >= *killed_at_ + patience()) {
        sandbox_->launcher.kill();
        is_launcher_killed_ = true;
        killed_at_ = now;
      }
      return;
    }
    if (job_.stop.stop_requested() && !stopped_at_) {
      stopped_at_ = now;
      if (job_.stop_grace.count() > 0) {
        send_signal(SIGTERM);
      }
    }
    if (stopped_at_ && now >= *stopped_at_ + job_.stop_grace) {
      end(End::stopped);
    } else if (now >= judged_.deadline) {
      end(End::deadline);
    } else if (now >= next_count_) {
      next_count_ = now + counter_interval;
      if (sandbox_->cgroup().memory_kills() > 0) {
        end(End::memory);
      } else if (sandbox_->cgroup().task_refusals() > 0) {
        end(End::processes);
      }
    }
  }

  void send_signal(int signal) const {
    const char byte = static_cast<char>(signal);
    // A launcher that does not read them any more has ended.
    static_cast<void>(linux_::write_available(sandbox_->signals, std::string_view(&byte, 1)));
  }

  Expected<void> pass_signals_on() {
    std::array<char, 64> bytes;
    const linux_::Transfer transfer = TRY(linux_::read_available(*job_.signals, bytes));
    for (std::size_t index = 0; index < transfer.bytes; ++index) {
      send_signal(bytes[index]);
    }
    return {};
  }

  Expected<void> feed_stdin() {
    const std::string_view rest = std::string_view(stdin_data_).substr(stdin_done_);
    const linux_::Transfer transfer = TRY(linux_::write_available(stdin_, rest));
    stdin_done_ += transfer.bytes;
    if (transfer.kind == linux_::Transfer::Kind::ended || stdin_done_ == stdin_data_.size()) {
      stdin_.reset();
    }
    return {};
  }

  Expected<void> read_reports() {
    while (sandbox_->control.is_open()) {
      Report report;
      auto message = TRY(linux_::receive_with_descriptor(
          sandbox_->control, std::span(reinterpret_cast<char*>(&report), sizeof report)));
      if (message.transfer.kind == linux_::Transfer::Kind::would_block) {
        return {};
      }
      if (message.transfer.bytes != sizeof report) {
        sandbox_->control.reset();
        return {};
      }
      TRY(take(report, std::move(message.descriptor)));
    }
    return {};
  }

  Expected<void> take(Report& report, linux_::Fd descriptor) {
    report.step[sizeof report.step - 1] = '\0';
    const auto ended_by = [this](End why) { end_ = end_ == End::none ? why : end_; };
    switch (report.kind) {
      case Report::Kind::prepared:
        walls_ = report.value;
        return {};
      case Report::Kind::listener:
        if (machinery_.egress != nullptr && descriptor.is_open()) {
          egress_ = TRY(machinery_.egress->start(policy_, std::move(descriptor), job_.run_id,
                                                 judged_.deadline));
        }
        return {};
      case Report::Kind::handed_calls:
        return start_watch(std::move(descriptor));
      case Report::Kind::setup_failed:
      case Report::Kind::exec_failed:
        if (!failure_) {
          failure_ = report;
        }
        return {};
      case Report::Kind::ended:
        status_ = report.status;
        return {};
      case Report::Kind::peak_memory:
        watched_peak_bytes_ = std::uint64_t{report.value} * 1024;
        return {};
      case Report::Kind::memory_limit:
        ended_by(End::memory);
        return {};
      case Report::Kind::process_limit:
        ended_by(End::processes);
        return {};
      case Report::Kind::cpu_limit:
        ended_by(End::cpu_time);
        return {};
    }
    return base::make_error(ErrorKind::internal, "the launcher sent an unknown report");
  }

  Expected<void> start_watch(linux_::Fd listener) {
    if (!listener.is_open() || sandbox_->plan().hands_calls_over == 0) {
      return {};
    }
    const std::string_view enforcing = TRY(filter_for(machinery_, sandbox_->plan()));
    watch_ = TRY(RefusalWatch::start(
        std::move(listener),
        {.policy = policy_,
         .walls = sandbox_->plan(),
         .enforcing_filter = std::string(enforcing),
         .wants_network = judged_.wants_network && machinery_.egress != nullptr}));
    return {};
  }

  // --- afterwards ---

  Expected<Result> result() {
    const EgressReport refused = egress_ ? egress_->finish() : EgressReport{};
    egress_.reset();
    if (failure_) {
      lacks_namespaces_ = process::lacks_namespaces(*failure_);
      saw_changes_ = process::saw_changes(*failure_);
      return start_failure(*failure_, job_);
    }
    const RunCgroup& cgroup = sandbox_->cgroup();
    if (end_ == End::none && cgroup.memory_kills() > 0) {
      end_ = End::memory;
    } else if (end_ == End::none && cgroup.task_refusals() > 0) {
      end_ = End::processes;
    }
    Result result;
    result.sandbox = {.kind = "process",
                      .layers = layers_of(cgroup, sandbox_->plan(), judged_, walls_)};
    result.stdout_bytes = stdout_->total_bytes();
    result.stdout_truncated = stdout_->is_truncated();
    result.stdout_data = stdout_->take();
    result.stderr_bytes = stderr_->total_bytes();
    result.stderr_truncated = stderr_->is_truncated();
    result.stderr_data = stderr_->take();
    result.peak_memory_bytes = std::max(cgroup.peak_memory_bytes(), watched_peak_bytes_);
    const auto time_of = [](const timeval& time) {
      return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    result.cpu_time = time_of(ending_->usage.ru_utime) + time_of(ending_->usage.ru_stime);
    result.denials = refused.denials;
    result.denial_count = refused.denial_count;
    result.run_id = job_.run_id;
    if (watch_ != nullptr) {
      RefusalList refusals = watch_->finish();
      for (const Denial& denial : refused.denials) {
        refusals.add(refusal_of_host(denial));
      }
      result.refusals = refusals.take();
    }
    set_outcome(
        result,
        {.policy = policy_, .judged = judged_, .job = job_, .end = end_, .wait_status = status_});
    result.duration = Clock::now() - start_;
    return result;
  }

  const Tier tier_;
  const UsePool use_pool_;
  std::optional<PrivateFolder> private_folder_;  // of the second tier; outlives the processes
  const Policy& policy_;
  const RunMachinery& machinery_;
  const CommandJob& job_;
  const JudgedCommand judged_;
  std::optional<PooledRun> pooled_;  // as long as the pool is to wait for its end
  std::unique_ptr<PreparedSandbox> sandbox_;
  linux_::Fd stdin_;
  std::string stdin_data_;
  linux_::Fd control_to_end_;                      // of the launcher's; for timely_end_
  std::unique_ptr<linux_::TimelyEnd> timely_end_;  // where there are callbacks
  std::optional<OutputStream> stdout_;
  std::optional<OutputStream> stderr_;
  std::unique_ptr<EgressSession> egress_;
  std::unique_ptr<RefusalWatch> watch_;  // uses the sandbox's plan
  Clock::time_point start_;
  Clock::time_point next_count_;
  std::size_t stdin_done_ = 0;
  End end_ = End::none;
  std::optional<Clock::time_point> stopped_at_;
  std::optional<Clock::time_point> killed_at_;
  std::optional<Report> failure_;
  std::optional<int> status_;
  std::optional<linux_::ChildProcess::Ending> ending_;
  std::uint64_t watched_peak_bytes_ = 0;
  unsigned walls_ = 0;
  bool is_launcher_killed_ = false;
  bool lacks_namespaces_ = false;
  bool saw_changes_ = false;
};

// What was covered under a name may be under another by the time the walls are up: then they are
// planned anew, since nothing has run yet. Somebody who moves files all the time makes the run fail
// in the end.
Expected<Result> run_in_tier(const Policy& policy, const RunMachinery& machinery,
                             const CommandJob& job, const JudgedCommand& judged, Tier tier,
                             bool& lacks_namespaces) {
  UsePool use_pool{true};
  for (int attempt = 1;; ++attempt) {
    Run run(policy, machinery, job, judged, tier, use_pool);
    auto result = run.run();
    lacks_namespaces = !result && run.lacks_namespaces();
    if (result || !run.saw_changes() || attempt == max_attempts ||
        Clock::now() >= judged.deadline) {
      return result;
    }
    use_pool = UsePool{false};
  }
}

}  // namespace

Expected<std::unique_ptr<RunMachinery>> prepare_machinery(const MachineryOptions& options) {
  auto machinery = std::make_unique<RunMachinery>();
  machinery->launcher = TRY(open_launcher(options.launcher));
  machinery->egress = options.egress;
  RunCgroup::remove_abandoned();
  machinery->cgroup_reach = RunCgroup::create(probe_limits).reach();
  if (options.warm_sandboxes > 0) {
    machinery->pool = std::make_unique<SandboxPool>(machinery->launcher, options.warm_sandboxes);
  }
  return machinery;
}

void warm_up(const Policy& policy, const RunMachinery& machinery) {
  const auto& commands = policy.compiled().commands().commands();
  if (machinery.pool == nullptr || commands.empty()) {
    return;
  }
  const CommandJob job{.command = commands.front()->name, .deadline = Clock::time_point::max()};
  const auto judged = judge_job(policy, job);
  if (!judged) {
    return;  // the rule wants arguments; the first run says what to prepare
  }
  const auto plan = make_run_plan({.policy = policy,
                                   .judged = *judged,
                                   .job = job,
                                   .machinery = machinery,
                                   .reach = machinery.cgroup_reach});
  if (plan) {
    machinery.pool->want(without_main_program(plan->walls),
                         cgroup_limits(policy.compiled(), *judged));
  }
}

Expected<Result> run_confined(const Policy& policy, const RunMachinery& machinery,
                              const CommandJob& job) {
  const JudgedCommand judged = TRY(judge_job(policy, job));
  bool lacks_namespaces = false;
  if (!machinery.without_namespaces) {
    auto result = run_in_tier(policy, machinery, job, judged, Tier::namespaces, lacks_namespaces);
    if (!lacks_namespaces) {
      return result;
    }
  }
  return run_in_tier(policy, machinery, job, judged, Tier::landlock_only, lacks_namespaces);
}

}  // namespace omnisandbox::process
