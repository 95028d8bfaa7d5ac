#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/result.h"
#include "process/egress_server.h"
#include "process/run_cgroup.h"
#include "process/sandbox_pool.h"
#include "process/sandbox_reaper.h"
#include "process/seccomp_filters.h"
#include "process/system_parts.h"

namespace omnisandbox::process {

/// Whether the Result says what the command was refused.
enum class Explain : bool { no, yes };

/// One command to run, not judged yet.
struct CommandJob {
  std::string command{};
  std::vector<std::string> args{};
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  std::string run_id{};
  CommandStreams streams = CommandStreams::pipes;
  /// Each byte that comes there is a signal for the command. Non-blocking; may be null.
  const linux_::Fd* signals = nullptr;
  std::chrono::milliseconds stop_grace{};
  Explain explain = Explain::no;
};

/// What all runs of one sandbox share. Outlives them.
struct RunMachinery {
  linux_::Fd launcher;
  SeccompFilters filters;
  SystemParts system;
  EgressServer* egress = nullptr;  ///< may be null: no network
  /// Set once the private folders of killed processes have been looked for. Only runs without
  /// namespaces have such folders: no other run reads the list of all temporary files.
  mutable std::once_flag swept{};
  /// For tests: do not try namespaces.
  bool without_namespaces = false;
  /// For tests of what a failing step leaves behind; see LaunchPlan::failing_step.
  std::uint32_t failing_step = 0;
  /// What control groups held when they were tried.
  CgroupReach cgroup_reach{};
  /// What runs leave is taken away here, after their Results.
  std::unique_ptr<SandboxReaper> reaper = std::make_unique<SandboxReaper>();
  /// Null: every run is prepared when it begins. Last: its thread uses the launcher.
  std::unique_ptr<SandboxPool> pool{};
};

struct MachineryOptions {
  std::string launcher{};
  EgressServer* egress = nullptr;
  std::size_t warm_sandboxes = 0;
};

Expected<std::unique_ptr<RunMachinery>> prepare_machinery(const MachineryOptions& options);

/// Begins to fill the pool, where there is one, with what the policy's first command needs.
void warm_up(const Policy& policy, const RunMachinery& machinery);

/// Judges, confines, runs and waits. Writes no audit records. Safe from several threads.
Expected<Result> run_confined(const Policy& policy, const RunMachinery& machinery,
                              const CommandJob& job);

}  // namespace omnisandbox::process
