#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "process/command_run.h"
#include "process/command_terms.h"
#include "process/launch_plan.h"
#include "process/private_folder.h"
#include "process/run_cgroup.h"

namespace omnisandbox::process {

/// All that the launcher is told for one run.
struct RunPlan {
  LaunchPlan walls;
  CommandStart start;
  std::optional<PrivateFolder> private_folder{};  ///< of the second tier
};

struct PlanRequest {
  const Policy& policy;
  const JudgedCommand& judged;
  const CommandJob& job;
  const RunMachinery& machinery;
  Tier tier = Tier::namespaces;
  CgroupReach reach{};
};

/// Derives walls and command from the policy. Looks at the folders that the policy opens, so the
/// answer holds for one run. `unavailable` where the tier cannot hold the policy.
Expected<RunPlan> make_run_plan(const PlanRequest& request);

/// Whether commands reach the policy's hosts through a proxy.
bool has_proxy(const JudgedCommand& judged, const RunMachinery& machinery, Tier tier);

/// The filter that decides of a run's system calls.
Expected<std::string_view> filter_for(const RunMachinery& machinery, const LaunchPlan& walls);

/// What the control groups of a run are to hold.
CgroupLimits cgroup_limits(const policy::CompiledPolicy& policy, const JudgedCommand& judged);

/// The walls as a prepared sandbox has them, which does not know its command yet: no program is
/// more needed than another.
LaunchPlan without_main_program(LaunchPlan walls);

/// Whether folders and programs are still what the policy opened and resolved, under their names.
/// What was prepared earlier must not be used otherwise.
bool sources_are_unchanged(const LaunchPlan& walls);

}  // namespace omnisandbox::process
