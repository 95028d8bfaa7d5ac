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

/// Of what is covered: which file it is, and a stamp that only comparing plans looks at. Where it
/// was written since, the cover fits all the same; but a name that was removed and made anew lost
/// the cover of a sandbox that was prepared before, and may have the same inode number.
inline void note_covered(ViewStep& step, const struct stat& status) {
  note_identity(step, status);
  step.changed_ns = nanoseconds_of(status.st_ctim);
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
