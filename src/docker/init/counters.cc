#include "docker/init/counters.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace omnisandbox::docker::init {
namespace {

/// The number after `key` at the begin of a line, or the whole file where there is no key.
bool read_number(const char* file, const char* key, std::uint64_t& number) {
  const int handle = ::open(file, O_RDONLY | O_CLOEXEC);
  if (handle < 0) {
    return false;
  }
  char text[4096];
  const ssize_t size = ::read(handle, text, sizeof text - 1);
  ::close(handle);
  if (size <= 0) {
    return false;
  }
  text[size] = '\0';
  const char* digits = text;
  if (key != nullptr) {
    const std::size_t length = std::strlen(key);
    while (digits != nullptr && (std::strncmp(digits, key, length) != 0 || digits[length] != ' ')) {
      digits = std::strchr(digits, '\n');
      digits = digits == nullptr ? nullptr : digits + 1;
    }
    if (digits == nullptr) {
      return false;
    }
    digits += length + 1;
  }
  number = std::strtoull(digits, nullptr, 10);
  return true;
}

}  // namespace

std::uint64_t memory_kills() {
  std::uint64_t count = 0;
  if (!read_number("/sys/fs/cgroup/memory.events", "oom_kill", count)) {
    read_number("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill", count);
  }
  return count;
}

std::uint64_t task_refusals() {
  std::uint64_t count = 0;
  if (!read_number("/sys/fs/cgroup/pids.events", "max", count)) {
    read_number("/sys/fs/cgroup/pids/pids.events", "max", count);
  }
  return count;
}

std::uint64_t peak_memory_bytes() {
  std::uint64_t bytes = 0;
  if (!read_number("/sys/fs/cgroup/memory.peak", nullptr, bytes)) {
    read_number("/sys/fs/cgroup/memory/memory.max_usage_in_bytes", nullptr, bytes);
  }
  return bytes;
}

std::uint64_t cpu_time_us() {
  std::uint64_t time = 0;
  if (!read_number("/sys/fs/cgroup/cpu.stat", "usage_usec", time) &&
      read_number("/sys/fs/cgroup/cpuacct/cpuacct.usage", nullptr, time)) {
    time /= 1000;
  }
  return time;
}

}  // namespace omnisandbox::docker::init
