#pragma once

#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

/// Calls on processes, -1 and errno on failure; nothing here allocates.
namespace omnisandbox::linux_ {

inline int close_range(unsigned first, unsigned last, unsigned flags) {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}
inline int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
inline int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}
/// waitid(2) with the resource usage that the C library's wrapper leaves out.
inline int wait_id(idtype_t type, id_t id, siginfo_t* info, int options, struct rusage* usage) {
  return static_cast<int>(::syscall(SYS_waitid, type, id, info, options, usage));
}

}  // namespace omnisandbox::linux_
