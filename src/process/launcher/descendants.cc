#include "process/launcher/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace omnisandbox::process::launcher {
namespace {

// A process in an uninterruptible call of the kernel ends late; nobody waits longer than this.
constexpr int max_kill_rounds = 5000;
constexpr long kill_round_ns = 1'000'000;

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

pid_t number_of(const char* name) {
  char* end = nullptr;
  const long number = std::strtol(name, &end, 10);
  return end == name || *end != '\0' ? 0 : static_cast<pid_t>(number);
}

// Children are listed by the thread that has them.
void add_children(pid_t parent, std::vector<pid_t>& found) {
  char path[96];
  std::snprintf(path, sizeof path, "/proc/%d/task", parent);
  DIR* threads = ::opendir(path);
  if (threads == nullptr) {
    return;
  }
  while (const dirent* thread = ::readdir(threads)) {
    if (number_of(thread->d_name) == 0) {
      continue;
    }
    std::snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", parent, thread->d_name);
    char text[65536];
    if (read_text(path, text, sizeof text) == 0) {
      continue;
    }
    const char* rest = text;
    char* end = nullptr;
    for (long pid = std::strtol(rest, &end, 10); end != rest; pid = std::strtol(rest, &end, 10)) {
      found.push_back(static_cast<pid_t>(pid));
      rest = end;
    }
  }
  ::closedir(threads);
}

}  // namespace

std::vector<pid_t> processes_of_namespace() {
  std::vector<pid_t> found;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) {
    return found;
  }
  while (const dirent* entry = ::readdir(processes)) {
    if (const pid_t pid = number_of(entry->d_name); pid > 1) {
      found.push_back(pid);
    }
  }
  ::closedir(processes);
  return found;
}

std::vector<pid_t> descendants() {
  std::vector<pid_t> found;
  add_children(::getpid(), found);
  for (std::size_t index = 0; index < found.size(); ++index) {
    add_children(found[index], found);
  }
  return found;
}

// Fields 14 to 17 of /proc/PID/stat (proc(5)), in clock ticks. The program's name, in parentheses,
// may hold anything.
std::uint64_t cpu_ms_of(pid_t pid) {
  char path[64];
  char text[1024];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (read_text(path, text, sizeof text) == 0) {
    return 0;
  }
  const char* rest = std::strrchr(text, ')');
  constexpr int first_field = 14;
  constexpr int last_field = 17;
  std::uint64_t ticks = 0;
  // Behind the name comes field 3.
  for (int field = 2; rest != nullptr && field <= last_field; ++field) {
    if (field >= first_field) {
      ticks += std::strtoull(rest, nullptr, 10);
    }
    rest = std::strchr(rest + 1, ' ');
  }
  return ticks * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

TreeSize measure(const std::vector<pid_t>& processes) {
  TreeSize size;
  char path[64];
  char text[4096];
  for (const pid_t pid : processes) {
    std::snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (read_text(path, text, sizeof text) == 0) {
      continue;
    }
    const auto number_after = [&text](const char* key) -> std::uint64_t {
      const char* found = std::strstr(text, key);
      return found == nullptr ? 0 : std::strtoull(found + std::strlen(key), nullptr, 10);
    };
    // Pages of files can be had again; what counts is what nobody else gives back.
    size.memory_bytes += (number_after("\nRssAnon:") + number_after("\nRssShmem:")) * 1024;
    size.tasks += number_after("\nThreads:");
    size.cpu_ms += cpu_ms_of(pid);
  }
  return size;
}

void kill_descendants() {
  // Whoever is forked while one round runs is there for the next; orphans come to this process.
  for (int round = 0; round < max_kill_rounds; ++round) {
    for (const pid_t pid : descendants()) {
      ::kill(pid, SIGKILL);
    }
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, nullptr, WNOHANG | __WALL)) > 0) {
    }
    if (ended < 0 && errno == ECHILD) {
      return;
    }
    const timespec pause{0, kill_round_ns};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace omnisandbox::process::launcher
