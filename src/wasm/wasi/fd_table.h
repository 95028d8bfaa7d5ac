#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "policy/compiled_policy.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/listing.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

/// A single file that the policy opens, as its folder shows it.
struct AllowedFile {
  std::string name;
  std::string host_path;
};

/// What one of the guest's descriptor numbers stands for.
struct Descriptor {
  enum class Kind : std::uint8_t { input, output, error_output, file, directory };
  Kind kind = Kind::file;
  Rights base = 0;
  Rights inheriting = 0;
  std::uint16_t flags = 0;  ///< fdflags

  /// The host path that the policy granted. Every operation on a path beneath a directory starts
  /// from it and is judged anew, so a directory is a name here, not a capability. Of a folder of
  /// files: the guest's name for it.
  std::string canonical;
  linux_::Fd file;         ///< not open for the standard streams and for preopened directories
  bool may_write = false;  ///< of a file: it was granted for writing
  std::uint64_t position = 0;

  /// Set for a preopened directory: the name that guests find it by.
  std::optional<std::string> preopen_name;
  /// A folder that the policy does not open itself, shown because it holds single files that it
  /// does open. Only these can be listed.
  bool is_folder_of_files = false;
  std::vector<AllowedFile> allowed_files;

  std::unique_ptr<Listing> listing;  ///< what fd_readdir is walking through

  bool is_directory() const { return kind == Kind::directory; }
  bool is_file() const { return kind == Kind::file; }
};

/// The guest's descriptors. Preopened directories are worked out when a number above 2 is first
/// used, and hold no handle of the host: a guest that uses no file opens none.
class FdTable {
 public:
  explicit FdTable(const policy::CompiledPolicy& policy);
  ~FdTable();
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;

  /// Null for a number that is not open.
  Descriptor* find(std::uint32_t fd);
  /// Whether one more may be opened under max_open_files; preopened directories and the standard
  /// streams do not count.
  bool has_room();
  /// The lowest free number, as POSIX has it. The caller has asked `has_room`.
  std::uint32_t insert(Descriptor descriptor);
  /// False for a number that is not open.
  bool close(std::uint32_t fd);
  /// Moves `from` over `to`; both must be open.
  bool renumber(std::uint32_t from, std::uint32_t to);

  /// Keeps the names of open directories right after the guest renamed one of them or one above.
  void renamed(std::string_view old_canonical, std::string_view new_canonical);

  /// Makes room for a listing of `entries` names, giving up listings that were read to their end.
  /// False when all open listings together would be too large.
  bool reserve_listing(std::size_t entries);

 private:
  void add_preopens();

  const policy::CompiledPolicy& policy_;
  std::vector<std::unique_ptr<Descriptor>> descriptors_;  // unique_ptr: a closed number is null
  std::uint32_t lowest_free_hint_ = 0;
  std::uint32_t counted_ = 0;  // open, and neither preopened nor a standard stream
  bool has_preopens_ = false;
};

/// The table of a run, made at its first use.
FdTable& table_of(GuestRun& run);

}  // namespace omnisandbox::wasm::wasi
