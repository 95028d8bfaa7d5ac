// The engine maps compiled code from a file that it opens by its path, and a confined worker can
// open nothing. The path that it gives is the name of a descriptor (linux::name_of), which needs
// no opening. So the three functions of the C library that the engine's library calls for it are
// answered here, from the descriptor; the linker puts them in its place (--wrap). What they cannot
// answer goes to the C library as ever.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <optional>
#include <string_view>

namespace {

constexpr std::string_view descriptor_folder = "/proc/self/fd/";

std::optional<int> descriptor_of(std::string_view path) {
  if (!path.starts_with(descriptor_folder)) {
    return std::nullopt;
  }
  path.remove_prefix(descriptor_folder.size());
  int number = -1;
  const auto [end, problem] = std::from_chars(path.data(), path.data() + path.size(), number);
  return problem == std::errc() && end == path.data() + path.size() ? std::optional(number)
                                                                    : std::nullopt;
}

// The system call: the C library makes one of fstat(2) that takes a path.
int stat_descriptor(int file, struct stat* status) {
  return static_cast<int>(::syscall(SYS_fstat, file, status));
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
extern "C" {
int __real_open64(const char* path, int flags, ...);
int __real_statx(int folder, const char* path, int flags, unsigned mask, struct statx* status);

int __wrap_open64(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  const auto descriptor = descriptor_of(path);
  // For reading: a descriptor gives no more than it has.
  if (descriptor && (flags & O_ACCMODE) == O_RDONLY) {
    return ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
  }
  return __real_open64(path, flags, mode);
}

int __wrap_fstat64(int file, struct stat* status) { return stat_descriptor(file, status); }

int __wrap_statx(int folder, const char* path, int flags, unsigned mask, struct statx* status) {
  struct stat simple {};
  if (path == nullptr || *path != '\0' || (flags & AT_EMPTY_PATH) == 0) {
    return __real_statx(folder, path, flags, mask, status);
  }
  if (stat_descriptor(folder, &simple) != 0) {
    return -1;
  }
  *status = {};
  status->stx_mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE;
  status->stx_mode = static_cast<std::uint16_t>(simple.st_mode);
  status->stx_ino = simple.st_ino;
  status->stx_size = static_cast<std::uint64_t>(simple.st_size);
  return 0;
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
