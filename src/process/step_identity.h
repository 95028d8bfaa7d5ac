#pragma once

#include <sys/stat.h>

#include "process/launch_plan.h"

namespace omnisandbox::process {

/// Whether `status` is the file that the step was made for, unchanged where the step says so.
inline bool is_same_file(const ViewStep& step, const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  if (status.st_dev != step.device || status.st_ino != step.inode) {
    return false;
  }
  return (step.flags & step_keeps_stamp) == 0 || (nanoseconds(status.st_mtim) == step.modified_ns &&
                                                  nanoseconds(status.st_ctim) == step.changed_ns);
}

}  // namespace omnisandbox::process
