#include "process/launcher/first_process.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "process/launcher/descendants.h"
#include "process/launcher/reporting.h"

namespace omnisandbox::process::launcher {
namespace {

// How often the tree is measured where no cgroup does it. A tree that grows by 1 GB/s is 20 MB over
// when it is seen.
constexpr int watch_interval_ms = 20;

// The end of the run, with all that is left of it.
[[noreturn]] void finish(const LaunchPlan& plan) {
  if (plan.tier == Tier::landlock_only) {
    kill_descendants();
  }
  // As pid 1: the kernel kills everybody else.
  ::_exit(0);
}

void check_limits(const LaunchPlan& plan) {
  const TreeSize size =
      measure(plan.tier == Tier::namespaces ? processes_of_namespace() : descendants());
  Report report;
  if (plan.watched_memory_bytes != 0 && size.memory_bytes > plan.watched_memory_bytes) {
    report.kind = Report::Kind::memory_limit;
  } else if (plan.watched_tasks != 0 && size.tasks >= plan.watched_tasks) {
    report.kind = Report::Kind::process_limit;
  } else {
    return;
  }
  send_report(report);
  finish(plan);
}

// Reaps everything that has ended; ends the sandbox with its command.
void reap(const LaunchPlan& plan, pid_t command) {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (ended <= 0) {
      return;
    }
    if (ended == command) {
      Report report;
      report.kind = Report::Kind::ended;
      report.status = status;
      send_report(report);
      finish(plan);
    }
  }
}

}  // namespace

void serve_as_first_process(const LaunchPlan& plan, pid_t command) {
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  const int signals = ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) {
    ::_exit(1);
  }
  const bool watches = plan.watched_memory_bytes != 0 || plan.watched_tasks != 0;
  // A start message belongs to the command's process; here only the end of the channel counts.
  std::array<pollfd, 2> files{pollfd{signals, POLLIN, 0}, pollfd{control_descriptor, POLLRDHUP, 0}};
  for (;;) {
    const int ready = ::poll(files.data(), files.size(), watches ? watch_interval_ms : -1);
    if (ready < 0 && errno != EINTR) {
      ::_exit(1);
    }
    if (files[1].revents != 0) {
      finish(plan);
    }
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) > 0) {
    }
    reap(plan, command);
    if (watches) {
      check_limits(plan);
    }
  }
}

}  // namespace omnisandbox::process::launcher
