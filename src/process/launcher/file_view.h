#pragma once

#include "process/launch_plan.h"
#include "process/launcher/reporting.h"

namespace omnisandbox::process::launcher {

/// Builds the new root from the plan's steps and moves into it; the old root is out of reach
/// afterwards. `has_process_tree` tells whether /proc could be made.
bool enter_file_view(const LaunchPlan& plan, StepCounter& steps, bool& has_process_tree,
                     Failure& failure);

}  // namespace omnisandbox::process::launcher
