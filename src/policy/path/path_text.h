#pragma once

#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

/// Absolute paths as text: no file system is asked. Names are bytes; nothing here knows an
/// encoding.
namespace omnisandbox::policy {

/// A path that was written by somebody, made comparable.
struct PathText {
  std::string path;  ///< absolute; no "//", no ".", no trailing slash (except "/"); ".." is kept
  bool has_parent_steps = false;  ///< `path` contains ".."
  bool wants_directory = false;   ///< it ended in "/" or "/."
};

/// Errors, all `invalid_argument`: empty, relative, a NUL byte (EINVAL), longer than
/// max_path_bytes, or a component longer than NAME_MAX (ENAMETOOLONG).
Expected<PathText> parse_path(std::string_view text);

/// Whether `path` is `folder` or lies beneath it; both as in PathText::path.
bool is_at_or_beneath(std::string_view path, std::string_view folder);

/// `folder` and `name` with one slash between them.
std::string join(std::string_view folder, std::string_view name);

/// The path before the last component; "/" for "/" itself.
std::string_view parent_of(std::string_view path);
/// The last component; empty for "/".
std::string_view last_component_of(std::string_view path);

}  // namespace omnisandbox::policy
