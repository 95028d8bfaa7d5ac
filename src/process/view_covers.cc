#include "process/view_covers.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"
#include "process/step_identity.h"

namespace omnisandbox::process {

using policy::PathRoot;

namespace {

// Some file systems do not say it in the list.
Expected<bool> is_folder(const linux_::Fd& folder, const linux_::RawDirectoryEntry& entry) {
  if (entry.type != DT_UNKNOWN) {
    return entry.type == DT_DIR;
  }
  const auto status = linux_::stat_at(folder, entry.name);
  if (!status && status.error().system_errno == ENOENT) {
    return false;
  }
  // What cannot be asked is looked through, and hidden where that fails, too.
  return !status || S_ISDIR(status->st_mode);
}

}  // namespace

ViewCovers::ViewCovers(const ViewRoots& roots, std::chrono::steady_clock::time_point deadline)
    : roots_(roots),
      walk_(*this, {.max_entries = policy::max_searched_entries, .deadline = deadline}) {}

void ViewCovers::hide(const std::string& path, std::string target, const struct stat& status) {
  hides_something_ = true;
  if (roots_.has_opening_below(path)) {
    // A longer rule opens a part of it again, which needs a place to stand.
    ViewStep tree{.kind = StepKind::private_tree,
                  .flags = step_read_only,
                  .target = std::move(target),
                  .size_bytes = 65536,
                  .file_count = 1024};
    note_covered(tree, status);
    placed_.push_back(std::move(tree));
    return;
  }
  ViewStep mask{.kind = StepKind::mask, .target = std::move(target)};
  note_covered(mask, status);
  masks_.push_back(std::move(mask));
}

// Everything below whose access is not its folder's is hidden or made read-only.
Expected<void> ViewCovers::search(const PathRoot& root, const std::string& path,
                                  const std::string& guest) {
  kept_.clear();
  kept_below_.clear();
  TRY(hide_special_folders(root, path, guest));
  if (!roots_.may_hide_anything_below(path)) {
    return {};
  }
  searched_root_ = &root.handle;
  searched_is_writable_ = roots_.access_of(path).writes;
  searched_path_ = path;
  searched_guest_ = guest;
  auto done = walk_.walk(root.handle, std::max(path.size(), guest.size()));
  return done ? plan_kept() : explain(std::move(done).error(), path);
}

Error ViewCovers::explain(Error error, const std::string& path) {
  if (error.kind == ErrorKind::too_large) {
    error.message = fmt::format(
        "{} holds more than {} files to look through for what the policy hides; open a narrower "
        "folder, or set allow_secrets where nothing in it is secret",
        base::printable(path), policy::max_searched_entries);
  } else if (error.kind == ErrorKind::timeout) {
    error.message = fmt::format(
        "{} was not looked through for what the policy hides before the deadline; open a "
        "narrower folder, or raise timeout",
        base::printable(path));
  }
  return error;
}

Expected<void> ViewCovers::hide_special_folders(const PathRoot& root, const std::string& path,
                                                const std::string& guest) {
  for (const std::string_view special : special_folders) {
    if (special == path || !policy::is_at_or_beneath(special, path)) {
      continue;
    }
    const auto status = linux_::stat_at(root.handle, special.substr(1));  // `path` is "/"
    if (status) {
      hide(std::string(special), guest_name(guest, path, special), *status);
    } else if (status.error().system_errno != ENOENT) {
      return status.error();
    }
  }
  return {};
}

Expected<void> ViewCovers::look(const linux_::Fd& folder, std::string_view below,
                                std::span<const linux_::RawDirectoryEntry> entries,
                                std::vector<std::string>& entered) {
  std::string path = policy::name_below(searched_path_, below);
  const ViewAccess access = roots_.access_of(path);
  const SearchedFolder searched{.handle = folder,
                                .below = below,
                                .path = std::move(path),
                                .guest = policy::name_below(searched_guest_, below),
                                .access = access};
  for (const auto& entry : entries) {
    if (entry.type != DT_LNK && TRY(is_searched(searched, entry))) {
      entered.push_back(entry.name);
    }
  }
  if (placed_.size() + masks_.size() + kept_below_.size() > max_plan_entries ||
      name_bytes_ > max_plan_bytes) {
    return base::make_error(
        ErrorKind::limit,
        "the policy hides or narrows too much in {} for a command's walls: more than {} names, or "
        "{} MiB of them, many of them in or near {}; open a narrower folder, or remove them",
        base::printable(searched_path_), max_plan_entries, max_plan_bytes / policy::mebibyte,
        base::printable(policy::name_below(searched_path_, below)));
  }
  return {};
}

// The command may be able to change what keeps this user out, or know a name in there.
Expected<void> ViewCovers::find_closed(std::string_view below) {
  const std::string path = policy::name_below(searched_path_, below);
  if (!roots_.may_hide_anything_below(path)) {
    return {};
  }
  const std::string guest = policy::name_below(searched_guest_, below);
  if (guest == "/") {
    return base::make_error(ErrorKind::denied,
                            "{} cannot be looked through for what the policy hides",
                            base::printable(path));
  }
  hide(path, guest, TRY(status_below(below)));
  keep_above(below);
  return {};
}

void ViewCovers::keep_above(std::string_view below) {
  while (searched_is_writable_ && below.find('/') != std::string_view::npos) {
    below = below.substr(0, below.rfind('/'));
    if (!kept_below_.emplace(below).second) {
      return;
    }
  }
}

Expected<void> ViewCovers::plan_kept() {
  // What lies in a folder before that folder, which is covered then.
  for (auto below = kept_below_.rbegin(); below != kept_below_.rend(); ++below) {
    ViewStep step{.kind = StepKind::keep, .target = policy::name_below(searched_guest_, *below)};
    note_identity(step, TRY(status_below(*below)));
    kept_.push_back(std::move(step));
  }
  return {};
}

// What was found a moment ago; ESTALE where it is not there any more.
Expected<struct stat> ViewCovers::status_below(std::string_view below) const {
  const auto found = linux_::open_at2(searched_root_->get(), below.empty() ? "." : below,
                                      O_PATH | O_NOFOLLOW, 0, linux_::resolve_exactly);
  return found ? linux_::stat_of(*found) : has_moved(found.error(), below);
}

Error ViewCovers::has_moved(Error error, std::string_view below) const {
  const int number = error.system_errno;
  if (number == ENOENT || number == ENOTDIR || number == ELOOP) {
    error.system_errno = ESTALE;
  }
  error.message =
      fmt::format("{} was being looked through for what the policy hides: {}",
                  base::printable(policy::name_below(searched_path_, below)), error.message);
  return error;
}

// Hides or narrows one entry; whether there is more to look for in it.
Expected<bool> ViewCovers::is_searched(const SearchedFolder& folder,
                                       const linux_::RawDirectoryEntry& entry) {
  const std::string child = policy::join(folder.path, entry.name);
  const std::string target = policy::join(folder.guest, entry.name);
  const auto child_below = [&] {
    return folder.below.empty() ? entry.name : policy::join(folder.below, entry.name);
  };
  if (is_special(child) || roots_.is_mounted_over(target)) {
    return false;  // what is here is not seen
  }
  const ViewAccess own = roots_.access_of(child);
  const auto root = roots_.all().find(child);
  if (root != roots_.all().end() && own.opens() &&
      roots_.guest_path_of(child, *root->second) == target) {
    return false;  // a single file, which is mounted over what is here
  }
  const bool is_narrower = own != folder.access && !own.writes;
  if (!own.opens() || is_narrower) {
    auto status = linux_::stat_at(folder.handle, entry.name);
    if (!status) {
      return has_moved(std::move(status).error(), child_below());
    }
    if (!S_ISLNK(status->st_mode)) {
      name_bytes_ += target.size();
      cover(child, target, own, *status);
      keep_above(child_below());
    }
  }
  if (!own.opens() || !TRY(is_folder(folder.handle, entry))) {
    return false;
  }
  if (searched_is_writable_ && !is_narrower && roots_.may_hide_below(child)) {
    // Renamed, it would carry what is hidden in it to a name that no rule knows.
    const std::string kept = child_below();
    kept_below_.insert(kept);
    keep_above(kept);
  }
  return roots_.may_hide_anything_below(child);
}

void ViewCovers::cover(const std::string& child, std::string target, ViewAccess own,
                       const struct stat& status) {
  if (!own.opens()) {
    hide(child, std::move(target), status);
    return;
  }
  hides_something_ = true;
  ViewStep pin{.kind = StepKind::pin, .target = std::move(target)};
  note_covered(pin, status);
  placed_.push_back(std::move(pin));
}

}  // namespace omnisandbox::process
