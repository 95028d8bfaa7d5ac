#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::policy {

/// One allowed folder or file, opened when the policy was compiled.
struct PathRoot {
  linux_::Fd handle;      ///< O_PATH; what `path` named then, also when it is renamed or replaced later
  std::string path;       ///< canonical host path
  std::string guest_path; ///< canonical name in guests
  PathAccess access = PathAccess::none;  ///< `read`, `read_write` or `none`; never `automatic`
  bool is_directory = false;
  std::string text;       ///< for people: `allowed_paths[1] "/home/user/docs" (read)`
};

/// The answer for one canonical path.
struct PathAnswer {
  PathAccess access = PathAccess::none;
  const PathRoot* root = nullptr;   ///< the longest rule that covers the path; null: none does
  std::string_view rule;            ///< text of the rule that decided; empty when none covers it
  std::string_view reason;          ///< when access is `none`: why, in one sentence
};

/// The compiled `allowed_paths`: the longest rule wins; access `none` and the built-in secrets take away inside it.
/// Immutable; judging does no I/O, takes no lock and costs O(length of the path), not O(number of rules).
class PathRules {
 public:
  /// Opens the roots. `allow_secrets` switches the built-in list off. A rule that names a secret itself opens it.
  static Expected<PathRules> compile(const Config& config);

  /// `canonical` is absolute, without ".", "..", "//" or a trailing slash (except "/").
  PathAnswer judge(std::string_view canonical) const;

  /// All rules that open something, in the order of the Config; preopens and mounts are derived from these.
  const std::vector<std::unique_ptr<PathRoot>>& roots() const noexcept { return roots_; }

  /// The host path for a guest's name; empty when no rule has such a guest_path. Purely textual.
  std::optional<std::string> host_path_of(std::string_view guest_path) const;

 private:
  std::vector<std::unique_ptr<PathRoot>> roots_;  // unique_ptr: PathAnswer points into it
};

}  // namespace omnisandbox::policy
