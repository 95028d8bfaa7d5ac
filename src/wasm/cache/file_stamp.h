#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "linux/fd.h"

/// By what a file is known again without reading it.
namespace omnisandbox::wasm {

/// A file's identity and times. Whoever changes a file changes its ctime, which no call sets: so
/// the same stamp means the same content, where `lasting_stamp` gave it.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_s = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const struct stat& status) noexcept;

// Two changes within a clock tick have one ctime. Ticks are milliseconds, and some file systems
// keep whole seconds.
inline constexpr std::chrono::seconds quiet_time{2};

/// The file's stamp, if every change from now on will show in it. Nothing where that is not sure:
/// the file was changed within the `quiet_time` before `now`; somebody has it open for writing, or
/// mapped so (a write to a page that is dirty already leaves the ctime as it is); it is neither
/// this user's nor root's alone; or its file system does not keep such times. What is read after
/// this call belongs to the stamp if the file still has it then.
std::optional<FileStamp> lasting_stamp(
    const linux_::Fd& file,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

}  // namespace omnisandbox::wasm
