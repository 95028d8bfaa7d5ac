#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace omnisandbox::process::launcher {

struct TreeSize {
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;
  std::uint64_t cpu_ms = 0;  ///< with what their own ended children used
};

/// Pid 1 of a process namespace: all processes but itself. Else: the children of this process, and
/// theirs.
std::vector<pid_t> processes_of_namespace();
std::vector<pid_t> descendants();

/// Private memory and threads of these processes.
TreeSize measure(const std::vector<pid_t>& processes);

/// Kills all descendants of this process, which must be their subreaper, until there are none.
void kill_descendants();

}  // namespace omnisandbox::process::launcher
