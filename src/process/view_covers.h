#pragma once

#include <sys/stat.h>

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/path/folder_walk.h"
#include "process/launch_plan.h"
#include "process/view_roots.h"

namespace omnisandbox::process {

/// Finds what the policy takes away inside the folders that it opens, and plans what covers it.
/// Each step carries the identity of what was seen. One use for one view.
class ViewCovers : policy::FolderVisitor {
 public:
  /// `roots` must outlive it.
  ViewCovers(const ViewRoots& roots, std::chrono::steady_clock::time_point deadline);

  /// Looks through a root, host path `path`, which commands call `guest`. Errors: `too_large`,
  /// `timeout`, `limit` (more covers than a plan may have), `denied`, `io`; errno ESTALE where
  /// something was moved meanwhile.
  Expected<void> search(const policy::PathRoot& root, const std::string& path,
                        const std::string& guest);

  /// Covers `path`, which commands see as `target`.
  void hide(const std::string& path, std::string target, const struct stat& status);

  bool hides_something() const noexcept { return hides_something_; }
  /// The folders of the root that was looked through last which a command must not rename: they
  /// hold something covered, and another run's search might find it at neither name. They are to be
  /// put up in a copy of the root that the root then lies over: mounts in the root itself would be
  /// borders that no file is renamed or linked across.
  std::vector<ViewStep>& kept() noexcept { return kept_; }
  /// What has a place among the roots, and what is to be put up after them.
  std::vector<ViewStep>& placed() noexcept { return placed_; }
  std::vector<ViewStep>& masks() noexcept { return masks_; }

 private:
  // What is looked at, made once for all that is in it.
  struct SearchedFolder {
    const linux_::Fd& handle;
    std::string_view below;  // its path from the root
    std::string path;
    std::string guest;
    ViewAccess access;
  };

  Expected<void> look(const linux_::Fd& folder, std::string_view below,
                      std::span<const linux_::RawDirectoryEntry> entries,
                      std::vector<std::string>& entered) override;
  Expected<void> find_closed(std::string_view below) override;

  Expected<void> hide_special_folders(const policy::PathRoot& root, const std::string& path,
                                      const std::string& guest);
  static Error explain(Error error, const std::string& path);
  Expected<bool> is_searched(const SearchedFolder& folder, const linux_::RawDirectoryEntry& entry);
  void cover(const std::string& child, std::string target, ViewAccess own,
             const struct stat& status);
  void keep_above(std::string_view below);
  Expected<void> plan_kept();
  Expected<struct stat> status_below(std::string_view below) const;
  Error has_moved(Error error, std::string_view below) const;

  const ViewRoots& roots_;
  policy::FolderWalk walk_;
  bool hides_something_ = false;
  std::vector<ViewStep> placed_;
  std::vector<ViewStep> masks_;
  std::vector<ViewStep> kept_;
  std::size_t name_bytes_ = 0;
  // The root that is looked through.
  const linux_::Fd* searched_root_ = nullptr;
  bool searched_is_writable_ = false;
  std::string searched_path_;
  std::string searched_guest_;
  std::set<std::string, std::less<>> kept_below_;  // names of what is kept, from the root
};

}  // namespace omnisandbox::process
