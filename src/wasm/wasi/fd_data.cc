#include <sys/uio.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "linux/file_data.h"
#include "linux/file_system.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/preview1.h"
#include "wasm/wasi/write_rules.h"

namespace omnisandbox::wasm::wasi {
namespace {

// Linux's own bound (IOV_MAX), which C libraries keep.
constexpr std::uint32_t max_vectors = 1024;
// Of one call on a file. Short transfers are part of the interface, and between two calls the
// deadline is looked at.
constexpr std::uint64_t max_transfer_bytes = 64ULL * 1024 * 1024;
constexpr auto max_position = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

struct Vectors {
  std::vector<iovec> parts;
  std::uint64_t total_bytes = 0;
};

// `limit_bytes` cuts the transfer; a stream of the run itself takes all.
tl::expected<Vectors, Errno> take_vectors(const GuestMemory& memory, Pointer vectors,
                                          Size vector_count, std::uint64_t limit_bytes) {
  if (vector_count > max_vectors) {
    return tl::unexpected(Errno::inval);
  }
  Vectors taken;
  taken.parts.reserve(vector_count);
  std::uint64_t asked_bytes = 0;
  for (Size index = 0; index < vector_count; ++index) {
    // In 64 bits: the array may begin near the end of the address space.
    const std::uint64_t place = std::uint64_t{vectors} + std::uint64_t{index} * sizeof(IoVector);
    const auto vector = place > std::numeric_limits<Pointer>::max()
                            ? std::nullopt
                            : memory.load<IoVector>(static_cast<Pointer>(place));
    const auto bytes = vector ? memory.slice(vector->offset, vector->length) : std::nullopt;
    if (!bytes) {
      return tl::unexpected(Errno::fault);
    }
    asked_bytes += bytes->size();
    const std::uint64_t length =
        std::min<std::uint64_t>(bytes->size(), limit_bytes - taken.total_bytes);
    if (length > 0) {
      taken.parts.push_back({bytes->data(), static_cast<std::size_t>(length)});
      taken.total_bytes += length;
    }
  }
  // The answer is a 32-bit number, as ssize_t is for the guest.
  if (asked_bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) {
    return tl::unexpected(Errno::inval);
  }
  return taken;
}

Errno store_size(const GuestCall& call, Pointer place, std::uint64_t size) {
  return call.memory.store(place, static_cast<Size>(size)) ? Errno::success : Errno::fault;
}

// The checks that reading and writing share. EBADF, as POSIX has it for a descriptor that is not
// open for the direction.
tl::expected<Descriptor*, Errno> find_for_transfer(GuestCall& call, GuestFd fd, Rights direction,
                                                   Pointer result) {
  Descriptor* descriptor = table_of(call.run).find(fd);
  if (descriptor == nullptr) {
    return tl::unexpected(Errno::badf);
  }
  if (descriptor->is_directory()) {
    return tl::unexpected(Errno::isdir);
  }
  if ((descriptor->base & direction) == 0) {
    return tl::unexpected(Errno::badf);
  }
  if (!call.memory.slice(result, sizeof(Size))) {
    return tl::unexpected(Errno::fault);
  }
  return descriptor;
}

// A given offset needs a file that has positions, and the right to seek.
Errno check_offset(const Descriptor& descriptor, std::uint64_t offset) {
  if (!descriptor.is_file()) {
    return Errno::spipe;
  }
  if ((descriptor.base & rights::fd_seek) == 0) {
    return Errno::notcapable;
  }
  return offset > max_position ? Errno::inval : Errno::success;
}

std::uint64_t read_input(GuestRun& run, const Vectors& vectors) {
  std::uint64_t read = 0;
  for (const iovec& part : vectors.parts) {
    const std::string_view rest = std::string_view(run.stdin_data).substr(run.stdin_position);
    const std::size_t length = std::min(part.iov_len, rest.size());
    std::copy_n(rest.data(), length, static_cast<char*>(part.iov_base));
    run.stdin_position += length;
    read += length;
  }
  return read;
}

Errno read_file(GuestCall& call, std::string_view operation, const Descriptor& descriptor,
                const Vectors& vectors, std::uint64_t offset, std::uint64_t& read) {
  if (vectors.parts.empty()) {
    return Errno::success;
  }
  const auto result = linux_::read_vectors_at(descriptor.file, vectors.parts, offset);
  if (!result) {
    return fail(call, operation, result.error());
  }
  read = *result;
  return Errno::success;
}

// Appending is the kernel's: several runs may write to the end of one file.
Errno write_file(GuestCall& call, std::string_view operation, const Descriptor& descriptor,
                 const Vectors& vectors, std::uint64_t offset, std::uint64_t& written) {
  if (vectors.parts.empty()) {
    return Errno::success;
  }
  const auto status = linux_::stat_of(descriptor.file);
  if (!status) {
    return fail(call, operation, status.error());
  }
  const auto size = static_cast<std::uint64_t>(status->st_size);
  const bool appends = (descriptor.flags & fdflags::append) != 0;
  const std::uint64_t start = appends ? size : offset;
  if (start > max_position - vectors.total_bytes) {
    return Errno::fbig;
  }
  const Errno charged =
      charge_growth(call, operation, size, start + vectors.total_bytes, vectors.total_bytes);
  if (charged != Errno::success) {
    return charged;
  }
  const auto result = appends ? linux_::write_vectors(descriptor.file, vectors.parts)
                              : linux_::write_vectors_at(descriptor.file, vectors.parts, offset);
  if (!result) {
    return fail(call, operation, result.error());
  }
  written = *result;
  return Errno::success;
}

void write_output(OutputCapture& capture, const Vectors& vectors) {
  for (const iovec& part : vectors.parts) {
    capture.append({static_cast<const char*>(part.iov_base), part.iov_len});
  }
}

std::uint64_t transfer_limit(const Descriptor& descriptor) {
  return descriptor.is_file() ? max_transfer_bytes : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

Errno fd_read(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count, Pointer read_size) {
  const auto descriptor = find_for_transfer(call, fd, rights::fd_read, read_size);
  if (!descriptor) {
    return descriptor.error();
  }
  Descriptor& open = **descriptor;
  const auto taken = take_vectors(call.memory, vectors, vector_count, transfer_limit(open));
  if (!taken) {
    return taken.error();
  }
  if (!open.is_file()) {
    return store_size(call, read_size, read_input(call.run, *taken));
  }
  std::uint64_t read = 0;
  const Errno result = read_file(call, "wasi.fd_read", open, *taken, open.position, read);
  open.position += read;
  return result == Errno::success ? store_size(call, read_size, read) : result;
}

Errno fd_pread(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
               std::uint64_t offset, Pointer read_size) {
  const auto descriptor = find_for_transfer(call, fd, rights::fd_read, read_size);
  if (!descriptor) {
    return descriptor.error();
  }
  if (const Errno wrong = check_offset(**descriptor, offset); wrong != Errno::success) {
    return wrong;
  }
  const auto taken = take_vectors(call.memory, vectors, vector_count, max_transfer_bytes);
  if (!taken) {
    return taken.error();
  }
  std::uint64_t read = 0;
  const Errno result = read_file(call, "wasi.fd_pread", **descriptor, *taken, offset, read);
  return result == Errno::success ? store_size(call, read_size, read) : result;
}

Errno fd_write(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
               Pointer written_size) {
  const auto descriptor = find_for_transfer(call, fd, rights::fd_write, written_size);
  if (!descriptor) {
    return descriptor.error();
  }
  Descriptor& open = **descriptor;
  const auto taken = take_vectors(call.memory, vectors, vector_count, transfer_limit(open));
  if (!taken) {
    return taken.error();
  }
  if (!open.is_file()) {
    write_output(
        open.kind == Descriptor::Kind::output ? call.run.stdout_capture : call.run.stderr_capture,
        *taken);
    return store_size(call, written_size, taken->total_bytes);
  }
  std::uint64_t written = 0;
  const Errno result = write_file(call, "wasi.fd_write", open, *taken, open.position, written);
  if (result != Errno::success) {
    return result;
  }
  open.position += written;
  if ((open.flags & fdflags::append) != 0 && written > 0) {
    const auto position = linux_::position_of(open.file);
    if (!position) {
      return fail(call, "wasi.fd_write", position.error());
    }
    open.position = *position;
  }
  return store_size(call, written_size, written);
}

Errno fd_pwrite(GuestCall& call, GuestFd fd, Pointer vectors, Size vector_count,
                std::uint64_t offset, Pointer written_size) {
  const auto descriptor = find_for_transfer(call, fd, rights::fd_write, written_size);
  if (!descriptor) {
    return descriptor.error();
  }
  if (const Errno wrong = check_offset(**descriptor, offset); wrong != Errno::success) {
    return wrong;
  }
  const auto taken = take_vectors(call.memory, vectors, vector_count, max_transfer_bytes);
  if (!taken) {
    return taken.error();
  }
  std::uint64_t written = 0;
  const Errno result = write_file(call, "wasi.fd_pwrite", **descriptor, *taken, offset, written);
  return result == Errno::success ? store_size(call, written_size, written) : result;
}

Errno fd_seek(GuestCall& call, GuestFd fd, std::int64_t delta, std::uint32_t whence,
              Pointer position) {
  Descriptor* descriptor = table_of(call.run).find(fd);
  if (descriptor == nullptr) {
    return Errno::badf;
  }
  if (!descriptor->is_file()) {
    return descriptor->is_directory() ? Errno::isdir : Errno::spipe;
  }
  // Asking where one is needs less than going elsewhere.
  const bool only_tells = delta == 0 && whence == static_cast<std::uint32_t>(Whence::current);
  const Rights enough = only_tells ? rights::fd_seek | rights::fd_tell : rights::fd_seek;
  if ((descriptor->base & enough) == 0) {
    return Errno::notcapable;
  }
  std::uint64_t from = 0;
  if (whence == static_cast<std::uint32_t>(Whence::current)) {
    from = descriptor->position;
  } else if (whence == static_cast<std::uint32_t>(Whence::end)) {
    const auto status = linux_::stat_of(descriptor->file);
    if (!status) {
      return fail(call, "wasi.fd_seek", status.error());
    }
    from = static_cast<std::uint64_t>(status->st_size);
  } else if (whence != static_cast<std::uint32_t>(Whence::set)) {
    return Errno::inval;
  }
  // Both are below 2^63, so the sum of the two as unsigned numbers shows an overflow as a value
  // above max_position; a negative result does too.
  const std::uint64_t target = from + static_cast<std::uint64_t>(delta);
  if (target > max_position) {
    return Errno::inval;
  }
  if (!call.memory.store(position, target)) {
    return Errno::fault;
  }
  descriptor->position = target;
  return Errno::success;
}

Errno fd_tell(GuestCall& call, GuestFd fd, Pointer position) {
  const Descriptor* descriptor = table_of(call.run).find(fd);
  if (descriptor == nullptr) {
    return Errno::badf;
  }
  if (!descriptor->is_file()) {
    return descriptor->is_directory() ? Errno::isdir : Errno::spipe;
  }
  if ((descriptor->base & rights::fd_tell) == 0) {
    return Errno::notcapable;
  }
  return call.memory.store(position, descriptor->position) ? Errno::success : Errno::fault;
}

}  // namespace omnisandbox::wasm::wasi
