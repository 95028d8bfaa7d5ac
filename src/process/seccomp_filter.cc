#include "process/seccomp_filter.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "linux/fd.h"
#include "linux/file_system.h"
#include "process/argument_rules.h"
#include "process/filter_program.h"

namespace omnisandbox::process {
namespace {

// What ordinary programs do: files, memory, threads, signals, time, pipes, their own processes.
constexpr const char* allowed_calls[] = {
    // Files and folders
    "access", "chdir", "chown", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchown", "fchownat", "fcntl",
    "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
    "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr",
    "link", "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
    "newfstatat", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat",
    "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink",
    "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
    // Waiting
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd", "eventfd2", "pause", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select",
    "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // Memory
    "brk", "get_mempolicy", "madvise", "map_shadow_stack", "membarrier", "mincore", "mlock",
    "mlock2", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munmap", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "remap_file_pages",
    // Processes and threads
    "arch_prctl", "capget", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list",
    "get_thread_area", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
    "gettid", "getuid", "ioprio_get", "kill", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "restart_syscall", "rseq", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address",
    "setpgid", "setpriority", "setrlimit", "setsid", "tgkill", "times", "tkill", "vfork", "wait4",
    "waitid", "waitpid", "getcpu",
    // Refused by the kernel to a process without capabilities, and asked for all the same
    "setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid",
    "setuid", "capset", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    // Signals
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack",
    // Time
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday",
    "nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
    "timer_gettime", "timer_settime",
    // The system, as far as it is everybody's to know
    "getrandom", "sysinfo", "uname",
    // Sockets, once they could be made
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown"};

// Of a run's own IPC namespace.
constexpr const char* ipc_calls[] = {
    "mq_getsetattr", "mq_notify",  "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    "msgctl",        "msgget",     "msgrcv",  "msgsnd",          "semctl",       "semget",
    "semop",         "semtimedop", "shmat",   "shmctl",          "shmdt",        "shmget"};

// What Landlock does not hold, and a private root does: the metadata of every file of this user's,
// and the news of it.
constexpr const char* metadata_calls[] = {"chmod",
                                          "chown",
                                          "fchmod",
                                          "fchmodat",
                                          "fchmodat2",
                                          "fchown",
                                          "fchownat",
                                          "fsetxattr",
                                          "fremovexattr",
                                          "futimesat",
                                          "inotify_add_watch",
                                          "lchown",
                                          "lsetxattr",
                                          "lremovexattr",
                                          "removexattr",
                                          "setxattr",
                                          "utime",
                                          "utimensat",
                                          "utimes"};

// These take a process, and the host's are in sight without a process namespace: only with 0, the
// caller itself.
constexpr const char* process_calls[] = {"prlimit64", "sched_setaffinity", "sched_setattr",
                                         "sched_setparam", "sched_setscheduler"};

// Known to reach beyond: refused, where an unknown call "does not exist".
constexpr const char* refused_calls[] = {"acct",
                                         "add_key",
                                         "bpf",
                                         "chroot",
                                         "clock_adjtime",
                                         "clock_settime",
                                         "delete_module",
                                         "fanotify_init",
                                         "finit_module",
                                         "fsconfig",
                                         "fsmount",
                                         "fsopen",
                                         "fspick",
                                         "init_module",
                                         "ioperm",
                                         "iopl",
                                         "kcmp",
                                         "kexec_file_load",
                                         "kexec_load",
                                         "keyctl",
                                         "lookup_dcookie",
                                         "mbind",
                                         "migrate_pages",
                                         "mount",
                                         "mount_setattr",
                                         "move_mount",
                                         "move_pages",
                                         "name_to_handle_at",
                                         "nfsservctl",
                                         "open_by_handle_at",
                                         "open_tree",
                                         "perf_event_open",
                                         "pidfd_getfd",
                                         "pivot_root",
                                         "process_madvise",
                                         "process_vm_readv",
                                         "process_vm_writev",
                                         "ptrace",
                                         "quotactl",
                                         "quotactl_fd",
                                         "reboot",
                                         "request_key",
                                         "set_mempolicy",
                                         "setdomainname",
                                         "sethostname",
                                         "setns",
                                         "settimeofday",
                                         "swapoff",
                                         "swapon",
                                         "syslog",
                                         "umount2",
                                         "unshare",
                                         "userfaultfd",
                                         "vhangup"};

// The kernel reads 32 bits of these arguments; what stands above must not change the answer.
constexpr scmp_datum_t low_half = 0xffffffff;
constexpr std::uint64_t namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                          CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                          CLONE_NEWNET;

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), ::seccomp_release) {}

  bool prepare() {
    // 32-bit and x32 calls do not exist either: their numbers would mean other calls.
    note(context_ == nullptr
             ? -ENOMEM
             : ::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
    // A balanced tree: the cost of a call does not depend on its place in the list.
    note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
    return problem_ == 0;
  }

  void add(std::uint32_t action, std::span<const char* const> calls) {
    for (const char* call : calls) {
      if (std::none_of(withheld_.begin(), withheld_.end(),
                       [call](std::string_view other) { return other == call; })) {
        rule(action, call, {});
      }
    }
  }
  /// These are not added from now on, whatever list they are on.
  void withhold(std::span<const char* const> calls) {
    withheld_.insert(withheld_.end(), calls.begin(), calls.end());
  }
  bool withholds(std::string_view call) const {
    return std::find(withheld_.begin(), withheld_.end(), call) != withheld_.end();
  }
  void rule(std::uint32_t action, const char* call, std::span<const scmp_arg_cmp> conditions) {
    const int number = ::seccomp_syscall_resolve_name(call);
    // A call that this library or architecture does not know is covered by the default.
    if (number == __NR_SCMP_ERROR || number < 0) {
      return;
    }
    note(::seccomp_rule_add_array(context_.get(), action, number,
                                  static_cast<unsigned>(conditions.size()), conditions.data()));
  }
  void allow_if(const char* call, const scmp_arg_cmp& condition) {
    rule(SCMP_ACT_ALLOW, call, {&condition, 1});
  }
  void allow_if(const char* call, const scmp_arg_cmp& first, const scmp_arg_cmp& second) {
    const std::array conditions = {first, second};
    rule(SCMP_ACT_ALLOW, call, conditions);
  }
  void refuse_if(const char* call, int error, const scmp_arg_cmp& condition) {
    rule(SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, {&condition, 1});
  }

  /// By the low half of an argument, before all rules for that call. `if_listed` and `otherwise`:
  /// SCMP_ACT_*, or nothing where the rules answer.
  void by_argument(const char* call, unsigned argument, std::span<const std::uint64_t> values,
                   std::optional<std::uint32_t> if_listed, std::optional<std::uint32_t> otherwise) {
    const int number = ::seccomp_syscall_resolve_name(call);
    if (number == __NR_SCMP_ERROR || number < 0) {
      return;
    }
    ArgumentRule rule{.call = number, .argument = argument, .values = {}};
    for (const std::uint64_t value : values) {
      rule.values.push_back(static_cast<std::uint32_t>(value));
    }
    rule.if_listed = if_listed;
    rule.otherwise = otherwise;
    argument_rules_.push_back(std::move(rule));
  }

  int problem() const { return problem_; }
  Expected<std::string> exported() const;

 private:
  void note(int result) {
    if (result < 0 && problem_ == 0) {
      problem_ = -result;
    }
  }
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int problem_ = 0;
  std::vector<ArgumentRule> argument_rules_;
  std::vector<std::string_view> withheld_;
};

Expected<std::string> Filter::exported() const {
  const linux_::Fd file(::memfd_create("seccomp-filter", MFD_CLOEXEC));
  if (!file.is_open()) {
    return Error::from_errno(errno, "memfd_create", "the system call filter");
  }
  if (const int result = ::seccomp_export_bpf(context_.get(), file.get()); result < 0) {
    return Error::from_errno(-result, "seccomp_export_bpf", "the system call filter");
  }
  const struct stat status = TRY(linux_::stat_of(file));
  std::string program(static_cast<std::size_t>(status.st_size), '\0');
  TRY(linux_::read_full_at(file, std::as_writable_bytes(std::span(program)), 0));
  return with_argument_rules(argument_rules_, program);
}

scmp_arg_cmp low_equals(unsigned argument, std::uint64_t value) {
  return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, low_half, value);
}

void add_sockets(Filter& filter, FilterKind kind) {
  // A connected pair of these kinds stays connected; a pair of datagram sockets could be pointed at
  // any socket file that is in sight.
  constexpr std::uint64_t kind_bits = 0xf;
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    filter.allow_if("socketpair", low_equals(0, AF_UNIX),
                    SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, kind_bits, static_cast<scmp_datum_t>(type)));
  }
  if (kind == FilterKind::proxied) {
    for (const int family : {AF_INET, AF_INET6}) {
      filter.allow_if("socket", low_equals(0, static_cast<std::uint64_t>(family)),
                      SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, kind_bits, SOCK_STREAM));
    }
    constexpr std::uint64_t internet_families[] = {AF_INET, AF_INET6};
    filter.by_argument("socket", 0, internet_families, std::nullopt, SCMP_ACT_ERRNO(EACCES));
  } else {
    filter.rule(SCMP_ACT_ERRNO(EACCES), "socket", {});
  }
  constexpr std::uint64_t pair_families[] = {AF_UNIX};
  filter.by_argument("socketpair", 0, pair_families, std::nullopt, SCMP_ACT_ERRNO(EACCES));
}

// A set-user-ID or set-group-ID file in a folder of the host's would be a program of this user's
// for everybody else. Calls that create or change modes are allowed without these bits only;
// openat2, which passes its mode in memory, does not exist.
void add_mode_calls(Filter& filter) {
  constexpr std::uint64_t set_id_bits = S_ISUID | S_ISGID;
  struct ModeCall {
    const char* name;
    unsigned mode_argument;
  };
  for (const ModeCall call :
       {ModeCall{"chmod", 1}, ModeCall{"fchmod", 1}, ModeCall{"fchmodat", 2},
        ModeCall{"fchmodat2", 2}, ModeCall{"mkdir", 1}, ModeCall{"mkdirat", 2},
        ModeCall{"mknod", 1}, ModeCall{"mknodat", 2}, ModeCall{"creat", 1}}) {
    if (filter.withholds(call.name)) {
      continue;
    }
    filter.allow_if(call.name, SCMP_CMP64(call.mode_argument, SCMP_CMP_MASKED_EQ, set_id_bits, 0));
    for (const std::uint64_t bit : {std::uint64_t{S_ISUID}, std::uint64_t{S_ISGID}}) {
      filter.refuse_if(call.name, EPERM,
                       SCMP_CMP64(call.mode_argument, SCMP_CMP_MASKED_EQ, bit, bit));
    }
  }
  // The mode counts only where a file is made; otherwise it may be anything.
  constexpr std::uint64_t making = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);
  for (const ModeCall call : {ModeCall{"open", 2}, ModeCall{"openat", 3}}) {
    filter.allow_if(call.name, SCMP_CMP64(call.mode_argument - 1, SCMP_CMP_MASKED_EQ, making, 0));
    filter.allow_if(call.name, SCMP_CMP64(call.mode_argument, SCMP_CMP_MASKED_EQ, set_id_bits, 0));
  }
}

// Input that is typed into a terminal on behalf of its user, and the console's selection and
// output. A line discipline is a module that the kernel loads for whoever asks for it, on a
// terminal of his own, too.
// Flags of files (chattr) need no right to write, and a read-only mount is all that holds them.
constexpr std::uint64_t refused_requests[] = {TIOCSTI,  TIOCLINUX,       TIOCCONS,
                                              TIOCSETD, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR};

// Who may read a file may hold up everybody who writes to it with a lease, for as long as
// /proc/sys/fs/lease-break-time says each time; and be told of what others do in a folder.
constexpr std::uint64_t refused_controls[] = {F_SETLEASE, F_NOTIFY};

// Narrower filters of a command's own are welcome; one that hands calls over is not.
constexpr std::uint64_t new_listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;

void add_conditional_calls(Filter& filter, FilterKind kind) {
  // Threads and processes, but no namespaces. clone3 passes its flags in memory, where no filter
  // can see them; the C library falls back to clone where it does not exist.
  filter.allow_if("clone", SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, namespace_flags, 0));
  for (std::uint64_t flag = 1; flag != 0; flag <<= 1) {
    if ((namespace_flags & flag) != 0) {
      filter.refuse_if("clone", EPERM, SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, flag, flag));
    }
  }
  filter.by_argument("fcntl", 1, refused_controls, SCMP_ACT_ERRNO(EPERM), std::nullopt);
  filter.by_argument("ioctl", 1, refused_requests, SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ALLOW);
  filter.allow_if("seccomp", SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, new_listener, 0));
  filter.refuse_if("seccomp", listener_refusal,
                   SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, new_listener, new_listener));
  add_sockets(filter, kind);
  add_mode_calls(filter);
  // Asking, and staying with the ordinary layout of memory.
  for (const std::uint64_t persona : {std::uint64_t{PER_LINUX}, low_half}) {
    filter.allow_if("personality", low_equals(0, persona));
  }
}

void add_calls_without_namespaces(Filter& filter) {
  filter.withhold(metadata_calls);
  filter.withhold(process_calls);
  for (const char* call : metadata_calls) {
    filter.rule(SCMP_ACT_ERRNO(EPERM), call, {});
  }
  constexpr std::uint64_t self[] = {0};
  for (const char* call : process_calls) {
    filter.by_argument(call, 0, self, SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM));
  }
  constexpr const char* priority[] = {"setpriority"};
  filter.withhold(priority);
  filter.allow_if("setpriority", low_equals(0, PRIO_PROCESS), low_equals(1, 0));
}

}  // namespace

Expected<std::string> build_seccomp_filter(FilterKind kind) {
  Filter filter;
  if (filter.prepare()) {
    if (kind == FilterKind::without_namespaces) {
      add_calls_without_namespaces(filter);
    } else {
      filter.add(SCMP_ACT_ALLOW, ipc_calls);
    }
    filter.add(SCMP_ACT_ALLOW, allowed_calls);
    filter.add(SCMP_ACT_ERRNO(EPERM), refused_calls);
    add_conditional_calls(filter, kind);
  }
  if (filter.problem() != 0) {
    return Error::from_errno(filter.problem(), "libseccomp", "the system call filter");
  }
  return filter.exported();
}

}  // namespace omnisandbox::process
