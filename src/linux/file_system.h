#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// Each file-system call, wrapped once. EINTR is retried; descriptors are close-on-exec from
/// creation. Errors carry errno, the call's name and `what`, a name for messages only.
namespace omnisandbox::linux_ {

/// openat2(2) with `resolve` flags. `path` must not contain NUL (checked: `invalid_argument`).
Expected<Fd> open_at2(int directory, std::string_view path, std::uint64_t flags, std::uint64_t mode,
                      std::uint64_t resolve);

/// Beneath `directory`, no magic links, and no symbolic link anywhere in `path`: the path walked is
/// the path written. An empty path or "." opens the directory itself. ELOOP says that there is a
/// symbolic link.
inline constexpr std::uint64_t resolve_exactly =
    RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;

Expected<struct stat> stat_of(const Fd& file);
/// fstatat(2) with AT_SYMLINK_NOFOLLOW.
Expected<struct stat> stat_at(const Fd& directory, std::string_view name);
/// The target of the symbolic link `name` in `directory`; `invalid_argument` (EINVAL) when it is
/// none.
Expected<std::string> read_link_at(const Fd& directory, std::string_view name);

/// Reads up to buffer.size() bytes; fewer only at the end of the file.
Expected<std::size_t> read_full(const Fd& file, std::span<std::byte> buffer);
Expected<std::size_t> read_full_at(const Fd& file, std::span<std::byte> buffer,
                                   std::uint64_t offset);
/// Writes all of `bytes`, or fails.
Expected<void> write_full(const Fd& file, std::span<const std::byte> bytes);

struct RawDirectoryEntry {
  std::string name;
  std::uint64_t inode = 0;
  unsigned char type = 0;  ///< DT_* of dirent(3)
};
/// All entries but "." and "..", at most `max_entries` (one more: `limit`). `directory` must be
/// open for reading.
Expected<std::vector<RawDirectoryEntry>> list_directory(const Fd& directory,
                                                        std::size_t max_entries);

}  // namespace omnisandbox::linux_
