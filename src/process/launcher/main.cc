// The launcher: the small, single-threaded program between the library and a confined command. It
// starts as pid 1 of fresh namespaces, takes a plan from its control channel, puts up the walls it
// describes, and executes the command. It decides nothing and prints nothing.

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "linux/landlock_calls.h"
#include "linux/mount_calls.h"
#include "linux/privilege_calls.h"
#include "linux/process_calls.h"
#include "process/launcher/confinement.h"
#include "process/launcher/file_view.h"
#include "process/launcher/first_process.h"
#include "process/launcher/reporting.h"
#include "process/step_identity.h"

// Where this program's code begins and ends: names of the linker's (end(3)).
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" char __executable_start;
extern "C" char etext;

namespace omnisandbox::process::launcher {
namespace {

// The library may pass a listener's backlog of waiting connections of one command.
constexpr int proxy_backlog = 128;
// Of the process that becomes the command: its walls, and the decoding of its start.
constexpr std::size_t command_stack_bytes = 256 * 1024;

bool read_all(char* buffer, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::read(control_descriptor, buffer, size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    buffer += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

// One framed message. The library being gone is the only way that this fails, or a defect: it sends
// none that is longer.
std::string read_message() {
  std::uint32_t length = 0;
  if (!read_all(reinterpret_cast<char*>(&length), sizeof length) || length > max_plan_bytes) {
    ::_exit(1);
  }
  std::string message(length, '\0');
  if (!read_all(message.data(), message.size())) {
    ::_exit(1);
  }
  return message;
}

bool pass_proxy_listener(const LaunchPlan& plan, StepCounter& steps, Failure& failure) {
  if (plan.proxy_port == 0) {
    return true;
  }
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (steps.fails_here() || socket < 0 || ::ioctl(socket, SIOCSIFFLAGS, &request) != 0) {
    return fail(failure, "ioctl SIOCSIFFLAGS", "lo");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(plan.proxy_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (steps.fails_here() ||
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket, proxy_backlog) != 0) {
    return fail(failure, "bind", "the proxy's port");
  }
  Report report;
  report.kind = Report::Kind::listener;
  send_report(report, socket);
  ::close(socket);
  return true;
}

// Without a root of its own: the file that the plan describes, by handle. Before the last walls are
// up, because no filter lets openat2(2) through.
int open_program(const LaunchPlan& plan) {
  Failure failure;
  const char* path = plan.steps.empty() ? "" : plan.steps.front().source.c_str();
  const int file = linux_::open_how_at(AT_FDCWD, path, O_PATH | O_NOFOLLOW,
                                       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0) {
    fail(failure, "openat2", path);
    report_and_exit(Report::Kind::exec_failed, failure);
  }
  if (!is_same_file(plan.steps.front(), status)) {
    errno = ESTALE;
    fail(failure, "changed since the policy was compiled:", path);
    report_and_exit(Report::Kind::exec_failed, failure);
  }
  return file;
}

[[noreturn]] void run_command(const LaunchPlan& plan, StepCounter& steps, int ruleset) {
  Failure failure;
  ::setsid();  // a child of pid 1 leads no group yet: this cannot fail
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  if (plan.has_terminal != 0 && ::ioctl(0, TIOCSCTTY, 0) != 0) {
    fail(failure, "ioctl TIOCSCTTY", "the terminal");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  if (linux_::close_range(control_descriptor + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0 ||
      ::fcntl(control_descriptor, F_SETFD, FD_CLOEXEC) != 0) {
    fail(failure, "close_range", "");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  const int program = plan.tier == Tier::landlock_only ? open_program(plan) : -1;
  if (!confine_self(plan, steps, ruleset, failure)) {
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  const auto start = decode_start(read_message());
  if (!start) {
    errno = EINVAL;
    fail(failure, "decode", "the command");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  if (::chdir(start->working_dir.c_str()) != 0) {
    fail(failure, "chdir", start->working_dir.c_str());
    report_and_exit(Report::Kind::exec_failed, failure);
  }
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
      result.push_back(const_cast<char*>(text.c_str()));
    }
    result.push_back(nullptr);
    return result;
  };
  const auto args = pointers(start->args);
  const auto environment = pointers(start->environment);
  if (plan.tier == Tier::landlock_only) {
    ::syscall(SYS_execveat, program, "", args.data(), environment.data(), AT_EMPTY_PATH);
  } else {
    // The path is a mount of the policy's own handle, in a root that nobody can change: by path is
    // by handle here, and scripts find themselves by it.
    ::execve(start->program.c_str(), args.data(), environment.data());
  }
  fail(failure, "execve", start->program.c_str());
  report_and_exit(Report::Kind::exec_failed, failure);
}

struct CommandProcess {
  const LaunchPlan& plan;
  StepCounter& steps;
  int ruleset;
};

// The pages of this program that pid 1 has touched so far, which is most of them: taking them down
// is a good part of its end, which somebody waits for. What it still needs comes back by itself.
void drop_own_pages() {
  // A program's first page begins with it; the kernel rounds the size up.
  const auto size = reinterpret_cast<std::uintptr_t>(&etext) -
                    reinterpret_cast<std::uintptr_t>(&__executable_start);
  // Where it is refused the end takes longer.
  static_cast<void>(::madvise(&__executable_start, size, MADV_DONTNEED));
}

bool waits_for_command() {
  pollfd channel{control_descriptor, POLLIN, 0};
  return ::poll(&channel, 1, 0) == 0;
}

int command_main(void* argument) {
  const auto& command = *static_cast<CommandProcess*>(argument);
  run_command(command.plan, command.steps, command.ruleset);
}

// Until it executes the command it shares this process's memory: there is no copy for the kernel to
// make, and none to take down while somebody waits for the command. This process sleeps meanwhile
// and leaves the heap alone (`shares_memory`). Who is no pid 1 has more to do, and a copy.
pid_t start_command_process(CommandProcess& command, SharedUntilExec& shares_memory) {
  void* stack = ::mmap(nullptr, command_stack_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    return -1;
  }
  void* top = static_cast<char*>(stack) + command_stack_bytes;
  if (command.plan.tier == Tier::landlock_only) {
    return ::clone(command_main, top, SIGCHLD, &command);
  }
  // The kernel clears it when the process executes something, or ends (clone(2)).
  shares_memory = 1;
  return ::clone(command_main, top, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, &command, nullptr,
                 nullptr, const_cast<pid_t*>(&shares_memory));
}

[[noreturn]] void launch() {
  // Nobody inside looks into this process, although it is of the same user.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_signal, nullptr);

  const auto plan = decode_plan(read_message());
  Failure failure;
  if (!plan) {
    errno = EINVAL;
    fail(failure, "decode", "the plan");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  StepCounter steps(plan->failing_step);
  if (plan->tier == Tier::namespaces) {
    // A second way to notice that the library is gone, beside the end of the control channel. Who
    // is no pid 1 must live on to kill the others.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  }
  bool has_process_tree = false;
  if (plan->tier == Tier::namespaces) {
    if (steps.fails_here() || ::sethostname(plan->host_name.data(), plan->host_name.size()) != 0) {
      fail(failure, "sethostname", plan->host_name.c_str());
      failure.cause = SetupCause::namespaces;
      report_and_exit(Report::Kind::setup_failed, failure);
    }
    if (!pass_proxy_listener(*plan, steps, failure) ||
        !enter_file_view(*plan, steps, has_process_tree, failure)) {
      report_and_exit(Report::Kind::setup_failed, failure);
    }
  } else if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    fail(failure, "prctl", "PR_SET_CHILD_SUBREAPER");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  const int version = linux_::landlock_version();
  int ruleset = -1;
  if (!prepare_landlock(*plan, steps, version, ruleset, failure)) {
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  // Both processes go on without: what is left to do needs none. Where there are no namespaces, the
  // program is still to be opened.
  if (plan->tier == Tier::namespaces &&
      (steps.fails_here() || linux_::drop_all_capabilities() != 0)) {
    fail(failure, "capset", "");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  Report report;
  report.kind = Report::Kind::prepared;
  report.value = (has_process_tree ? wall_process_tree : 0U) |
                 (static_cast<unsigned>(version > 0 ? version : 0) << wall_landlock_shift);
  send_report(report);
  CommandProcess process{*plan, steps, ruleset};
  SharedUntilExec shares_memory = 0;
  const pid_t command = steps.fails_here() ? -1 : start_command_process(process, shares_memory);
  if (command < 0) {
    fail(failure, "clone", "");
    report_and_exit(Report::Kind::setup_failed, failure);
  }
  if (plan->tier == Tier::landlock_only && linux_::drop_all_capabilities() != 0) {
    ::_exit(1);
  }
  // The streams are the command's: who writes to it must see when it stops reading. Its output
  // stays open here, so that the library is woken once, by the end of this process, and not by the
  // end of the command before; but for a terminal, which tells its readers of its session's end.
  ::close(0);
  if (ruleset >= 0) {
    ::close(ruleset);
  }
  if (plan->has_terminal != 0) {
    ::close(1);
    ::close(2);
  }
  if (waits_for_command()) {
    drop_own_pages();
  }
  serve_as_first_process(*plan, command, shares_memory);
}

}  // namespace
}  // namespace omnisandbox::process::launcher

int main() { omnisandbox::process::launcher::launch(); }
