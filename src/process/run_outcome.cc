#include "process/run_outcome.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "linux/child_process.h"
#include "policy/compiled_policy.h"
#include "policy/limits.h"

namespace omnisandbox::process {
namespace {

constexpr int signal_code_base = 128;

Error end_error(const RunFacts& facts) {
  const std::string name = base::printable(facts.job.command);
  const policy::Limits& limits = facts.policy.compiled().limits();
  switch (facts.end) {
    case End::deadline:
      return base::make_error(ErrorKind::timeout,
                              "{} and all that it started were ended at the deadline", name);
    case End::cpu_time:
      return base::make_error(
          ErrorKind::timeout,
          "{} and what it started used more than {} of CPU time (cpu_time_limit)", name,
          base::format_duration(limits.cpu_time.value_or(std::chrono::milliseconds{})));
    case End::stopped:
      return base::make_error(ErrorKind::cancelled, "{} was cancelled", name);
    case End::memory:
      return base::make_error(ErrorKind::memory,
                              "{} and what it started used more than {} MiB (memory_limit_mb)",
                              name, facts.judged.memory_bytes / policy::mebibyte);
    case End::processes:
      return base::make_error(ErrorKind::limit,
                              "{} tried to have more than {} processes and threads (max_processes)",
                              name, limits.max_processes);
    case End::none:
      break;
  }
  return base::make_error(ErrorKind::internal, "the launcher ended without a report on {}", name);
}

Status status_of_end(End end) {
  switch (end) {
    case End::deadline:
    case End::cpu_time:
      return Status::timeout;
    case End::stopped:
      return Status::cancelled;
    case End::memory:
      return Status::memory_limit;
    case End::processes:
      return Status::process_limit;
    case End::none:
      break;
  }
  return Status::failed;
}

void add_limit_layers(const RunCgroup& cgroup, std::vector<std::string>& layers) {
  for (std::string& layer : cgroup.layers()) {
    layers.push_back(std::move(layer));
  }
  if (!cgroup.limits_memory()) {
    layers.emplace_back("memory by rlimit and watch (weaker: no memory cgroup)");
  }
  if (!cgroup.limits_tasks()) {
    layers.emplace_back("processes by rlimit and watch (weaker: no pids cgroup)");
  }
  layers.emplace_back("rlimits");
}

}  // namespace

void set_outcome(Result& result, const RunFacts& facts) {
  if (facts.end != End::none || !facts.wait_status) {
    result.status = status_of_end(facts.end);
    result.exit_code = signal_code_base + SIGKILL;
    result.error = end_error(facts);
    return;
  }
  const int status = *facts.wait_status;
  result.exit_code =
      WIFSIGNALED(status) ? signal_code_base + WTERMSIG(status) : WEXITSTATUS(status);
  result.status = result.exit_code == 0 ? Status::ok : Status::exited;
}

std::vector<std::string> layers_of(const RunCgroup& cgroup, const LaunchPlan& plan,
                                   const JudgedCommand& judged, unsigned walls) {
  const unsigned landlock_version = walls >> wall_landlock_shift;
  std::vector<std::string> layers;
  if (plan.tier == Tier::landlock_only) {
    layers = {"second tier (weaker): no namespaces on this machine",
              fmt::format("landlock {} (files, programs, signals, TCP)", landlock_version),
              "seccomp (no sockets, no IPC, no change of modes, owners or times)",
              "no capabilities, no new privileges"};
    add_limit_layers(cgroup, layers);
    return layers;
  }
  layers = {"user namespace", "mount namespace with a private root", "process namespace",
            "IPC, host name and cgroup namespaces"};
  if (!judged.wants_network) {
    layers.emplace_back("network namespace without network");
  } else if (plan.proxy_port == 0) {
    layers.emplace_back("network namespace without network (no proxy is set up for net_http)");
  } else {
    layers.emplace_back("network namespace with the policy's proxy only");
  }
  if ((walls & wall_process_tree) == 0) {
    layers.emplace_back("no /proc (the machine refuses a fresh one)");
  }
  if (landlock_version > 0) {
    layers.push_back(fmt::format("landlock {}", landlock_version));
  }
  layers.emplace_back("seccomp");
  layers.emplace_back("no capabilities, no new privileges");
  add_limit_layers(cgroup, layers);
  return layers;
}

bool lacks_namespaces(const Report& report) {
  return report.kind == Report::Kind::setup_failed &&
         report.value == static_cast<std::uint32_t>(SetupCause::namespaces) &&
         linux_::refuses_namespaces(report.error_number);
}

bool saw_changes(const Report& report) {
  return report.kind == Report::Kind::setup_failed &&
         report.value == static_cast<std::uint32_t>(SetupCause::changed_view);
}

Error cannot_confine(const Error& cause) {
  return Error{.kind = ErrorKind::unavailable,
               .message = "this machine cannot confine commands: " + cause.message +
                          "; user namespaces must be allowed (see docs/kernel_mechanisms.md), and "
                          "a command never runs unconfined",
               .resource = {},
               .system_errno = cause.system_errno};
}

Error not_set_up(const Error& cause, const CommandJob& job) {
  return Error{.kind = ErrorKind::unavailable,
               .message = base::printable(job.command) +
                          " was not run, because its sandbox could not be set up: " + cause.message,
               .resource = {},
               .system_errno = cause.system_errno};
}

Error start_failure(const Report& report, const CommandJob& job) {
  const std::string step = base::printable(report.step);
  const std::string name = base::printable(job.command);
  if (saw_changes(report)) {
    return base::make_error(ErrorKind::io,
                            "{} was not run: {}; the policy hides it, and it was given another "
                            "name or replaced each time; try again when its folder is quiet",
                            name, step);
  }
  if (report.error_number == ESTALE) {
    return base::make_error(
        ErrorKind::denied,
        "{} was not run: {}; what the policy resolved is no longer there under that name; "
        "compile the policy again",
        name, step);
  }
  Error cause = Error::from_errno(report.error_number, step, {});
  if (report.kind == Report::Kind::setup_failed) {
    return lacks_namespaces(report) ? cannot_confine(cause) : not_set_up(cause, job);
  }
  if (report.error_number == ENOENT || report.error_number == EACCES) {
    cause.message +=
        "; a script needs its interpreter (the #! line) among allowed_commands, and "
        "the working folder must be one that the policy opens";
  }
  return cause;
}

}  // namespace omnisandbox::process
