#include "wasm/wasi/filestat.h"

#include <dirent.h>

#include <ctime>
#include <limits>

namespace omnisandbox::wasm::wasi {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

// WASI counts from 1970 without a sign; an older time shows as 1970.
std::uint64_t nanoseconds_of(const timespec& time) {
  if (time.tv_sec < 0) {
    return 0;
  }
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
  const auto nanoseconds = static_cast<std::uint64_t>(time.tv_nsec);
  if (seconds >
      (std::numeric_limits<std::uint64_t>::max() - nanoseconds) / nanoseconds_per_second) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  return seconds * nanoseconds_per_second + nanoseconds;
}

timespec one_time(std::uint64_t time_ns, bool set, bool now) {
  timespec time{};
  if (now) {
    time.tv_nsec = UTIME_NOW;
  } else if (!set) {
    time.tv_nsec = UTIME_OMIT;
  } else {
    time.tv_sec = static_cast<time_t>(time_ns / nanoseconds_per_second);
    time.tv_nsec = static_cast<long>(time_ns % nanoseconds_per_second);
  }
  return time;
}

}  // namespace

FileType file_type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular_file;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symbolic_link;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    case S_IFSOCK:
      return FileType::socket_stream;
    default:
      return FileType::unknown;  // a FIFO has no type in WASI
  }
}

FileType file_type_of_entry(unsigned char type) {
  return file_type_of(static_cast<mode_t>(DTTOIF(type)));
}

Filestat filestat_of(const struct stat& status) {
  Filestat filestat;
  filestat.device = status.st_dev;
  filestat.inode = status.st_ino;
  filestat.filetype = file_type_of(status.st_mode);
  filestat.link_count = status.st_nlink;
  filestat.size_bytes = static_cast<std::uint64_t>(status.st_size);
  filestat.accessed_ns = nanoseconds_of(status.st_atim);
  filestat.modified_ns = nanoseconds_of(status.st_mtim);
  filestat.changed_ns = nanoseconds_of(status.st_ctim);
  return filestat;
}

tl::expected<linux_::FileTimes, Errno> file_times_of(std::uint64_t accessed_ns,
                                                     std::uint64_t modified_ns,
                                                     std::uint32_t flags) {
  const bool set_accessed = (flags & fstflags::atim) != 0;
  const bool accessed_now = (flags & fstflags::atim_now) != 0;
  const bool set_modified = (flags & fstflags::mtim) != 0;
  const bool modified_now = (flags & fstflags::mtim_now) != 0;
  if ((flags & ~std::uint32_t{fstflags::all}) != 0 || (set_accessed && accessed_now) ||
      (set_modified && modified_now)) {
    return tl::unexpected(Errno::inval);
  }
  return linux_::FileTimes{one_time(accessed_ns, set_accessed, accessed_now),
                           one_time(modified_ns, set_modified, modified_now)};
}

}  // namespace omnisandbox::wasm::wasi
