#include "process/command_run.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/try.h"
#include "linux/channels.h"
#include "linux/child_process.h"
#include "policy/compiled_policy.h"
#include "policy/limits.h"
#include "process/command_terms.h"
#include "process/launch_plan.h"
#include "process/launcher_program.h"
#include "process/output_stream.h"
#include "process/private_folder.h"
#include "process/run_cgroup.h"
#include "process/seccomp_filter.h"
#include "process/view_builder.h"

namespace omnisandbox::process {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t all_namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                                         CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
// What the launcher needs to put up the walls (capabilities(7)): SETPCAP, NET_ADMIN, SYS_ADMIN.
constexpr std::uint64_t launcher_capabilities = (1ULL << 8) | (1ULL << 12) | (1ULL << 21);

// How often the counters of the control groups are looked at.
constexpr milliseconds counter_interval{20};
// A tree that was killed is gone within milliseconds; beyond this the kernel is at fault.
constexpr milliseconds patience_after_kill{5000};
constexpr std::size_t read_buffer_bytes = 256 * 1024;
constexpr std::size_t wide_pipe_bytes = 1024 * 1024;

/// A run under way.
class Run {
 public:
  Run(const Policy& policy, const RunMachinery& machinery, const CommandJob& job,
      JudgedCommand judged, Tier tier)
      : tier_(tier),
        policy_(policy),
        compiled_(policy.compiled()),
        machinery_(machinery),
        job_(job),
        judged_(std::move(judged)),
        cgroup_(RunCgroup::create({.memory_bytes = judged_.memory_bytes,
                                   .tasks = std::uint64_t{compiled_.limits().max_processes} + 1})) {
  }

  Expected<Result> run() {
    start_ = Clock::now();
    const bool has_proxy =
        tier_ == Tier::namespaces && judged_.wants_network && machinery_.egress != nullptr;
    if (tier_ == Tier::landlock_only) {
      private_folder_ = TRY(PrivateFolder::create());
    }
    const LaunchPlan plan = TRY(make_plan(has_proxy));
    TRY(spawn_launcher(plan));
    TRY(serve());
    return result();
  }

  /// After a failure: whether it was the namespaces that this machine refused. Nothing has run
  /// then.
  bool lacks_namespaces() const { return tier_ == Tier::namespaces && lacks_namespaces_; }

 private:
  Expected<LaunchPlan> make_plan(bool has_proxy) {
    ViewRequest request{
        .policy = &compiled_,
        .working_dir = working_dir(),
        // What lies there lies in memory: a full /tmp is an error of the
        // command's, before it is the end of the run.
        .private_bytes = std::min(compiled_.limits().max_write_bytes, judged_.memory_bytes / 2),
        .private_files = compiled_.limits().max_files_created + 1,
        .needs_certificates = has_proxy,
        .programs = programs_of(compiled_),
        .main_program = judged_.program.path,
        .any_program = allows_any_program(compiled_)};
    if (std::none_of(request.programs.begin(), request.programs.end(),
                     [&](const auto& program) { return program.path == judged_.program.path; })) {
      request.programs.push_back(judged_.program);
    }
    FileViewPlan view = TRY(build_file_view(request));
    LaunchPlan plan;
    plan.tier = tier_;
    if (tier_ == Tier::landlock_only) {
      TRY(use_landlock_alone(view, request));
    }
    plan.steps = std::move(view.steps);
    plan.landlock_paths = std::move(view.landlock_paths);
    plan.seccomp_filter = has_proxy                      ? machinery_.filter_with_network
                          : tier_ == Tier::landlock_only ? machinery_.filter_without_ipc
                                                         : machinery_.filter_without_network;
    plan.limits =
        resource_limits(compiled_.limits(), judged_.memory_bytes, policy_.config(), cgroup_, tier_);
    plan.host_name = "sandbox";
    plan.proxy_port = has_proxy ? proxy_port : std::uint16_t{0};
    plan.watched_memory_bytes = cgroup_.limits_memory() ? 0 : judged_.memory_bytes;
    plan.watched_tasks = cgroup_.limits_tasks() ? 0 : compiled_.limits().max_processes;
    plan.failing_step = machinery_.failing_step;

    start_message_.program = judged_.program.path;
    start_message_.args = {job_.command};
    start_message_.args.insert(start_message_.args.end(), job_.args.begin(), job_.args.end());
    start_message_.environment = environment_of(policy_, judged_, job_, has_proxy,
                                                private_folder_ ? private_folder_->path() : "/tmp");
    start_message_.working_dir = std::move(view.working_dir);
    return plan;
  }

  // Landlock opens; it cannot take away inside what is open, nor rename.
  Expected<void> use_landlock_alone(FileViewPlan& view, const ViewRequest& request) {
    if (view.hides_something || view.renames_something) {
      return base::make_error(
          ErrorKind::unavailable,
          "this machine has no user namespaces, and without them the policy cannot be enforced for "
          "commands: it hides or narrows something inside an allowed folder, or shows one under "
          "another name (guest_path); allow user namespaces (docs/kernel_mechanisms.md), or open "
          "narrower folders");
    }
    std::erase_if(view.steps, [&](const ViewStep& step) {
      return step.kind != StepKind::bind || step.source != request.main_program;
    });
    std::erase_if(view.landlock_paths,
                  [](const LandlockPath& rule) { return rule.path == "/tmp"; });
    view.landlock_paths.push_back({private_folder_->path(), view.private_access});
    if (view.working_dir == "/tmp") {
      view.working_dir = private_folder_->path();
    }
    return {};
  }

  std::string working_dir() const {
    if (!judged_.terms.working_dir.empty()) {
      return std::string(judged_.terms.working_dir);
    }
    return policy_.config().working_dir;
  }

  Expected<void> spawn_launcher(const LaunchPlan& plan) {
    linux_::SocketPair control = TRY(linux_::make_stream_socket_pair());
    linux_::Pipe input = TRY(linux_::make_pipe());
    linux_::Pipe output = TRY(linux_::make_pipe());
    linux_::Pipe errors = TRY(linux_::make_pipe());
    for (const linux_::Fd* end : {&input.write_end, &output.read_end, &errors.read_end}) {
      TRY(linux_::set_nonblocking(*end));
    }
    linux_::widen_pipe(output.read_end, wide_pipe_bytes);
    linux_::SpawnRequest request{
        .program = &machinery_.launcher,
        .args = {"omnisandbox-launcher"},
        .environment = {},
        .files = {&input.read_end, &output.write_end, &errors.write_end, &control.right},
        .namespaces = tier_ == Tier::namespaces ? all_namespaces : 0,
        .cgroup = cgroup_.birth_place(),
        .entered_groups = cgroup_.entrances(),
        .kept_capabilities = launcher_capabilities};
    auto launcher = linux_::spawn(request);
    if (!launcher) {
      lacks_namespaces_ = is_refusal(launcher.error().system_errno);
      return cannot_confine(launcher.error());
    }
    launcher_ = std::move(*launcher);
    control_ = std::move(control.left);
    const std::uint64_t limit = compiled_.limits().max_output_bytes;
    stdout_.emplace(std::move(output.read_end), limit, job_.on_stdout);
    stderr_.emplace(std::move(errors.read_end), limit, job_.on_stderr);
    if (!job_.stdin_data.empty()) {
      stdin_ = std::move(input.write_end);
    }
    // A launcher that ends early closes the channel; its report says more than this failure.
    if (!linux_::send_all(control_, framed(encode(plan))) ||
        !linux_::send_all(control_, framed(encode(start_message_)))) {
      launcher_.kill();
    }
    return {};
  }

  // How kernels, sysctls, AppArmor and container engines refuse namespaces and mounts.
  static bool is_refusal(int error) {
    return error == EPERM || error == EACCES || error == ENOSPC || error == EUSERS ||
           error == EINVAL || error == ENOSYS;
  }

  static Error cannot_confine(const Error& cause) {
    return Error{
        .kind = ErrorKind::unavailable,
        .message = "this machine cannot confine commands: " + cause.message +
                   "; user namespaces must be allowed (see docs/kernel_mechanisms.md), and "
                   "a command never runs unconfined",
        .resource = {},
        .system_errno = cause.system_errno};
  }

  // --- while it runs ---

  enum class End { none, deadline, stopped, memory, processes, failed };

  void end(End why) {
    if (why_ == End::none) {
      why_ = why;
    }
    if (!killed_at_) {
      killed_at_ = Clock::now();
      if (tier_ == Tier::namespaces) {
        launcher_.kill();
      } else {
        // The launcher lives until it has killed all the others.
        linux_::finish_sending(control_);
      }
    }
  }

  Expected<void> serve() {
    const linux_::WakeUp wake_up = TRY(linux_::WakeUp::create());
    const std::stop_callback on_stop(job_.stop, [&wake_up] { wake_up.wake(); });
    std::vector<char> buffer(read_buffer_bytes);
    while (!ending_) {
      TRY(wait_once(wake_up, buffer));
    }
    // Everybody who could write is gone.
    TRY(read_reports());
    TRY(stdout_->drain(buffer));
    TRY(stderr_->drain(buffer));
    return {};
  }

  Expected<void> wait_once(const linux_::WakeUp& wake_up, std::span<char> buffer) {
    const auto readable = [](const linux_::Fd& file) {
      return pollfd{file.is_open() ? file.get() : -1, POLLIN, 0};
    };
    std::array<pollfd, 6> files = {readable(launcher_.handle()),
                                   readable(control_),
                                   readable(stdout_->pipe()),
                                   readable(stderr_->pipe()),
                                   pollfd{stdin_.is_open() ? stdin_.get() : -1, POLLOUT, 0},
                                   readable(wake_up.handle())};
    if (killed_at_) {
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
    if (files[0].revents != 0) {
      ending_ = TRY(launcher_.reap());
      return {};
    }
    check_time_and_counters();
    return {};
  }

  int wait_ms() const {
    const auto now = Clock::now();
    auto until = killed_at_ ? *killed_at_ + patience_after_kill : judged_.deadline;
    if (!killed_at_ && (cgroup_.limits_memory() || cgroup_.limits_tasks())) {
      until = std::min(until, now + counter_interval);
    }
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }

  void check_time_and_counters() {
    const auto now = Clock::now();
    if (killed_at_) {
      if (now > *killed_at_ + patience_after_kill) {
        launcher_.kill();
        killed_at_ = now;
      }
      return;
    }
    if (job_.stop.stop_requested()) {
      end(End::stopped);
    } else if (now >= judged_.deadline) {
      end(End::deadline);
    } else if (now >= next_count_) {
      next_count_ = now + counter_interval;
      if (cgroup_.memory_kills() > 0) {
        end(End::memory);
      } else if (cgroup_.task_refusals() > 0) {
        end(End::processes);
      }
    }
  }

  Expected<void> feed_stdin() {
    const std::string_view rest = std::string_view(job_.stdin_data).substr(stdin_done_);
    const linux_::Transfer transfer = TRY(linux_::write_available(stdin_, rest));
    stdin_done_ += transfer.bytes;
    if (transfer.kind == linux_::Transfer::Kind::ended || stdin_done_ == job_.stdin_data.size()) {
      stdin_.reset();
    }
    return {};
  }

  Expected<void> read_reports() {
    while (control_.is_open()) {
      Report report;
      auto message = TRY(linux_::receive_with_descriptor(
          control_, std::span(reinterpret_cast<char*>(&report), sizeof report)));
      if (message.transfer.kind == linux_::Transfer::Kind::would_block) {
        return {};
      }
      if (message.transfer.bytes != sizeof report) {
        control_.reset();
        return {};
      }
      TRY(take(report, std::move(message.descriptor)));
    }
    return {};
  }

  Expected<void> take(Report& report, linux_::Fd descriptor) {
    report.step[sizeof report.step - 1] = '\0';
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
      case Report::Kind::setup_failed:
      case Report::Kind::exec_failed:
        if (!failure_) {
          failure_ = report;
        }
        return {};
      case Report::Kind::ended:
        status_ = report.status;
        return {};
      case Report::Kind::memory_limit:
        why_ = why_ == End::none ? End::memory : why_;
        return {};
      case Report::Kind::process_limit:
        why_ = why_ == End::none ? End::processes : why_;
        return {};
    }
    return base::make_error(ErrorKind::internal, "the launcher sent an unknown report");
  }

  // --- afterwards ---

  Expected<Result> result() {
    const EgressReport refused = egress_ ? egress_->finish() : EgressReport{};
    egress_.reset();
    if (failure_) {
      return start_failure(*failure_);
    }
    if (why_ == End::none && cgroup_.memory_kills() > 0) {
      why_ = End::memory;
    } else if (why_ == End::none && cgroup_.task_refusals() > 0) {
      why_ = End::processes;
    }
    Result result;
    result.sandbox = {.kind = "process", .layers = layers()};
    result.stdout_bytes = stdout_->total_bytes();
    result.stdout_truncated = stdout_->is_truncated();
    result.stdout_data = stdout_->take();
    result.stderr_bytes = stderr_->total_bytes();
    result.stderr_truncated = stderr_->is_truncated();
    result.stderr_data = stderr_->take();
    result.peak_memory_bytes = std::max(
        cgroup_.peak_memory_bytes(), static_cast<std::uint64_t>(ending_->usage.ru_maxrss) * 1024);
    result.denials = refused.denials;
    result.denial_count = refused.denial_count;
    result.run_id = job_.run_id;
    set_status(result);
    result.duration = Clock::now() - start_;
    return result;
  }

  void set_status(Result& result) const {
    const std::string name = base::printable(job_.command);
    const auto end_with = [&result](Status status, Error error) {
      result.status = status;
      result.exit_code = 128 + SIGKILL;
      result.error = std::move(error);
    };
    switch (why_) {
      case End::deadline:
        return end_with(
            Status::timeout,
            base::make_error(ErrorKind::timeout,
                             "{} and all that it started were ended at the deadline", name));
      case End::stopped:
        return end_with(Status::cancelled,
                        base::make_error(ErrorKind::cancelled, "{} was cancelled", name));
      case End::memory:
        return end_with(
            Status::memory_limit,
            base::make_error(ErrorKind::memory,
                             "{} and what it started used more than {} MiB (memory_limit_mb)", name,
                             judged_.memory_bytes / policy::mebibyte));
      case End::processes:
        return end_with(
            Status::process_limit,
            base::make_error(ErrorKind::limit,
                             "{} tried to have more than {} processes and threads (max_processes)",
                             name, compiled_.limits().max_processes));
      case End::none:
      case End::failed:
        break;
    }
    if (!status_) {
      return end_with(
          Status::failed,
          base::make_error(ErrorKind::internal, "the launcher ended without a report on {}", name));
    }
    result.exit_code = WIFSIGNALED(*status_) ? 128 + WTERMSIG(*status_) : WEXITSTATUS(*status_);
    result.status = result.exit_code == 0 ? Status::ok : Status::exited;
  }

  Error start_failure(const Report& report) {
    const std::string step = base::printable(report.step);
    const std::string name = base::printable(job_.command);
    if (report.error_number == ESTALE) {
      return base::make_error(
          ErrorKind::denied,
          "{} was not run: {}; what the policy resolved is no longer there under that name; "
          "compile the policy again",
          name, step);
    }
    Error cause = Error::from_errno(report.error_number, step, {});
    if (report.kind == Report::Kind::setup_failed) {
      lacks_namespaces_ = is_refusal(report.error_number);
      return cannot_confine(cause);
    }
    if (report.error_number == ENOENT || report.error_number == EACCES) {
      cause.message +=
          "; a script needs its interpreter (the #! line) among allowed_commands, and "
          "the working folder must be one that the policy opens";
    }
    return cause;
  }

  std::vector<std::string> layers() const {
    if (tier_ == Tier::landlock_only) {
      return weaker_layers();
    }
    std::vector<std::string> layers = {"user namespace", "mount namespace with a private root",
                                       "process namespace", "IPC, host name and cgroup namespaces"};
    if (!judged_.wants_network) {
      layers.emplace_back("network namespace without network");
    } else if (machinery_.egress == nullptr) {
      layers.emplace_back("network namespace without network (no proxy is set up for net_http)");
    } else {
      layers.emplace_back("network namespace with the policy's proxy only");
    }
    if ((walls_ & wall_process_tree) == 0) {
      layers.emplace_back("no /proc (the machine refuses a fresh one)");
    }
    if (const unsigned version = walls_ >> wall_landlock_shift; version > 0) {
      layers.push_back(fmt::format("landlock {}", version));
    }
    layers.emplace_back("seccomp");
    layers.emplace_back("no capabilities, no new privileges");
    add_limit_layers(layers);
    return layers;
  }

  std::vector<std::string> weaker_layers() const {
    std::vector<std::string> layers = {
        "second tier (weaker): no namespaces on this machine",
        fmt::format("landlock {} (files, programs, signals, TCP)", walls_ >> wall_landlock_shift),
        "seccomp (no sockets, no IPC)", "no capabilities, no new privileges"};
    add_limit_layers(layers);
    return layers;
  }

  void add_limit_layers(std::vector<std::string>& layers) const {
    for (std::string& layer : cgroup_.layers()) {
      layers.push_back(std::move(layer));
    }
    if (!cgroup_.limits_memory()) {
      layers.emplace_back("memory by rlimit and watch (weaker: no memory cgroup)");
    }
    if (!cgroup_.limits_tasks()) {
      layers.emplace_back("processes by rlimit and watch (weaker: no pids cgroup)");
    }
    layers.emplace_back("rlimits");
  }

  const Tier tier_;
  std::optional<PrivateFolder> private_folder_;  // of the second tier
  const Policy& policy_;
  const policy::CompiledPolicy& compiled_;
  const RunMachinery& machinery_;
  const CommandJob& job_;
  const JudgedCommand judged_;
  const RunCgroup cgroup_;  // before the process: removed after it has gone
  linux_::ChildProcess launcher_;
  linux_::Fd control_;
  linux_::Fd stdin_;
  std::optional<OutputStream> stdout_;
  std::optional<OutputStream> stderr_;
  std::unique_ptr<EgressSession> egress_;
  CommandStart start_message_;
  Clock::time_point start_;
  Clock::time_point next_count_;
  std::size_t stdin_done_ = 0;
  End why_ = End::none;
  std::optional<Clock::time_point> killed_at_;
  std::optional<Report> failure_;
  std::optional<int> status_;
  std::optional<linux_::ChildProcess::Ending> ending_;
  unsigned walls_ = 0;
  bool lacks_namespaces_ = false;
};

}  // namespace

Expected<RunMachinery> prepare_machinery(const std::string& launcher, EgressServer* egress) {
  RunMachinery machinery;
  machinery.launcher = TRY(open_launcher(launcher));
  machinery.filter_without_network = TRY(build_seccomp_filter(AllowsInternet::no, HasOwnIpc::yes));
  machinery.filter_without_ipc = TRY(build_seccomp_filter(AllowsInternet::no, HasOwnIpc::no));
  if (egress != nullptr) {
    machinery.filter_with_network = TRY(build_seccomp_filter(AllowsInternet::yes, HasOwnIpc::yes));
  }
  machinery.egress = egress;
  return machinery;
}

Expected<Result> run_confined(const Policy& policy, const RunMachinery& machinery,
                              const CommandJob& job) {
  const JudgedCommand judged = TRY(judge_job(policy, job));
  if (!machinery.without_namespaces) {
    Run run(policy, machinery, job, judged, Tier::namespaces);
    auto result = run.run();
    if (result || !run.lacks_namespaces()) {
      return result;
    }
  }
  return Run(policy, machinery, job, judged, Tier::landlock_only).run();
}

}  // namespace omnisandbox::process
