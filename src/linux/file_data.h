#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// The calls on an open file's data. Offsets and sizes beyond what off_t holds are EINVAL.
namespace omnisandbox::linux_ {

/// preadv(2) and pwritev(2): may transfer less than asked; 0 read means the end of the file.
Expected<std::size_t> read_vectors_at(const Fd& file, std::span<const iovec> vectors,
                                      std::uint64_t offset);
Expected<std::size_t> write_vectors_at(const Fd& file, std::span<const iovec> vectors,
                                       std::uint64_t offset);
/// writev(2) at the file's own position; with O_APPEND, at its end.
Expected<std::size_t> write_vectors(const Fd& file, std::span<const iovec> vectors);
/// The file's own position; only calls without an offset move it.
Expected<std::uint64_t> position_of(const Fd& file);

Expected<void> set_size(const Fd& file, std::uint64_t size_bytes);
/// fallocate(2) with mode 0: grows the file where the range passes its end. EOPNOTSUPP where the
/// file system cannot.
Expected<void> allocate(const Fd& file, std::uint64_t offset, std::uint64_t length);
Expected<void> sync_data(const Fd& file);
Expected<void> sync_all(const Fd& file);

/// Sets or clears O_APPEND.
enum class WritePlace : std::uint8_t { at_position, at_end };
Expected<void> set_write_place(const Fd& file, WritePlace place);

}  // namespace omnisandbox::linux_
