#pragma once

#include <sys/types.h>

#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// Files that get their name only when their content is complete.
namespace omnisandbox::linux_ {

/// A new file in `folder` without a name (O_TMPFILE), open for writing; it vanishes with its last
/// handle. EOPNOTSUPP (`unavailable`) where the file system has none.
Expected<Fd> open_unnamed_in(const Fd& folder, unsigned mode);
/// Gives an unnamed file its name; `already_exists` when it is taken. Works once.
Expected<void> name_unnamed(const Fd& file, const Fd& folder, std::string_view name);

/// Locks the file against others who ask for it this way (flock(2)), until its last handle is
/// closed. False when somebody else has it locked.
Expected<bool> try_lock(const Fd& file);

Expected<void> set_mode(const Fd& file, unsigned mode);
Expected<void> set_owner(const Fd& file, uid_t user, gid_t group);
/// Gives `file` the POSIX access control list and the "user." attributes of `name` in `folder`,
/// where there are any. Needs /proc.
Expected<void> copy_attributes(const Fd& folder, std::string_view name, const Fd& file);

}  // namespace omnisandbox::linux_
