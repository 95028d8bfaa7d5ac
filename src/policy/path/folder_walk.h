#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "linux/file_system.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::policy {

/// Who looks at what a walk finds. `below` is a folder's path from where the walk began; empty for
/// that folder itself.
class FolderVisitor {
 public:
  virtual ~FolderVisitor() = default;
  /// All that is in a folder, which is open for reading. The names that are put into `entered` are
  /// looked through later; one that is no folder then is passed over.
  virtual Expected<void> look(const linux_::Fd& folder, std::string_view below,
                              std::span<const linux_::RawDirectoryEntry> entries,
                              std::vector<std::string>& entered) = 0;
  /// A folder that is there, and that cannot be looked through: this user may not, or what is in
  /// it has names that are longer than a path may be.
  virtual Expected<void> find_closed(std::string_view below) = 0;
};

// Half a second of looking; a policy that opens more names a narrower folder.
inline constexpr std::size_t max_searched_entries = 1'000'000;

/// What `below` is called where the walk began at `folder`.
std::string name_below(const std::string& folder, std::string_view below);

struct WalkBounds {
  std::size_t max_entries = 0;  ///< of all folders together
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// Looks through everything below a folder, one open folder at a time and without recursion: how
/// deep folders lie in each other is the choice of whoever may write there.
class FolderWalk {
 public:
  FolderWalk(FolderVisitor& visitor, WalkBounds bounds) : visitor_(visitor), bounds_(bounds) {}

  /// `path_bytes`: the length of the longest path that the folder is to be named by. Errors:
  /// `too_large` (more than `max_entries`, over all walks of this object), `timeout`, and those of
  /// the visitor and of openat2(2).
  Expected<void> walk(const linux_::Fd& folder, std::size_t path_bytes);

 private:
  struct Level {
    std::size_t path_bytes;         // of its path below
    std::vector<std::string> left;  // folders in it that are still to be looked through
  };

  Expected<void> look_through(const linux_::Fd& folder, const std::string& below,
                              std::size_t path_bytes);
  Expected<void> list(const linux_::Fd& opened, const std::string& below);
  Expected<void> explain(const Error& error, const std::string& below);

  FolderVisitor& visitor_;
  const WalkBounds bounds_;
  std::size_t found_ = 0;
  std::vector<Level> levels_;
};

}  // namespace omnisandbox::policy
