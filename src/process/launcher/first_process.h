#pragma once

#include <sys/types.h>

#include "process/launch_plan.h"

namespace omnisandbox::process::launcher {

/// What pid 1 of the sandbox does while the command runs: reaps what ends, watches the limits that
/// no cgroup watches, and ends everything when the command has ended or the library is gone. When
/// pid 1 ends, the kernel kills all that is left.
[[noreturn]] void serve_as_first_process(const LaunchPlan& plan, pid_t command);

}  // namespace omnisandbox::process::launcher
