#pragma once

#include <sched.h>
#include <unistd.h>

#include <fstream>

namespace omnisandbox::linux_ {

/// Gives this process, which must have one thread, mounts of its own and the right to change them:
/// nobody else sees them, and they end with it. False where the machine does not let it. For tests
/// only.
inline bool take_own_mounts() {
  const uid_t user = ::getuid();
  const gid_t group = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return false;
  }
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  return ::getuid() == 0;
}

}  // namespace omnisandbox::linux_
