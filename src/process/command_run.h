#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "process/egress_server.h"

namespace omnisandbox::process {

/// One command to run, not judged yet.
struct CommandJob {
  std::string command;
  std::vector<std::string> args;
  std::string stdin_data;
  std::map<std::string, std::string> environment;
  std::chrono::steady_clock::time_point deadline;
  std::stop_token stop;
  std::function<void(std::string_view)> on_stdout;
  std::function<void(std::string_view)> on_stderr;
  std::string run_id;
};

/// What all runs of one sandbox share. Outlives them.
struct RunMachinery {
  linux_::Fd launcher;
  std::string filter_without_network;
  std::string filter_with_network;
  EgressServer* egress = nullptr;  ///< may be null: no network
  /// For tests: do not try namespaces.
  bool without_namespaces = false;
  std::string filter_without_ipc;  ///< of the second tier, which shares the host's IPC
  /// For tests of what a failing step leaves behind; see LaunchPlan::failing_step.
  std::uint32_t failing_step = 0;
};

Expected<RunMachinery> prepare_machinery(const std::string& launcher, EgressServer* egress);

/// Judges, confines, runs and waits. Writes no audit records. Safe from several threads.
Expected<Result> run_confined(const Policy& policy, const RunMachinery& machinery,
                              const CommandJob& job);

}  // namespace omnisandbox::process
