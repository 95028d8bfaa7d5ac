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

// `stamp`: an inode number can be another file's right after the first one was removed.
void ViewCovers::hide(const std::string& path, std::string target, const struct stat& status,
                      std::uint8_t stamp) {
  hides_something_ = true;
  if (roots_.has_opening_below(path)) {
    // A longer rule opens a part of it again, which needs a place to stand.
    ViewStep tree{.kind = StepKind::private_tree,
                  .flags = static_cast<std::uint8_t>(step_read_only | stamp),
                  .target = std::move(target),
                  .size_bytes = 65536,
                  .file_count = 1024};
    note_identity(tree, status);
    placed_.push_back(std::move(tree));
    return;
  }
  ViewStep mask{.kind = StepKind::mask, .flags = stamp, .target = std::move(target)};
  note_identity(mask, status);
  masks_.push_back(std::move(mask));
}

void ViewCovers::pin(std::string target, std::uint8_t flags, const struct stat& status) {
  if (!pinned_.insert(target).second) {
    return;
  }
  ViewStep step{.kind = StepKind::pin, .flags = flags, .target = std::move(target)};
  note_identity(step, status);
  placed_.push_back(std::move(step));
}

// Everything below whose access is not its folder's is hidden or made read-only.
Expected<void> ViewCovers::search(const PathRoot& root, const std::string& path,
                                  const std::string& guest) {
  TRY(hide_special_folders(root, path, guest));
  if (!roots_.may_hide_anything_below(path)) {
    return {};
  }
  searched_root_ = &root.handle;
  searched_is_writable_ = roots_.access_of(path).writes;
  searched_path_ = path;
  searched_guest_ = guest;
  kept_.clear();
  auto done = walk_.walk(root.handle, std::max(path.size(), guest.size()));
  return done ? keep_in_place() : explain(std::move(done).error(), path);
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
      // They change all the time, and nobody replaces them.
      hide(std::string(special), guest_name(guest, path, special), *status, 0);
    } else if (status.error().system_errno != ENOENT) {
      return status.error();
    }
  }
  return {};
}

Expected<void> ViewCovers::look(const linux_::Fd& folder, std::string_view below,
                                std::span<const linux_::RawDirectoryEntry> entries,
                                std::vector<std::string>& entered) {
  const ViewAccess access = roots_.access_of(policy::name_below(searched_path_, below));
  for (const auto& entry : entries) {
    if (entry.type != DT_LNK && TRY(is_searched(folder, entry, below, access))) {
      entered.push_back(entry.name);
    }
  }
  if (placed_.size() + masks_.size() + kept_.size() > max_plan_entries) {
    return base::make_error(ErrorKind::limit,
                            "the policy hides or narrows more than {} files and folders in {}; "
                            "open a narrower folder",
                            max_plan_entries, base::printable(searched_path_));
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

// A folder that holds something covered must not be renamed by a command: another run's search
// might find it at neither name, and cover nothing in it.
void ViewCovers::keep_above(std::string_view below) {
  while (searched_is_writable_ && below.find('/') != std::string_view::npos) {
    below = below.substr(0, below.rfind('/'));
    if (!kept_.emplace(below).second) {
      return;
    }
  }
}

Expected<void> ViewCovers::keep_in_place() {
  for (const std::string& below : kept_) {
    pin(policy::name_below(searched_guest_, below), 0, TRY(status_below(below)));
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
Expected<bool> ViewCovers::is_searched(const linux_::Fd& folder,
                                       const linux_::RawDirectoryEntry& entry,
                                       std::string_view below, ViewAccess access) {
  const std::string child_below =
      below.empty() ? entry.name : fmt::format("{}/{}", below, entry.name);
  const std::string child = policy::name_below(searched_path_, child_below);
  const std::string target = policy::name_below(searched_guest_, child_below);
  const ViewAccess own = roots_.access_of(child);
  const auto root = roots_.all().find(child);
  const bool is_root = root != roots_.all().end();
  if (is_root && own.opens() && roots_.guest_path_of(child, *root->second) == target) {
    return false;  // it is mounted over what is here
  }
  if (is_special(child) && (!is_root || own.opens())) {
    return false;
  }
  const bool is_narrower = own != access && !own.writes;
  // Renamed, it would carry what is hidden in it to a name that no rule knows.
  const bool has_rules_below = own.writes && !is_narrower && roots_.may_hide_below(child);
  if (!own.opens() || is_narrower || has_rules_below) {
    auto status = linux_::stat_at(folder, entry.name);
    if (!status) {
      return has_moved(std::move(status).error(), child_below);
    }
    if (!S_ISLNK(status->st_mode)) {
      cover(child, target, own, is_narrower, *status);
      keep_above(child_below);
    }
  }
  return own.opens() && TRY(is_folder(folder, entry)) && roots_.may_hide_anything_below(child);
}

void ViewCovers::cover(const std::string& child, const std::string& target, ViewAccess own,
                       bool is_narrower, const struct stat& status) {
  if (!own.opens()) {
    hide(child, target, status);
  } else if (is_narrower) {
    hides_something_ = true;
    pin(target, step_read_only | step_keeps_stamp, status);
  } else if (S_ISDIR(status.st_mode)) {
    pin(target, 0, status);
  }
}

}  // namespace omnisandbox::process
