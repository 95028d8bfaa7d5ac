#include "process/launcher/first_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "process/launcher/reporting.h"

namespace omnisandbox::process::launcher {
namespace {

// How often the tree is measured where no cgroup does it. A tree that grows by 1 GB/s is 20 MB over
// when it is seen.
constexpr int watch_interval_ms = 20;

struct TreeSize {
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;
};

std::size_t read_text(const char* path, char* buffer, std::size_t size) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  const ssize_t length = ::read(file, buffer, size - 1);
  ::close(file);
  if (length <= 0) {
    return 0;
  }
  buffer[length] = '\0';
  return static_cast<std::size_t>(length);
}

void add_process(const char* pid, TreeSize& size) {
  char path[64];
  char text[4096];
  std::snprintf(path, sizeof path, "/proc/%.16s/status", pid);
  if (read_text(path, text, sizeof text) == 0) {
    return;
  }
  const auto number_after = [&text](const char* key) -> std::uint64_t {
    const char* found = std::strstr(text, key);
    return found == nullptr ? 0 : std::strtoull(found + std::strlen(key), nullptr, 10);
  };
  // Pages of files can be had again; what counts is what nobody else gives back.
  size.memory_bytes += (number_after("\nRssAnon:") + number_after("\nRssShmem:")) * 1024;
  size.tasks += number_after("\nThreads:");
}

TreeSize measure_tree() {
  TreeSize size;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) {
    return size;
  }
  while (const dirent* entry = ::readdir(processes)) {
    if (entry->d_name[0] >= '2' || (entry->d_name[0] == '1' && entry->d_name[1] != '\0')) {
      if (entry->d_name[0] <= '9') {
        add_process(entry->d_name, size);
      }
    }
  }
  ::closedir(processes);
  return size;
}

void check_limits(const LaunchPlan& plan) {
  const TreeSize size = measure_tree();
  Report report;
  if (plan.watched_memory_bytes != 0 && size.memory_bytes > plan.watched_memory_bytes) {
    report.kind = Report::Kind::memory_limit;
  } else if (plan.watched_tasks != 0 && size.tasks >= plan.watched_tasks) {
    report.kind = Report::Kind::process_limit;
  } else {
    return;
  }
  send_report(report);
  ::_exit(0);
}

// Reaps everything that has ended; ends the sandbox with its command.
void reap(pid_t command) {
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
      ::_exit(0);
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
      ::_exit(0);
    }
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) > 0) {
    }
    reap(command);
    if (watches) {
      check_limits(plan);
    }
  }
}

}  // namespace omnisandbox::process::launcher
