#include "linux/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::linux_ {

Expected<Fd> make_memory_file(const char* name) {
  Fd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.is_open()) {
    return Error::from_errno(errno, "memfd_create", name);
  }
  return file;
}

Expected<void> seal_memory_file(const Fd& file) {
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0) {
    return Error::from_errno(errno, "fcntl F_ADD_SEALS", "a memory file");
  }
  return {};
}

Expected<Fd> make_sealed_file(const char* name, std::span<const std::byte> content) {
  Fd file = TRY(make_memory_file(name));
  TRY(write_full(file, content));
  TRY(seal_memory_file(file));
  return file;
}

Expected<FileMapping> FileMapping::create(const Fd& file, std::size_t max_bytes) {
  // Not fstat(2): the C library may make a call of it that takes a path, which a confined process
  // does not have.
  const off_t end = ::lseek(file.get(), 0, SEEK_END);
  if (end < 0) {
    return Error::from_errno(errno, "lseek", "a memory file");
  }
  const auto size = static_cast<std::size_t>(end);
  if (size > max_bytes) {
    return base::make_error(ErrorKind::too_large, "a file of {} bytes is too large to be mapped",
                            size);
  }
  if (size == 0) {
    return FileMapping(nullptr, 0);
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) {
    return Error::from_errno(errno, "mmap", "a memory file");
  }
  return FileMapping(address, size);
}

FileMapping::FileMapping(FileMapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FileMapping::~FileMapping() {
  if (address_ != nullptr) {
    ::munmap(address_, size_);
  }
}

}  // namespace omnisandbox::linux_
