#include "process/locked_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/random_id.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "linux/new_file.h"

namespace omnisandbox::process {
namespace {

using linux_::Fd;

constexpr std::string_view name_prefix = "omnisandbox-run-";
constexpr std::size_t id_digits = 16;
// A folder that is new and not locked yet looks abandoned: the one who removes it is faster rarely,
// and never this often.
constexpr int max_attempts = 16;
// Of a folder with more entries than this nobody reads the list at each start.
constexpr std::size_t max_listed = 16384;
// The others wait for the next sandbox.
constexpr int max_removed = 1024;

bool is_name_of_ours(std::string_view name) {
  if (!name.starts_with(name_prefix) || name.size() != name_prefix.size() + id_digits) {
    return false;
  }
  name.remove_prefix(name_prefix.size());
  return name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Expected<Fd> open_to_lock(const Fd& parent, std::string_view name) {
  return linux_::open_at2(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                          linux_::resolve_exactly);
}

bool is_named(const Fd& handle, const Fd& parent, std::string_view name) {
  const auto held = linux_::stat_of(handle);
  const auto named = linux_::stat_at(parent, name);
  return held && named && held->st_dev == named->st_dev && held->st_ino == named->st_ino;
}

// True where the folder is gone.
bool remove_if_abandoned(const Fd& parent, const std::string& name, const RemoveFolder& remove) {
  // What another user owns is his to remove; root, too, leaves it.
  const auto status = linux_::stat_at(parent, name);
  if (!status || !S_ISDIR(status->st_mode) || status->st_uid != ::geteuid()) {
    return false;
  }
  const auto folder = open_to_lock(parent, name);
  if (!folder || !linux_::try_lock(*folder).value_or(false)) {
    return false;
  }
  return remove(parent, name);
}

}  // namespace

std::optional<LockedFolder> make_locked_folder(const Fd& parent) {
  auto kept_parent = linux_::open_at2(parent.get(), ".", O_PATH | O_DIRECTORY, 0, 0);
  if (!kept_parent) {
    return std::nullopt;
  }
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    std::string name = std::string(name_prefix) + base::random_id();
    // No other user opens it, and so none can lock it.
    if (const auto made = linux_::make_directory_at(parent, name, 0700); !made) {
      if (made.error().system_errno == EEXIST) {
        continue;  // a process and its fork draw the same names
      }
      return std::nullopt;
    }
    auto handle = open_to_lock(parent, name);
    if (!handle && handle.error().kind != ErrorKind::not_found) {
      // No more descriptors; another name has none either. Nobody else has looked at this one.
      static_cast<void>(linux_::remove_directory_at(parent, name));
      return std::nullopt;
    }
    // Between these calls somebody who removes abandoned folders may have taken it. What is left of
    // it is unlocked, and so is removed later.
    if (handle && linux_::try_lock(*handle).value_or(false) && is_named(*handle, parent, name)) {
      return LockedFolder{
          .parent = std::move(*kept_parent), .name = std::move(name), .handle = std::move(*handle)};
    }
  }
  return std::nullopt;
}

void remove_abandoned_folders(const Fd& parent, const RemoveFolder& remove) {
  const auto entries = linux_::list_directory(parent, max_listed);
  if (!entries) {
    return;
  }
  int removed = 0;
  for (const linux_::RawDirectoryEntry& entry : *entries) {
    if (removed < max_removed && is_name_of_ours(entry.name) &&
        remove_if_abandoned(parent, entry.name, remove)) {
      ++removed;
    }
  }
}

}  // namespace omnisandbox::process
