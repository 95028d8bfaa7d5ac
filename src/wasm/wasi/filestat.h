#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <tl/expected.hpp>

#include "linux/file_names.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

FileType file_type_of(mode_t mode);
/// From DT_* of dirent(3).
FileType file_type_of_entry(unsigned char type);

/// Device and inode are the host's: guests tell files apart by them, and learn nothing but two
/// numbers of files that they may look at anyway.
Filestat filestat_of(const struct stat& status);

/// From the arguments of fd_filestat_set_times; `inval` for flags that contradict each other and
/// for times that the host cannot hold.
tl::expected<linux_::FileTimes, Errno> file_times_of(std::uint64_t accessed_ns,
                                                     std::uint64_t modified_ns,
                                                     std::uint32_t flags);

}  // namespace omnisandbox::wasm::wasi
