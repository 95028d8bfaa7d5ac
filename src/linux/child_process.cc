#include "linux/child_process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "linux/privilege_calls.h"
#include "linux/process_calls.h"
#include "linux/retry.h"
#include "linux/thread_sanitizer.h"

namespace omnisandbox::linux_ {
namespace {

// The child runs a dozen system calls; guard pages are added by the mapping's neighbours.
constexpr std::size_t child_stack_bytes = 64 * 1024;
constexpr std::size_t max_spawn_files = 16;

// Everything that the child needs, prepared by the parent: the child only makes system calls.
struct ChildPlan {
  const SpawnRequest* request = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  std::array<char, 64> uid_map{};
  std::array<char, 64> gid_map{};
  sigset_t signal_mask{};
  // Written by the child, read after it has gone on or ended.
  volatile bool made_namespaces = false;
  const char* volatile failed_step = nullptr;
  volatile int error_number = 0;
};

// What the child does happens in the parent's memory: no sanitizer may keep books on it.
#define OMNISANDBOX_IN_CHILD \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))

OMNISANDBOX_IN_CHILD int write_file(const char* path, const char* text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return -1;
  }
  std::size_t length = 0;
  while (text[length] != '\0') {
    ++length;
  }
  const ssize_t written = ::write(file, text, length);
  ::close(file);
  return written == static_cast<ssize_t>(length) ? 0 : -1;
}

OMNISANDBOX_IN_CHILD const char* map_user(const ChildPlan& plan) {
  // An ordinary user may map his group only after giving up setgroups(2) (user_namespaces(7)).
  if (write_file("/proc/self/setgroups", "deny") != 0) {
    return "write /proc/self/setgroups";
  }
  if (write_file("/proc/self/uid_map", plan.uid_map.data()) != 0) {
    return "write /proc/self/uid_map";
  }
  if (write_file("/proc/self/gid_map", plan.gid_map.data()) != 0) {
    return "write /proc/self/gid_map";
  }
  CapabilitySets sets;
  if (get_capabilities(sets) != 0) {
    return "capget";
  }
  sets.inheritable = plan.request->kept_capabilities & sets.permitted;
  if (set_capabilities(sets) != 0) {
    return "capset";
  }
  for (int capability = 0; capability < 64; ++capability) {
    if (((sets.inheritable >> capability) & 1) != 0 &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) {
      return "prctl PR_CAP_AMBIENT_RAISE";
    }
  }
  return nullptr;
}

OMNISANDBOX_IN_CHILD const char* place_files(const ChildPlan& plan, int program,
                                             int* program_moved) {
  const auto& files = plan.request->files;
  const int count = static_cast<int>(files.size());
  int sources[max_spawn_files + 1];
  // First above all targets, so that no dup2 closes what a later one needs.
  for (int index = 0; index <= count; ++index) {
    const int from = index == count ? program : files[static_cast<std::size_t>(index)]->get();
    sources[index] = ::fcntl(from, F_DUPFD_CLOEXEC, count);
    if (sources[index] < 0) {
      return "fcntl F_DUPFD";
    }
  }
  for (int index = 0; index < count; ++index) {
    if (::dup2(sources[index], index) < 0) {
      return "dup2";
    }
  }
  *program_moved = sources[count];
  if (close_range(static_cast<unsigned>(count), ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    return "close_range";
  }
  return nullptr;
}

OMNISANDBOX_IN_CHILD const char* run_child_steps(ChildPlan& plan) {
  // A handler must not run here, in the parent's memory; execve resets handlers, not SIG_IGN.
  struct sigaction action;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP && ::sigaction(signal, nullptr, &action) == 0 &&
        action.sa_handler != SIG_DFL) {
      action.sa_handler = SIG_DFL;
      action.sa_flags = 0;
      ::sigaction(signal, &action, nullptr);
    }
  }
  for (const Fd* group : plan.request->entered_groups) {
    if (::write(group->get(), "0", 1) != 1) {
      plan.made_namespaces = true;  // they are not what failed
      return "write tasks";
    }
  }
  if ((plan.request->namespaces & CLONE_NEWUSER) != 0) {
    if (const char* step = map_user(plan); step != nullptr) {
      return step;
    }
  }
  plan.made_namespaces = true;
  int program = -1;
  if (const char* step = place_files(plan, plan.request->program->get(), &program);
      step != nullptr) {
    return step;
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::syscall(SYS_execveat, program, "", plan.argv, plan.environment, AT_EMPTY_PATH);
  return "execveat";
}

OMNISANDBOX_IN_CHILD int child_main(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  plan.failed_step = run_child_steps(plan);
  plan.error_number = errno;
  ::_exit(127);
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    ChildProcess old(std::move(*this));
    pid_ = std::exchange(other.pid_, 0);
    handle_ = std::move(other.handle_);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0 || !handle_.is_open()) {
    return;
  }
  kill();
  siginfo_t info{};
  static_cast<void>(retry_interrupted(
      [&] { return wait_id(P_PIDFD, static_cast<id_t>(handle_.get()), &info, WEXITED, nullptr); }));
}

void ChildProcess::kill() const noexcept {
  if (handle_.is_open()) {
    static_cast<void>(pidfd_send_signal(handle_.get(), SIGKILL));
  }
}

Expected<std::optional<ChildProcess::Ending>> ChildProcess::reap() {
  auto ending = wait_now(WEXITED | WNOHANG);
  if (ending && *ending) {
    pid_ = 0;
  }
  return ending;
}

Expected<std::optional<ChildProcess::Ending>> ChildProcess::ending() const {
  return wait_now(WEXITED | WNOHANG | WNOWAIT);
}

Expected<std::optional<ChildProcess::Ending>> ChildProcess::wait_now(int options) const {
  siginfo_t info{};
  Ending ending;
  if (retry_interrupted([&] {
        return wait_id(P_PIDFD, static_cast<id_t>(handle_.get()), &info, options, &ending.usage);
      }) != 0) {
    return Error::from_errno(errno, "waitid", "the launcher");
  }
  if (info.si_pid == 0) {
    return std::optional<Ending>();
  }
  ending.code = info.si_code;
  ending.status = info.si_status;
  return std::optional(ending);
}

Fd ChildProcess::mount_namespace() const noexcept {
  // PIDFD_GET_MNT_NAMESPACE of ioctl_pidfd(2), Linux 6.11; Debian 12's headers do not name it.
  constexpr unsigned long get_mount_namespace = _IO(0xFF, 3);
  const int found = ::ioctl(handle_.get(), get_mount_namespace, 0);
  if (found >= 0) {
    return Fd(found);
  }
  // Before: by number, which is this child's until it is waited for.
  std::array<char, 48> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/ns/mnt", pid_);
  return Fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
}

namespace {

// clone(2)'s entry in assembler is the C library's; clone3 has no wrapper that takes a function, so
// the switch of stacks is made here: the child starts on its own stack and calls `entry`.
pid_t clone3_call(clone_args& arguments, int (*entry)(void*), void* argument) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  register clone_args* first __asm__("rdi") = &arguments;
  register std::size_t second __asm__("rsi") = sizeof arguments;
  register int (*function)(void*) __asm__("r12") = entry;
  register void* value __asm__("r13") = argument;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "hlt\n\t"
      "1:"
      : "+a"(result)
      : "r"(first), "r"(second), "r"(function), "r"(value)
      : "rcx", "r11", "memory", "cc");
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = reinterpret_cast<long>(&arguments);
  register long second __asm__("x1") = sizeof arguments;
  register int (*function)(void*) __asm__("x20") = entry;
  register void* value __asm__("x21") = argument;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x0, x21\n\t"
      "blr x20\n\t"
      "brk #0\n\t"
      "1:"
      : "+r"(result)
      : "r"(number), "r"(second), "r"(function), "r"(value)
      : "memory", "cc");
#else
#error "spawn: only x86-64 and AArch64 are supported"
#endif
  if (result < 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return static_cast<pid_t>(result);
}

}  // namespace

bool refuses_namespaces(int error_number) noexcept {
  return error_number == EPERM || error_number == EACCES || error_number == ENOSPC ||
         error_number == EUSERS || error_number == EINVAL || error_number == ENOSYS;
}

Expected<ChildProcess> spawn(const SpawnRequest& request) {
  if (request.program == nullptr || request.files.size() > max_spawn_files) {
    return base::make_error(ErrorKind::internal, "spawn: no program, or too many files");
  }
  ChildPlan plan;
  plan.request = &request;
  const std::vector<char*> argv = pointers_to(request.args);
  const std::vector<char*> environment = pointers_to(request.environment);
  plan.argv = argv.data();
  plan.environment = environment.data();
  std::snprintf(plan.uid_map.data(), plan.uid_map.size(), "%u %u 1", ::geteuid(), ::geteuid());
  std::snprintf(plan.gid_map.data(), plan.gid_map.size(), "%u %u 1", ::getegid(), ::getegid());

  void* stack = ::mmap(nullptr, child_stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    return Error::from_errno(errno, "mmap", "the launcher's first stack");
  }
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | request.namespaces;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack);
  arguments.stack_size = child_stack_bytes;
  if (request.cgroup != nullptr) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(request.cgroup->get());
  }
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &plan.signal_mask);
  pid_t pid = -1;
  int clone_error = 0;
  {
    const UnwatchedAccess unwatched;
    pid = clone3_call(arguments, child_main, &plan);
    if (pid < 0 && errno == ENOSYS && request.namespaces == 0 && request.cgroup == nullptr) {
      // The filter of many container engines, which cannot see clone3's flags, takes the call away.
      pid = ::clone(child_main, static_cast<char*>(stack) + child_stack_bytes,
                    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
    }
    clone_error = errno;
  }
  ::pthread_sigmask(SIG_SETMASK, &plan.signal_mask, nullptr);
  ::munmap(stack, child_stack_bytes);
  const auto failure = [&request](int error_number, const char* step, bool made_namespaces) {
    Error error = Error::from_errno(error_number, step, "the launcher");
    if (request.namespaces != 0 && !made_namespaces && refuses_namespaces(error_number)) {
      error.kind = ErrorKind::unavailable;
    }
    return error;
  };
  if (pid < 0) {
    return failure(clone_error, "clone3", false);
  }
  ChildProcess child(pid, Fd(pidfd));
  if (plan.failed_step != nullptr) {
    return failure(plan.error_number, plan.failed_step, plan.made_namespaces);
  }
  return child;
}

}  // namespace omnisandbox::linux_
