#pragma once

#include <sys/types.h>

#include "process/launch_plan.h"

namespace omnisandbox::process::launcher {

/// Not 0 while the process that becomes the command uses this process's memory.
using SharedUntilExec = volatile pid_t;

/// What pid 1 of the sandbox does while the command runs: reaps what ends, watches the limits that
/// no cgroup watches, and ends everything when the command has ended or the library is gone. When
/// pid 1 ends, the kernel kills all that is left.
[[noreturn]] void serve_as_first_process(const LaunchPlan& plan, pid_t command,
                                         const SharedUntilExec& shares_memory);

}  // namespace omnisandbox::process::launcher
