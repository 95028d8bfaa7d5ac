#pragma once

#include <ctime>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// The calls that change names in an open folder; none follows a symbolic link in its last
/// component. A `name` may end in a slash: the kernel then insists on a folder. A NUL byte in a
/// name is `invalid_argument` (EINVAL).
namespace omnisandbox::linux_ {

Expected<void> make_directory_at(const Fd& folder, std::string_view name, unsigned mode);
/// unlinkat(2) of anything but a folder.
Expected<void> remove_file_at(const Fd& folder, std::string_view name);
/// unlinkat(2) of an empty folder.
Expected<void> remove_directory_at(const Fd& folder, std::string_view name);
/// Replaces what `new_name` names, as rename(2) does.
Expected<void> rename_at(const Fd& old_folder, std::string_view old_name, const Fd& new_folder,
                         std::string_view new_name);
/// A hard link; of a symbolic link, to the link itself.
Expected<void> link_at(const Fd& old_folder, std::string_view old_name, const Fd& new_folder,
                       std::string_view new_name);
Expected<void> symlink_at(std::string_view target, const Fd& folder, std::string_view name);

/// Access and modification time, as utimensat(2) takes them (UTIME_NOW, UTIME_OMIT). `file` may be
/// an O_PATH handle, of a symbolic link too.
struct FileTimes {
  timespec accessed;
  timespec modified;
};
Expected<void> set_times(const Fd& file, const FileTimes& times);

}  // namespace omnisandbox::linux_
