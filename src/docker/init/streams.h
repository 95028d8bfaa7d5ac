#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>

/// Whole reads and writes on blocking descriptors.
namespace omnisandbox::docker::init {

inline bool read_exactly(int file, void* bytes, std::size_t size) {
  auto* next = static_cast<char*>(bytes);
  while (size > 0) {
    const ssize_t count = ::read(file, next, size);
    if (count < 0 && errno == EINTR) {
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
    if (count < 0 && errno == EINTR) {
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
