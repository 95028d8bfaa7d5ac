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
  /// O_PATH; what `path` named then, also when it is renamed or replaced later.
  linux_::Fd handle;
  /// Of a single file: the folder that holds its name, O_PATH; else not open. The file is opened by
  /// its name in here, because programs replace files by renaming a new one over them.
  linux_::Fd folder;
  std::string path;        ///< canonical host path
  std::string guest_path;  ///< canonical name in guests
  /// `read`, `read_write` or `none`; never `automatic`, and never more than the capabilities grant.
  PathAccess access = PathAccess::none;
  bool is_directory = false;
  /// Its mount is nodev: the kernel itself refuses to open device files there.
  bool excludes_devices = false;
  std::string text;  ///< for people: `allowed_paths[1] "/home/user/docs" (read)`
};

/// The answer for one canonical path.
struct PathAnswer {
  PathAccess access = PathAccess::none;
  /// The longest rule that opens a folder or file over the path; null: none does.
  const PathRoot* root = nullptr;
  std::string_view rule;    ///< text of the rule that decided; empty when none covers it
  std::string_view reason;  ///< when access is `none`: why, in one sentence
};

/// The compiled `allowed_paths`: the longest rule wins; access `none` and the built-in secrets take
/// away inside it. Immutable; judging does no I/O, takes no lock and costs O(length of the path),
/// not O(number of rules).
class PathRules {
 public:
  PathRules();
  PathRules(PathRules&&) noexcept;
  PathRules& operator=(PathRules&&) noexcept;
  ~PathRules();

  /// Opens the roots. `allow_secrets` switches the built-in list off. A rule that names a secret
  /// itself opens it. An access beyond the capabilities is cut down to them. Errors:
  /// `invalid_argument`, `not_found`, `io`, `limit` (too many open files), `unavailable` (no
  /// openat2), each naming the rule.
  static Expected<PathRules> compile(const Config& config);

  /// `canonical` is absolute, without ".", "..", "//" or a trailing slash (except "/").
  PathAnswer judge(std::string_view canonical) const;

  /// The text of a rule or built-in secret that takes away (or may take away) something beneath
  /// `canonical`, which is open itself; empty when there is none. A folder with such a rule beneath
  /// must not be renamed, nor a folder renamed to it.
  std::string_view rule_below(std::string_view canonical) const;

  /// Whether something beneath `canonical` may be less open than `canonical` is: by a rule beneath,
  /// or by a name that may stand anywhere (`.env`).
  bool may_take_away_below(std::string_view canonical) const;

  /// Whether a rule that opens something lies strictly beneath `canonical`: the way there was a
  /// chain of real folders when the policy was compiled.
  bool is_above_root(std::string_view canonical) const;

  /// All rules that open something, in the order of the Config; preopens and mounts are derived
  /// from these.
  const std::vector<std::unique_ptr<PathRoot>>& roots() const noexcept { return roots_; }

  /// Canonical paths of the rules that take a place away (access: none), patterns aside. What a
  /// sandbox shows of the system itself must not show these.
  const std::vector<std::string>& closed_paths() const noexcept { return closed_paths_; }

  /// The host path for a guest's name; empty when no rule has such a guest_path. Purely textual.
  std::optional<std::string> host_path_of(std::string_view guest_path) const;

  /// Where a rule was written through a symbolic link ("/var/run/app" for "/run/app"): the
  /// canonical path for a path that begins like the rule. Empty when no rule was written so. Purely
  /// textual.
  std::optional<std::string> resolve_spelling(std::string_view path) const;

 private:
  friend class PathRulesCompiler;
  struct Index;
  std::vector<std::unique_ptr<PathRoot>> roots_;  // unique_ptr: PathAnswer points into it
  std::vector<std::string> closed_paths_;
  std::unique_ptr<const Index> index_;
};

}  // namespace omnisandbox::policy
