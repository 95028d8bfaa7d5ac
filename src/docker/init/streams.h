#pragma once

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

/// Whole reads and writes.
namespace omnisandbox::docker::init {

// Whoever has the same file may have made it non-blocking: a command's output is ours as well.
inline bool may_go_on(int file, short events) {
  if (errno != EAGAIN) {
    return errno == EINTR;
  }
  pollfd entry{file, events, 0};
  return ::poll(&entry, 1, -1) >= 0 || errno == EINTR;
}

inline bool read_exactly(int file, void* bytes, std::size_t size) {
  auto* next = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::read(file, next, size);
    if (count < 0 && may_go_on(file, POLLIN)) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    next += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

inline bool write_exactly(int file, const void* bytes, std::size_t size) {
  const auto* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::write(file, next, size);
    if (count < 0 && may_go_on(file, POLLOUT)) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    next += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace omnisandbox::docker::init
