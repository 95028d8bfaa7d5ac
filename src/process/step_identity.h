#pragma once

#include <sys/stat.h>

#include "process/launch_plan.h"

namespace omnisandbox::process {

inline std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// Notes which file the step is made for, and its stamp where the step says so.
inline void note_identity(ViewStep& step, const struct stat& status) {
  step.device = status.st_dev;
  step.inode = status.st_ino;
  if ((step.flags & step_keeps_stamp) != 0) {
    step.modified_ns = nanoseconds_of(status.st_mtim);
    step.changed_ns = nanoseconds_of(status.st_ctim);
  }
}

/// Whether `status` is the file that the step was made for, unchanged where the step says so.
inline bool is_same_file(const ViewStep& step, const struct stat& status) {
  if (status.st_dev != step.device || status.st_ino != step.inode) {
    return false;
  }
  return (step.flags & step_keeps_stamp) == 0 ||
         (nanoseconds_of(status.st_mtim) == step.modified_ns &&
          nanoseconds_of(status.st_ctim) == step.changed_ns);
}

}  // namespace omnisandbox::process
