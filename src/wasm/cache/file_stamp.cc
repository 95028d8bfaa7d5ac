#include "wasm/cache/file_stamp.h"

#include <linux/magic.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "linux/file_handles.h"
#include "linux/file_system.h"
#include "linux/file_writers.h"

namespace omnisandbox::wasm {
namespace {

constexpr std::uint64_t xfs_magic = 0x58465342;  // XFSB; linux/magic.h lacks it before 6.6
// Local, and known to change the ctime at each first write through a mapping. tmpfs does not; with
// overlayfs a mapping is not seen as a writer; what is remote or in user space (NFS, FUSE) tells
// whatever it likes.
constexpr std::array<std::uint64_t, 3> trusted_file_systems{EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                                            xfs_magic};

bool keeps_times(const linux_::Fd& file) {
  const auto kind = linux_::file_system_of(file);
  return kind && std::ranges::find(trusted_file_systems, kind->magic) != trusted_file_systems.end();
}

// Root could change anything, and who lets others write has to be asked about each writer, which
// the owner alone may.
bool is_without_writers(const linux_::Fd& file, const struct stat& status) {
  const bool is_roots_alone = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  return linux_::has_no_writer(file) || (is_roots_alone && ::geteuid() != 0);
}

std::chrono::system_clock::time_point changed(const struct stat& status) {
  using std::chrono::system_clock;
  return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(
      std::chrono::seconds(status.st_ctim.tv_sec) +
      std::chrono::nanoseconds(status.st_ctim.tv_nsec)));
}

}  // namespace

FileStamp stamp_of(const struct stat& status) noexcept {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_s = status.st_mtim.tv_sec,
          .modified_ns = status.st_mtim.tv_nsec,
          .changed_s = status.st_ctim.tv_sec,
          .changed_ns = status.st_ctim.tv_nsec};
}

std::optional<FileStamp> lasting_stamp(const linux_::Fd& file,
                                       std::chrono::system_clock::time_point now) {
  const auto before = linux_::stat_of(file);
  if (!before || !S_ISREG(before->st_mode) || !keeps_times(file) ||
      !is_without_writers(file, *before)) {
    return std::nullopt;
  }
  // After that question: who began to write since then has changed the time, or will.
  const auto status = linux_::stat_of(file);
  if (!status || changed(*status) + quiet_time > now) {
    return std::nullopt;
  }
  return stamp_of(*status);
}

}  // namespace omnisandbox::wasm
