#pragma once

#include <string>

#include "omnisandbox/expected.h"

/// What this kernel lets this process do, found out by doing it and undoing it. Each error says
/// which step was refused. Some probes fork: call them only while the process has a single thread.
namespace omnisandbox::linux_ {

/// A user namespace with mount, pid, ipc, uts and network namespaces below it.
Expected<void> probe_namespaces();
/// A mount inside such namespaces; refused by AppArmor on systems that let the namespaces
/// themselves be made.
Expected<void> probe_private_mounts();
/// The version of Landlock's interface (landlock(7)).
Expected<int> probe_landlock();
/// A seccomp filter that allows everything, in a child.
Expected<void> probe_seccomp_filter();
/// openat2(2) with RESOLVE_BENEATH.
Expected<void> probe_openat2();

/// The cgroup folder of this process in which it may make groups of its own, with the memory and
/// pids controllers.
struct CgroupDelegation {
  std::string folder;
  std::string controllers;  ///< as the kernel lists them
};
Expected<CgroupDelegation> probe_cgroups();

}  // namespace omnisandbox::linux_
