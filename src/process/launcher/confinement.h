#pragma once

#include "process/launch_plan.h"
#include "process/launcher/reporting.h"

namespace omnisandbox::process::launcher {

/// Opens a Landlock domain for the plan's paths in the file view that is in force. -1 with errno 0
/// where the kernel has no Landlock and namespaces stand for it.
bool prepare_landlock(const LaunchPlan& plan, StepCounter& steps, int version, int& ruleset,
                      Failure& failure);

/// The last walls, from within, in the command's process: limits, capabilities, no_new_privs,
/// Landlock, seccomp. `ruleset` may be -1.
bool confine_self(const LaunchPlan& plan, StepCounter& steps, int ruleset, Failure& failure);

}  // namespace omnisandbox::process::launcher
