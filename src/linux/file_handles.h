#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// What the kernel knows of an open handle; O_PATH is enough. These need /proc.
namespace omnisandbox::linux_ {

/// The name by which the file was opened, followed through later renames. Not absolute, or ending
/// in " (deleted)", where there is none any more: the caller compares.
Expected<std::string> path_of(const Fd& file);

/// Opens the same file once more, whatever its name means now. `flags` as for open(2).
Expected<Fd> reopen(const Fd& file, int flags);

struct FileSystemKind {
  bool excludes_devices = false;  ///< mounted nodev
  bool is_procfs = false;
};
Expected<FileSystemKind> file_system_of(const Fd& file);

}  // namespace omnisandbox::linux_
