#pragma once

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
  std::string_view path;  ///< absolute, as `view` says
  PathUse use = PathUse::read;
  PathView view = PathView::host;
  FollowLast follow_last = FollowLast::yes;
  /// When not empty: a canonical folder (as `OpenedPath::canonical` names it) that the path must
  /// not leave, whatever the rules say; WASI's directory handles need it.
  std::string_view beneath{};
};

/// A grant with its handle: proof that the policy allowed `canonical` and that the handle is that
/// file. Only PathGate makes one.
class OpenedPath {
 public:
  linux_::Fd file;
  std::string
      canonical;  ///< the host path that was judged and walked: absolute, no links, no "." or ".."
  std::string rule;  ///< for audit
 private:
  friend class PathGate;
  OpenedPath() = default;
};

/// A granted name in an opened folder, for calls that act on names: mkdirat, unlinkat, renameat,
/// linkat. `name` is one component (never "", "." or ".."), or "." where the path is an allowed
/// root itself; such calls never follow it.
class LocatedPath {
 public:
  linux_::Fd parent;
  std::string name;
  std::string canonical;
  std::string rule;

 private:
  friend class PathGate;
  LocatedPath() = default;
};

/// The one door to the file system. Symbolic links are resolved here, one component at a time and
/// only inside what the policy allows; the path that results is judged, and then walked by the
/// kernel beneath the rule's own handle with symbolic links forbidden. So what was judged is what
/// is opened, whatever changes meanwhile. Errors: `denied` (with the Denial), `not_found`,
/// `invalid_argument` (NUL, relative, too long), `io`.
class PathGate {
 public:
  /// `judge` must outlive the gate.
  explicit PathGate(const PathJudge& judge) : judge_(judge) {}

  /// Opens an existing file, or creates one where `flags` has O_CREAT. O_CLOEXEC and
  /// O_NONBLOCK|O_NOCTTY are added. `flags` that write, create or truncate need `PathUse::write`,
  /// else `internal`. Type and size are the caller's business.
  Expected<OpenedPath> open(const PathQuestion& question, int flags, unsigned mode = 0) const;

  /// Opens the folder that holds the path. The last component need not exist; where it is a
  /// symbolic link and `follow_last` says yes, it is resolved first (a dangling one is `denied`).
  Expected<LocatedPath> locate(const PathQuestion& question) const;

 private:
  const PathJudge& judge_;
};

}  // namespace omnisandbox::policy
