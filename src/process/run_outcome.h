#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "omnisandbox/result.h"
#include "process/command_run.h"
#include "process/command_terms.h"
#include "process/launch_plan.h"
#include "process/run_cgroup.h"

namespace omnisandbox::process {

/// Why a run was ended from outside; `none`: it ended by itself.
enum class End : std::uint8_t { none, deadline, stopped, memory, processes, cpu_time };

struct RunFacts {
  const Policy& policy;
  const JudgedCommand& judged;
  const CommandJob& job;
  End end = End::none;
  std::optional<int> wait_status{};  ///< of the command, as of wait(2)
};

/// Sets status, exit code and error.
void set_outcome(Result& result, const RunFacts& facts);

/// The layers that held a run. `walls`: the launcher's WallFlags.
std::vector<std::string> layers_of(const RunCgroup& cgroup, const LaunchPlan& plan,
                                   const JudgedCommand& judged, unsigned walls);

/// What a launcher's report of failure means for the caller.
Error start_failure(const Report& report, const CommandJob& job);
/// The machine refused namespaces, or what is made in them under every policy.
Error cannot_confine(const Error& cause);
/// Any other step failed before the command began.
Error not_set_up(const Error& cause, const CommandJob& job);
/// Whether it was the namespaces themselves that the machine refused.
bool lacks_namespaces(const Report& report);
/// Whether something that was to be covered was not there any more.
bool saw_changes(const Report& report);

}  // namespace omnisandbox::process
