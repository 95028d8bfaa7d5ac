#pragma once

#include <functional>
#include <optional>
#include <string>

#include "linux/fd.h"

namespace omnisandbox::process {

/// A folder that this process has made, with a name of ours. It stays locked (flock(2)) as long as
/// its owner lives: the kernel opens the lock when he ends, however he ends. So nobody has to tell
/// owners by process numbers, which are used again and mean another process in another namespace.
struct LockedFolder {
  linux_::Fd parent;
  std::string name;
  linux_::Fd handle;  ///< open for reading; holds the lock
};

/// Makes one beneath `parent`; nullopt where this machine refuses it.
std::optional<LockedFolder> make_locked_folder(const linux_::Fd& parent);

/// Removes one folder; false where it could not.
using RemoveFolder = std::function<bool(const linux_::Fd& parent, const std::string& name)>;
/// Calls `remove` for what owners that were killed have left beneath `parent`: folders with names
/// of ours, of this user, that nobody holds locked.
void remove_abandoned_folders(const linux_::Fd& parent, const RemoveFolder& remove);

}  // namespace omnisandbox::process
