#include "wasm/worker/confinement.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/try.h"
#include "linux/core_dumps.h"
#include "linux/fd.h"
#include "linux/landlock_calls.h"
#include "linux/privilege_calls.h"
#include "wasm/cache/cache_entry.h"
#include "wasm/worker/messages.h"

namespace omnisandbox::wasm::worker {
namespace {

// Computing, memory, threads of its own, time, and talking over what is open already. Nothing here
// takes a path, makes a socket, or reaches another process.
constexpr const char* allowed_calls[] = {
    "brk",         "clock_getres", "clock_gettime",  "clock_nanosleep", "close",
    "exit",        "exit_group",   "fstat",          "ftruncate",       "futex",
    "getcpu",      "getpid",       "getrandom",      "gettid",          "gettimeofday",
    "lseek",       "madvise",      "memfd_create",   "mincore",         "mlock",
    "mmap",        "mprotect",     "mremap",         "munlock",         "munmap",
    "nanosleep",   "poll",         "ppoll",          "pread64",
#ifdef OMNISANDBOX_WORKER_UNDER_SANITIZERS
    "pipe2",  // by which they try whether memory can be read
#endif
    "pwrite64",    "read",         "recvfrom",       "recvmsg",         "restart_syscall",
    "rseq",        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",    "sched_getaffinity",
    "sched_yield", "sendmsg",      "sendto",         "set_robust_list", "sigaltstack",
    "write",       "writev"};

// For numbers that libseccomp resolves but this architecture lacks there is nothing to allow.
constexpr int unknown_call = __NR_SCMP_ERROR;

struct ReleaseFilter {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};

Error refused(int negative_errno, const char* step) {
  Error error = Error::from_errno(-negative_errno, step, "the worker's seccomp filter");
  error.kind = ErrorKind::unavailable;
  return error;
}

// The macros of libseccomp leave a field out, about which clang complains.
scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

Expected<void> install_filter() {
  // EPERM, as a kernel without these rights would say: a library that tries something optional goes
  // on without it.
  const std::unique_ptr<void, ReleaseFilter> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) {
    return base::make_error(ErrorKind::unavailable, "the worker's seccomp filter cannot be made");
  }
  scmp_filter_ctx context = filter.get();
  for (const char* name : allowed_calls) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == unknown_call) {
      continue;
    }
    if (const int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0); result != 0) {
      return refused(result, name);
    }
  }
  // Threads, but no processes. clone3's flags lie in memory, where a filter cannot look; the C
  // library then uses clone.
  constexpr std::uint64_t thread_flags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  constexpr std::uint64_t more_thread_flags =
      CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED;
  int result = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (result == 0) {
    result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, ~more_thread_flags, thread_flags));
  }
  // Naming a thread; keeping a descriptor twice; sealing a memory file; asking how much of a memory
  // was touched; its own death by abort().
  if (result == 0) {
    result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, equals(0, PR_SET_NAME));
  }
  for (const int command : {F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS}) {
    if (result == 0) {
      result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                equals(1, static_cast<unsigned>(command)));
    }
  }
  constexpr std::uint64_t pagemap_scan = 0xC0606610;  // PAGEMAP_SCAN of linux/fs.h, since Linux 6.7
  if (result == 0) {
    result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, equals(1, pagemap_scan));
  }
  if (result == 0) {
    result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              equals(0, static_cast<std::uint64_t>(::getpid())));
  }
  if (result != 0) {
    return refused(result, "seccomp_rule_add");
  }
  // All threads, although there should be one only.
  seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
  if (result = seccomp_load(context); result != 0) {
    return refused(result, "seccomp_load");
  }
  return {};
}

/// Nothing of the file system, no TCP, no signal or abstract socket of anybody else. Whether the
/// kernel has it.
Expected<bool> install_landlock() {
  const int version = linux_::landlock_version();
  if (version <= 0) {
    return false;
  }
  namespace landlock = linux_::landlock;
  landlock::RulesetAttributes attributes{};
  attributes.handled_access_fs = landlock::file_system_rights(version);
  attributes.handled_access_net =
      version >= 4 ? landlock::net_bind_tcp | landlock::net_connect_tcp : 0;
  attributes.scoped =
      version >= 6 ? landlock::scope_abstract_unix_socket | landlock::scope_signal : 0;
  const linux_::Fd ruleset(linux_::landlock_create_ruleset(attributes, version));
  if (!ruleset.is_open() || linux_::landlock_restrict_self(ruleset.get()) != 0) {
    Error error = Error::from_errno(errno, "landlock_restrict_self", "a worker");
    error.kind = ErrorKind::unavailable;
    return error;
  }
  return true;
}

Expected<void> limit(__rlimit_resource_t resource, std::uint64_t value) {
  rlimit current{};
  if (::getrlimit(resource, &current) != 0) {
    return Error::from_errno(errno, "getrlimit", "a worker");
  }
  const rlim_t lowest = std::min<rlim_t>(value, current.rlim_max);
  const rlimit wanted{lowest, lowest};
  if (::setrlimit(resource, &wanted) != 0) {
    return Error::from_errno(errno, "setrlimit", "a worker");
  }
  return {};
}

// /proc/self/task has an entry for each thread, and "." and "..".
Expected<void> check_single_thread() {
  struct stat status {};
  if (::stat("/proc/self/task", &status) == 0 && status.st_nlink > 3) {
    return base::make_error(ErrorKind::internal,
                            "a worker has {} threads before it is confined; it must have one",
                            status.st_nlink - 2);
  }
  return {};
}

// The largest image of a memory or code that the engine puts into a memory file.
constexpr std::uint64_t max_file_bytes = max_cache_entry_bytes;
// Images of the modules' memories, one each, and the channel.
constexpr std::uint64_t max_open_files = 1024;

}  // namespace

Expected<std::uint32_t> confine_this_process(std::uint64_t data_bytes) {
  std::uint32_t layers = layer_seccomp;
  TRY(check_single_thread());
  TRY(limit(RLIMIT_CORE, linux_::no_core_dump));
  TRY(limit(RLIMIT_FSIZE, max_file_bytes));
  TRY(limit(RLIMIT_NOFILE, max_open_files));
#ifndef OMNISANDBOX_WORKER_UNDER_SANITIZERS  // they map terabytes of their own
  TRY(limit(RLIMIT_DATA, data_bytes));
  layers |= layer_memory;
#else
  static_cast<void>(data_bytes);
#endif
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || linux_::drop_all_capabilities() != 0 ||
      linux_::set_no_new_privileges() != 0) {
    return Error::from_errno(errno, "prctl", "a worker");
  }
  if (TRY(install_landlock())) {
    layers |= layer_landlock;
  }
  TRY(install_filter());
  return layers;
}

Expected<void> end_with_parent(int parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    return Error::from_errno(errno, "prctl", "PR_SET_PDEATHSIG");
  }
  // It may have ended before.
  if (::getppid() != parent) {
    return base::make_error(ErrorKind::unavailable, "the process that started this worker is gone");
  }
  return {};
}

}  // namespace omnisandbox::wasm::worker
