#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "policy/compiled_policy.h"

namespace omnisandbox::process {

/// What commands may do with a path.
struct ViewAccess {
  bool reads = false;
  bool writes = false;
  bool opens() const { return reads || writes; }
  bool operator==(const ViewAccess&) const = default;
};

/// The system's own trees that have a fresh counterpart inside, or none at all.
inline constexpr std::string_view special_folders[] = {"/proc", "/sys", "/dev"};
/// Whether `path` is one of these, or lies in one.
bool is_special(std::string_view path);

/// The folders and files that a policy opens, and what it says of paths, over all of its layers.
/// The policy must outlive it.
class ViewRoots {
 public:
  using Map = std::map<std::string, const policy::PathRoot*, std::less<>>;

  explicit ViewRoots(const policy::CompiledPolicy& policy);

  /// By host path: the roots of every layer. Where an outer layer is narrower, its own roots are
  /// the openings.
  const Map& all() const noexcept { return roots_; }

  ViewAccess access_of(std::string_view path) const;

  /// Whether an absolute rule may close or narrow something beneath `path`; the second one: also by
  /// a name that may stand anywhere.
  bool may_hide_below(std::string_view path) const;
  bool may_hide_anything_below(std::string_view path) const;
  /// Whether a root strictly beneath `path` opens something.
  bool has_opening_below(std::string_view path) const;

  /// Whether something else than the folder around it is seen at `target`, as commands call it.
  bool is_mounted_over(std::string_view target) const;

  /// What commands call the host path of a root.
  std::string guest_path_of(const std::string& path, const policy::PathRoot& root) const;
  /// Whether commands call what lies in a root as the host does.
  bool has_same_name(const std::string& path) const;

 private:
  const policy::CompiledPolicy& policy_;
  Map roots_;
  std::set<std::string, std::less<>> mounted_;  // where folders are mounted, as commands call it
};

/// Where each run has a folder for temporary files of its own.
inline constexpr std::string_view temporary_folder = "/tmp";

/// What `host_path`, in `host_folder`, is called where the folder is called `guest`.
std::string guest_name(const std::string& guest, std::string_view host_folder,
                       std::string_view host_path);

}  // namespace omnisandbox::process
