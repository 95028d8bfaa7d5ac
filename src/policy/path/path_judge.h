#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "policy/path/path_rules.h"

namespace omnisandbox::policy {

/// What will be done with a path. `read` needs fs_read and a rule that opens it for reading.
/// `write` needs fs_write and a rule that opens it for writing. Listing and looking up are reads.
/// `move` is for both names of a rename or a hard link and for the name of a new symbolic link: it
/// needs what `write` needs, and that no rule takes away anything beneath the path
/// (PathRules::rule_below) — a folder that is renamed carries its content out of the reach of such
/// a rule. What the rules take away in it by a name that may stand anywhere (`.env`) is found by
/// looking into the folder, which PathGate does.
enum class PathUse : std::uint8_t { read, write, move };

struct PathGrant {
  const PathRoot* root = nullptr;  ///< beneath its handle the path is opened
  std::string_view rule;
};

/// The question that PathGate asks; a policy answers it over all of its layers, capability
/// included.
class PathJudge {
 public:
  virtual ~PathJudge() = default;
  /// `canonical` as PathRules::judge wants it; `asked_as` is what the caller wrote, for the Denial.
  /// Does no I/O.
  virtual tl::expected<PathGrant, Denial> judge_path(std::string_view canonical, PathUse use,
                                                     std::string_view asked_as) const = 0;
  /// The host path for a guest's name; empty when no rule has such a name.
  virtual std::optional<std::string> host_path_of(std::string_view guest_path) const = 0;
  /// PathRules::resolve_spelling of the layer whose roots the grants name.
  virtual std::optional<std::string> resolve_spelling(std::string_view path) const = 0;
  /// PathRules::is_above_root of any layer: the way to what an outer layer opens is open, too.
  virtual bool is_above_root(std::string_view canonical) const = 0;
  /// PathRules::may_take_away_below of any layer.
  virtual bool may_take_away_below(std::string_view canonical) const = 0;
  /// Whether files with more than one name may be written (hard links).
  virtual bool allows_hard_links() const noexcept = 0;
};

}  // namespace omnisandbox::policy
