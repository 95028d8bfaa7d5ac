#pragma once

#include <cstdint>
#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// What the kernel knows of an open handle; O_PATH is enough. These need /proc.
namespace omnisandbox::linux_ {

/// The name by which the file was opened, followed through later renames. Not absolute, or ending
/// in " (deleted)", where there is none any more: the caller compares.
Expected<std::string> path_of(const Fd& file);

/// A path that means the open file itself, in this process, for an interface that takes paths only.
std::string name_of(const Fd& file);

/// Opens the same file once more, whatever its name means now. `flags` as for open(2).
Expected<Fd> reopen(const Fd& file, int flags);

struct FileSystemKind {
  bool excludes_devices = false;  ///< mounted nodev
  bool is_procfs = false;
  bool runs_code = false;   ///< not mounted noexec
  std::uint64_t magic = 0;  ///< of linux/magic.h
};
Expected<FileSystemKind> file_system_of(const Fd& file);

}  // namespace omnisandbox::linux_
