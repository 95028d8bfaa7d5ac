#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "process/cgroup_folder.h"

namespace omnisandbox::process {

/// What a run may use, and what it used, as far as control groups count it.
struct CgroupLimits {
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;
};

/// What control groups hold on this machine.
struct CgroupReach {
  bool memory = false;
  bool tasks = false;
  bool operator==(const CgroupReach&) const = default;
};

/// The control groups of one run, under the caller's own: one of version 2, or one in each of the
/// hierarchies of version 1 that are there and may be written. Removed on destruction; the run's
/// processes must be gone by then.
class RunCgroup {
 public:
  /// Never fails: what the machine does not offer is not limited, and `limits_memory` and
  /// `limits_tasks` say so.
  static RunCgroup create(const CgroupLimits& limits);
  /// Removes the groups of processes that were killed, where `create` would make new ones.
  static void remove_abandoned();

  bool limits_memory() const noexcept { return memory_events_.is_open(); }
  bool limits_tasks() const noexcept { return task_events_.is_open(); }
  CgroupReach reach() const noexcept {
    return {.memory = limits_memory(), .tasks = limits_tasks()};
  }
  /// Version 2: processes are born into it.
  const linux_::Fd* birth_place() const noexcept {
    return unified_.is_open() ? &unified_ : nullptr;
  }
  /// Version 1: the files through which a process enters by itself.
  std::vector<const linux_::Fd*> entrances() const;

  /// How often a process was killed for memory, and refused for the number of tasks.
  std::uint64_t memory_kills() const;
  std::uint64_t task_refusals() const;
  std::uint64_t peak_memory_bytes() const;
  std::vector<std::string> layers() const;

 private:
  RunCgroup() = default;
  bool create_unified(const CgroupLimits& limits, const std::string& place);
  /// The group, which then holds its limit; null where this machine refuses it.
  const linux_::Fd* create_legacy(const std::string& place, const char* limit_file,
                                  std::uint64_t limit);

  std::vector<CgroupFolder> folders_;  // removed on destruction
  linux_::Fd unified_;
  std::vector<linux_::Fd> entrances_;
  // Files that count, of either version. Open from the beginning: they are read when somebody waits
  // for the Result.
  linux_::Fd memory_events_;
  linux_::Fd memory_peak_;
  linux_::Fd task_events_;
};

}  // namespace omnisandbox::process
