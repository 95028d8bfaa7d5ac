#include "process/launcher/first_process.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "process/launcher/descendants.h"
#include "process/launcher/reporting.h"

namespace omnisandbox::process::launcher {
namespace {

// How often the tree is measured where no cgroup does it. A tree that grows by 1 GB/s is 20 MB over
// when it is seen.
constexpr int watch_interval_ms = 20;

class FirstProcess {
 public:
  FirstProcess(const LaunchPlan& plan, pid_t command, const SharedUntilExec& shares_memory)
      : plan_(plan),
        command_(command),
        shares_memory_(shares_memory),
        watches_(plan.watched_memory_bytes != 0 || plan.watched_tasks != 0 ||
                 plan.watched_cpu_ms != 0) {}

  [[noreturn]] void serve(int child_signals) {
    // A start message belongs to the command's process; here only the end of the channel counts.
    std::array<pollfd, 3> files{pollfd{child_signals, POLLIN, 0},
                                pollfd{control_descriptor, POLLRDHUP, 0},
                                pollfd{signal_descriptor, POLLIN, 0}};
    for (;;) {
      const int ready = ::poll(files.data(), files.size(), watches_ ? watch_interval_ms : -1);
      if (ready < 0 && errno != EINTR) {
        ::_exit(1);
      }
      if (ready == 0 && shares_memory_ != 0) {
        continue;  // nothing to measure, and the heap and errno are the other's
      }
      if (files[1].revents != 0) {
        finish();
      }
      if (files[2].revents != 0 && !pass_signals_on()) {
        files[2].fd = -1;
      }
      signalfd_siginfo info;
      while (::read(child_signals, &info, sizeof info) > 0) {
      }
      reap();
      if (watches_ && shares_memory_ == 0) {
        check_limits();
      }
    }
  }

 private:
  // The end of the run, with all that is left of it.
  [[noreturn]] void finish() const {
    if (plan_.tier == Tier::landlock_only) {
      kill_descendants();
    } else if (has_children() && ::kill(-1, SIGKILL) == 0) {
      // The kernel would do it when pid 1 ends; but it counts the time of those only who are waited
      // for.
      while (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
      }
    }
    ::_exit(0);
  }

  // All others are descendants of pid 1, and orphans become its children: without any it is alone.
  // Asked first, because a signal to all makes the kernel look at every process of the machine.
  static bool has_children() {
    siginfo_t info;
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
  }

  // False where nobody sends any more.
  bool pass_signals_on() const {
    std::array<unsigned char, 64> bytes;
    const ssize_t count = ::read(signal_descriptor, bytes.data(), bytes.size());
    for (ssize_t index = 0; index < count; ++index) {
      const int signal = bytes[static_cast<std::size_t>(index)];
      // The group that the command leads, as a terminal would; before it leads one, itself.
      if (::kill(-command_, signal) != 0) {
        ::kill(command_, signal);
      }
    }
    return count > 0 || (count < 0 && errno == EINTR);
  }

  void check_limits() {
    const TreeSize size =
        measure(plan_.tier == Tier::namespaces ? processes_of_namespace() : descendants());
    peak_memory_bytes_ = std::max(peak_memory_bytes_, size.memory_bytes);
    if (plan_.watched_memory_bytes != 0 && size.memory_bytes > plan_.watched_memory_bytes) {
      stop(Report::Kind::memory_limit);
    }
    if (plan_.watched_tasks != 0 && size.tasks >= plan_.watched_tasks) {
      stop(Report::Kind::process_limit);
    }
    if (plan_.watched_cpu_ms != 0 && size.cpu_ms + cpu_ms_of_the_ended() > plan_.watched_cpu_ms) {
      stop(Report::Kind::cpu_limit);
    }
  }

  static std::uint64_t cpu_ms_of_the_ended() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    const auto in_ms = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
             static_cast<std::uint64_t>(time.tv_usec) / 1000;
    };
    return in_ms(usage.ru_utime) + in_ms(usage.ru_stime);
  }

  [[noreturn]] void stop(Report::Kind limit) const {
    report_peak();
    Report report;
    report.kind = limit;
    send_report(report);
    finish();
  }

  // Of a command that ended before anybody looked, what the kernel noted of the largest process.
  // This process's own usage would tell of the library, whose memory it shared when it was made.
  void report_peak() const {
    rusage of_the_ended{};
    ::getrusage(RUSAGE_CHILDREN, &of_the_ended);
    Report report;
    report.kind = Report::Kind::peak_memory;
    report.value = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        std::max(peak_memory_bytes_ / 1024, static_cast<std::uint64_t>(of_the_ended.ru_maxrss)),
        UINT32_MAX));
    send_report(report);
  }

  // Reaps everything that has ended; ends the sandbox with its command.
  void reap() const {
    for (;;) {
      int status = 0;
      const pid_t ended = ::waitpid(-1, &status, WNOHANG | __WALL);
      if (ended <= 0) {
        return;
      }
      if (ended == command_) {
        report_peak();
        Report report;
        report.kind = Report::Kind::ended;
        report.status = status;
        send_report(report);
        finish();
      }
    }
  }

  const LaunchPlan& plan_;
  const pid_t command_;
  const SharedUntilExec& shares_memory_;
  const bool watches_;
  std::uint64_t peak_memory_bytes_ = 0;
};

}  // namespace

void serve_as_first_process(const LaunchPlan& plan, pid_t command,
                            const SharedUntilExec& shares_memory) {
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  const int signals = ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) {
    ::_exit(1);
  }
  FirstProcess(plan, command, shares_memory).serve(signals);
}

}  // namespace omnisandbox::process::launcher
