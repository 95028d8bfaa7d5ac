#pragma once

#include <string>
#include <string_view>

#include "policy/path/path_gate.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {

/// A directory descriptor and a path in it, as a guest passes them: taken out of its memory, and
/// turned into a question for the path gate.
struct PathArgument {
  const Descriptor* directory = nullptr;
  std::string path;  ///< absolute, as `view` says; links, "." and ".." are the gate's business
  PathView view = PathView::host;
  std::string beneath;            ///< the path must not leave this folder
  bool wants_directory = false;   ///< it ended in a slash
  bool names_itself = false;      ///< its last component is "." or "..": not a name to act on
  bool is_the_directory = false;  ///< it is "." and nothing else

  policy::PathQuestion question(policy::PathUse use, policy::FollowLast follow_last) const {
    return {.path = path,
            .use = use,
            .view = view,
            // A slash after a link asks for what the link leads to.
            .follow_last = wants_directory ? policy::FollowLast::yes : follow_last,
            .beneath = beneath};
  }
  /// A question about the name itself: a link is not followed, slash or not.
  policy::PathQuestion name_question(policy::PathUse use) const {
    return {.path = path,
            .use = use,
            .view = view,
            .follow_last = policy::FollowLast::no,
            .beneath = beneath};
  }
  /// The name for a call that changes names: with its slash, so that the kernel insists on a folder
  /// where the guest did.
  std::string name_of(const policy::LocatedPath& located) const {
    return wants_directory ? located.name + "/" : located.name;
  }
};

/// Text that a guest passes as a path: not empty, no NUL, not longer than paths can be.
tl::expected<std::string, Errno> take_path_text(const GuestCall& call, Pointer path, Size length);

/// `fd` must be a directory with all of `needed` rights. Absolute paths are refused and recorded.
tl::expected<PathArgument, Errno> take_path(GuestCall& call, std::string_view operation, GuestFd fd,
                                            Rights needed, Pointer path, Size length);

/// Locates the name for a call that changes it, and records the grant; the error is what the call
/// returns.
tl::expected<policy::LocatedPath, Errno> locate_for_change(GuestCall& call,
                                                           std::string_view operation,
                                                           const PathArgument& argument,
                                                           policy::PathUse use);

}  // namespace omnisandbox::wasm::wasi
