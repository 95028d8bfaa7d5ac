#pragma once

#include <cstddef>
#include <span>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// Files without a place in any file system (memfd_create(2)), to pass many bytes to another
/// process.
namespace omnisandbox::linux_ {

/// Empty, for reading and writing, not sealed.
Expected<Fd> make_memory_file(const char* name);
/// From now on nobody can change it, whoever holds a handle.
Expected<void> seal_memory_file(const Fd& file);
/// A sealed one with this content.
Expected<Fd> make_sealed_file(const char* name, std::span<const std::byte> content);

/// The bytes of a file, read-only, at this moment's size.
class FileMapping {
 public:
  /// `too_large` beyond `max_bytes`.
  static Expected<FileMapping> create(const Fd& file, std::size_t max_bytes);
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&&) = delete;
  ~FileMapping();
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  FileMapping(void* address, std::size_t size) : address_(address), size_(size) {}
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace omnisandbox::linux_
