#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/strong_bool.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// A child of this process: pid and pidfd together. Killed and reaped on destruction.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(pid_t pid, Fd handle) : pid_(pid), handle_(std::move(handle)) {}
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), handle_(std::move(other.handle_)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const noexcept { return pid_; }
  /// Readable once the process has ended.
  const Fd& handle() const noexcept { return handle_; }

  /// SIGKILL. A process that has ended already is no error.
  void kill() const noexcept;

  struct Ending {
    int code = 0;    ///< CLD_EXITED, CLD_KILLED or CLD_DUMPED
    int status = 0;  ///< exit code or signal
    rusage usage{};  ///< of the process and of all descendants that were waited for
  };
  /// Takes the ended process away; empty while it still runs.
  Expected<std::optional<Ending>> reap();
  /// The same, and what is left of the process stays until `reap` or destruction: the kernel takes
  /// a while to remove it.
  Expected<std::optional<Ending>> ending() const;

  /// A handle that keeps the mount namespace of the process after its end: the last one that is
  /// closed takes the mounts down, and waits for the kernel meanwhile. Not open where the kernel
  /// refuses it.
  Fd mount_namespace() const noexcept;

 private:
  Expected<std::optional<Ending>> wait_now(int options) const;

  pid_t pid_ = 0;
  Fd handle_;
};

/// What a program starts with. Descriptor N of `files` becomes its descriptor N; it inherits
/// nothing else.
struct SpawnRequest {
  const Fd* program = nullptr;  ///< O_PATH; executed by this handle; must not be a script
  std::vector<std::string> args{};
  std::vector<std::string> environment{};
  std::vector<const Fd*> files{};
  std::uint64_t namespaces = 0;  ///< CLONE_NEW* flags of clone(2)
  /// cgroup v2 folder to be born into; null: the caller's
  const Fd* cgroup = nullptr;
  /// `tasks` files of cgroup v1, open for writing: the child enters these groups before it executes
  /// anything. By itself, because a thread that moves itself needs no lock over all processes;
  /// moving another one waits for a grace period of the kernel, 10 ms and more.
  std::vector<const Fd*> entered_groups{};
  /// With CLONE_NEWUSER: these capabilities of the new namespace (bit N for capability N) survive
  /// the exec.
  std::uint64_t kept_capabilities = 0;
};

/// Starts a program without ever running code of this process in a second process of many threads:
/// like posix_spawn(3), the child shares the memory and the caller waits until it has called
/// execve. With CLONE_NEWUSER the caller's user and group are mapped to themselves. An error names
/// the step; `unavailable` where it is one that makes namespaces, and the machine refuses those.
Expected<ChildProcess> spawn(const SpawnRequest& request);

/// How kernels, sysctls, AppArmor and container engines refuse namespaces and mounts.
bool refuses_namespaces(int error_number) noexcept;

}  // namespace omnisandbox::linux_
