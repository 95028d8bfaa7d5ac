#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_bool.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "policy/path/path_judge.h"

namespace omnisandbox::policy {

using FollowLast = base::StrongBool<struct FollowLastTag>;

/// How the caller names paths, and where they must stay.
struct PathQuestion {
  std::string_view path;  ///< absolute, as `view` says; a trailing slash demands a folder
  PathUse use = PathUse::read;
  PathView view = PathView::host;
  FollowLast follow_last = FollowLast::yes;
  /// When not empty: a canonical folder (as `OpenedPath::canonical` names it) that the path must
  /// not leave, whatever the rules say; WASI's directory handles need it. Host view only.
  std::string_view beneath{};
  /// A folder that is to be moved is looked through until then.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// A grant with its handle: proof that the policy allowed `canonical` and that the handle is that
/// file. Only PathGate makes one.
class OpenedPath {
 public:
  linux_::Fd file;
  /// The host path that was judged and walked: absolute, no links, no "." or "..".
  std::string canonical;
  std::string rule;       ///< for audit
  struct stat status {};  ///< of the open file, when it was opened

 private:
  friend class PathGate;
  OpenedPath() = default;
};

/// A granted name in an opened folder, for calls that act on names: mkdirat, unlinkat, renameat,
/// linkat. `name` is one component (never "", "." or ".."), or "." where the path is an allowed
/// folder itself; such calls never follow it.
class LocatedPath {
 public:
  linux_::Fd parent;
  std::string name;
  std::string canonical;
  std::string rule;
  bool wants_directory = false;  ///< the path ended in a slash
  /// What has the name, with FollowLast::yes; empty when nothing has, and with FollowLast::no.
  std::optional<struct stat> status{};

 private:
  friend class PathGate;
  LocatedPath() = default;
};

/// The one door to the file system. Symbolic links are resolved here, one component at a time and
/// only inside what the policy allows; the path that results is judged, and then walked by the
/// kernel beneath the rule's own handle with symbolic links forbidden. So what was judged is what
/// is opened, whatever changes meanwhile. Errors: `denied` (with the Denial), `not_found`,
/// `invalid_argument` (NUL, relative, too long; a device, FIFO or socket), `io`; errno is set where
/// a system call failed.
class PathGate {
 public:
  /// `judge` must outlive the gate.
  explicit PathGate(const PathJudge& judge) : judge_(judge) {}

  /// Opens an existing file or folder, or creates a file where `flags` has O_CREAT. O_CLOEXEC and
  /// O_NONBLOCK|O_NOCTTY are added. `flags` that write, create or truncate need `PathUse::write`,
  /// else `internal`. Nothing but files and folders is opened, except with O_PATH. A file with
  /// several names is `denied` for writing, unless the policy allows it.
  Expected<OpenedPath> open(const PathQuestion& question, int flags, unsigned mode = 0) const;

  /// Opens the folder that holds the path. The last component need not exist; where it is a
  /// symbolic link and `follow_last` says yes, it is resolved first (a dangling one is `denied`
  /// for writing). A folder to `move` is looked through (`check_movable`).
  Expected<LocatedPath> locate(const PathQuestion& question) const;

  /// The canonical path to which the question leads, also where names on the way do not exist or
  /// are no folders: from there on the text counts. For explanations; it proves nothing. What it
  /// names is not judged yet.
  Expected<std::string> trace(const PathQuestion& question) const;

 private:
  const PathJudge& judge_;
};

}  // namespace omnisandbox::policy
