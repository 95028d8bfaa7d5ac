#include "linux/kernel_probes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/landlock_calls.h"
#include "linux/privilege_calls.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

constexpr int all_namespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

/// Runs `attempt` in a child; it returns 0 or an errno, which is the child's exit code. A child
/// that dies is EPERM.
template <class Attempt>
Expected<void> in_child(std::string_view operation, Attempt attempt) {
  const pid_t child = ::fork();
  if (child < 0) {
    return Error::from_errno(errno, "fork for", operation);
  }
  if (child == 0) {
    ::_exit(attempt());
  }
  int status = 0;
  if (retry_interrupted([&] { return ::waitpid(child, &status, 0); }) < 0) {
    return Error::from_errno(errno, "waitpid for", operation);
  }
  const int problem = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
  if (problem != 0) {
    return Error::from_errno(problem, operation, "in a child");
  }
  return {};
}

/// The folder of cgroup v2 that this process is in: of the unified tree, or of the second tree of
/// hybrid systems.
Expected<std::string> own_cgroup() {
  struct statfs status {};
  std::string root = "/sys/fs/cgroup";
  if (::statfs(root.c_str(), &status) != 0 || status.f_type != CGROUP2_SUPER_MAGIC) {
    root += "/unified";
    if (::statfs(root.c_str(), &status) != 0 || status.f_type != CGROUP2_SUPER_MAGIC) {
      return base::make_error(
          ErrorKind::unavailable,
          "cgroup v2 is mounted neither at /sys/fs/cgroup nor at /sys/fs/cgroup/unified");
    }
  }
  std::ifstream file("/proc/self/cgroup");
  constexpr std::string_view prefix = "0::";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(prefix)) {
      return root + line.substr(prefix.size());
    }
  }
  return base::make_error(ErrorKind::unavailable, "/proc/self/cgroup names no cgroup v2");
}

}  // namespace

Expected<void> probe_namespaces() {
  return in_child("unshare", [] { return ::unshare(all_namespaces) == 0 ? 0 : errno; });
}

Expected<void> probe_private_mounts() {
  return in_child("mount in new namespaces", [] {
    const bool mounted = ::unshare(all_namespaces) == 0 &&
                         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0;
    return mounted ? 0 : errno;
  });
}

Expected<int> probe_landlock() {
  const int version = landlock_version();
  if (version < 0) {
    return Error::from_errno(errno, "landlock_create_ruleset", "version");
  }
  return version;
}

Expected<void> probe_seccomp_filter() {
  return in_child("seccomp", [] {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{.len = 1, .filter = &allow};
    return set_no_new_privileges() == 0 && install_seccomp_filter(program) == 0 ? 0 : errno;
  });
}

Expected<void> probe_openat2() {
  const Fd root = TRY(open_at2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0));
  auto outside = open_at2(root.get(), "..", O_PATH | O_DIRECTORY, 0, resolve_exactly);
  if (outside) {
    return base::make_error(ErrorKind::unavailable, "openat2 did not hold RESOLVE_BENEATH");
  }
  if (outside.error().system_errno != EXDEV) {
    return std::move(outside).error();
  }
  return {};
}

Expected<CgroupDelegation> probe_cgroups() {
  std::string folder = TRY(own_cgroup());
  std::string controllers;
  std::ifstream listed(folder + "/cgroup.controllers");
  std::getline(listed, controllers);
  const std::string child = fmt::format("{}/omnisandbox-probe-{}", folder, ::getpid());
  constexpr mode_t folder_mode = 0755;
  if (::mkdir(child.c_str(), folder_mode) != 0) {
    return Error::from_errno(errno, "mkdir", child);
  }
  static_cast<void>(::rmdir(child.c_str()));
  const std::string padded = " " + controllers + " ";
  for (const std::string_view needed : {" memory ", " pids "}) {
    if (padded.find(needed) == std::string::npos) {
      return base::make_error(ErrorKind::unavailable,
                              "the controller{}is not delegated to {} (it has: {})", needed, folder,
                              controllers.empty() ? "none" : controllers);
    }
  }
  return CgroupDelegation{.folder = std::move(folder), .controllers = std::move(controllers)};
}

}  // namespace omnisandbox::linux_
