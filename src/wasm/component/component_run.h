#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "wasm/component/outside.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/listing.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::component {

/// What a component waits for: a time, or nothing at all (everything else never blocks).
struct Pollable {
  std::chrono::steady_clock::time_point due{};
};

struct InputStream {
  bool is_stdin = false;
  std::uint32_t fd = 0;  ///< of a file
  std::uint64_t offset = 0;
};

struct OutputStream {
  enum class To : std::uint8_t { stdout_capture, stderr_capture, file, end_of_file };
  To to = To::stdout_capture;
  std::uint32_t fd = 0;
  std::uint64_t offset = 0;
};

struct IoError {
  wasi::Errno code = wasi::Errno::io;
};

struct EntryStream {
  std::unique_ptr<wasi::Listing> listing;
  std::size_t next = 0;
};

/// Bytes that the host keeps for the guest (omnisandbox:host/types.bytes).
struct HeldBytes {
  std::string bytes;
};

/// The host's resources of one run, by the number that the component's handle stands for. How many
/// there may be is bounded; a file's descriptor is not among them (its number is the FdTable's).
class ResourceTable {
 public:
  using Item = std::variant<Pollable, InputStream, OutputStream, IoError, EntryStream, HeldBytes>;

  /// False when there are too many already.
  bool has_room() const noexcept;
  std::uint32_t add(Item item);
  /// Null for a number that holds nothing, or another kind of thing.
  template <class T>
  T* find(std::uint32_t number) noexcept {
    const auto found = items_.find(number);
    return found == items_.end() ? nullptr : std::get_if<T>(&found->second);
  }
  void drop(std::uint32_t number) noexcept { items_.erase(number); }

 private:
  std::unordered_map<std::uint32_t, Item> items_;
  std::uint32_t last_ = 0;
};

/// What one run of a component has besides what every guest has. Used by one thread at a time.
struct ComponentRun {
  explicit ComponentRun(GuestRun& guest_run, Outside& outside_of_run = this_process())
      : guest(&guest_run), outside(&outside_of_run) {}
  ComponentRun(const ComponentRun&) = delete;
  ComponentRun& operator=(const ComponentRun&) = delete;

  GuestRun* guest;
  Outside* outside;
  ResourceTable resources;
  std::uint64_t held_bytes = 0;    ///< over all HeldBytes
  std::size_t listed_entries = 0;  ///< over all EntryStreams

  /// Streams may outlive the descriptor they were made from; its number is kept until they are
  /// gone.
  struct FileUse {
    std::uint32_t streams = 0;
    bool descriptor_dropped = false;
  };
  std::unordered_map<std::uint32_t, FileUse> files;
  /// Descriptors below this one are the standard streams and the preopened directories, which stay
  /// open.
  std::uint32_t first_closable_fd = 3;
};

}  // namespace omnisandbox::wasm::component
