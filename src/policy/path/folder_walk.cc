#include "policy/path/folder_walk.h"

#include <fcntl.h>
#include <limits.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

Error too_many(std::size_t max_entries) {
  return base::make_error(ErrorKind::too_large, "there are more than {} files", max_entries);
}

}  // namespace

std::string name_below(const std::string& folder, std::string_view below) {
  return below.empty() ? folder : join(folder, below);
}

Expected<void> FolderWalk::walk(const linux_::Fd& folder, std::size_t path_bytes) {
  levels_.clear();
  std::string below;
  TRY(look_through(folder, below, path_bytes));
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.left.empty()) {
      levels_.pop_back();
      continue;
    }
    below.resize(level.path_bytes);
    if (!below.empty()) {
      below += '/';
    }
    below += level.left.back();
    level.left.pop_back();
    TRY(look_through(folder, below, path_bytes));
  }
  return {};
}

Expected<void> FolderWalk::look_through(const linux_::Fd& folder, const std::string& below,
                                        std::size_t path_bytes) {
  if (std::chrono::steady_clock::now() >= bounds_.deadline) {
    return base::make_error(ErrorKind::timeout, "it takes longer than the run may take");
  }
  // Every name in it must fit, with the slashes before `below` and before the name.
  if (path_bytes + 1 + below.size() + 1 + NAME_MAX > max_path_bytes) {
    return visitor_.find_closed(below);
  }
  auto opened = linux_::open_at2(folder.get(), below.empty() ? "." : below,
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0,
                                 linux_::resolve_exactly);
  return opened ? list(*opened, below) : explain(opened.error(), below);
}

Expected<void> FolderWalk::list(const linux_::Fd& opened, const std::string& below) {
  auto entries = linux_::list_directory(opened, bounds_.max_entries);
  if (!entries) {
    return explain(entries.error(), below);
  }
  found_ += entries->size();
  if (found_ > bounds_.max_entries) {
    return too_many(bounds_.max_entries);
  }
  Level level{.path_bytes = below.size(), .left = {}};
  TRY(visitor_.look(opened, below, *entries, level.left));
  if (!level.left.empty()) {
    levels_.push_back(std::move(level));
  }
  return {};
}

Expected<void> FolderWalk::explain(const Error& error, const std::string& below) {
  switch (error.system_errno) {
    case EACCES:
      return visitor_.find_closed(below);
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      return {};  // gone, or replaced by something that is no folder
    case 0:
      return error.kind == ErrorKind::limit ? too_many(bounds_.max_entries) : error;
    default:
      return error;
  }
}

}  // namespace omnisandbox::policy
