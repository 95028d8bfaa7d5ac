#pragma once

#include <sys/stat.h>

#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "policy/path/path_rules.h"

/// Opening a path that was judged, beneath the handle of its rule. Errors carry errno; ELOOP says
/// that there is a symbolic link on the way. For PathGate alone: nothing here asks the policy.
namespace omnisandbox::policy {

/// openat2 of `canonical` with all links forbidden; `flags` and `mode` as they are.
Expected<linux_::Fd> open_exactly(const PathRoot& root, std::string_view canonical, int flags,
                                  unsigned mode = 0);

struct OpenedFile {
  linux_::Fd file;
  struct stat status {};
  bool is_new = false;
};

/// The same for data: never blocks, and never opens a device, FIFO or socket (`invalid_argument`,
/// EOPNOTSUPP). O_CREAT creates what is missing. O_TRUNC must not be among the flags.
Expected<OpenedFile> open_data(const PathRoot& root, std::string_view canonical, int flags,
                               unsigned mode);

/// Whether `canonical`, a symbolic link, is one of those in /proc that lead to an open file and not
/// along a name.
bool is_magic_link(const linux_::Fd& link, const PathRoot& root, std::string_view canonical);

}  // namespace omnisandbox::policy
