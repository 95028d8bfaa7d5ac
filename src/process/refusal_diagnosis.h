#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/policy.h"
#include "process/host_names.h"
#include "process/launch_plan.h"
#include "process/refusal_list.h"

namespace omnisandbox::process {

enum class PathUse : std::uint8_t { look, read, change, create, execute };

/// A command names a file.
struct PathQuestion {
  std::string path{};  ///< absolute, as the command sees it
  PathUse use = PathUse::look;
  bool follows_last_link = true;
  bool may_exist = false;  ///< of `create`: what is there already is changed then
  bool moves = false;      ///< of `change`: it gets another name
};

/// Tells what a run's layers will refuse, and which line of the policy would allow it. Nothing
/// depends on it being right: the layers decide by themselves.
class RefusalDiagnosis {
 public:
  /// `policy` and `walls` outlive it.
  RefusalDiagnosis(const Policy& policy, const LaunchPlan& walls)
      : policy_(policy), walls_(walls) {}

  /// `root`: the command's root folder. Looks, and has no effect.
  void examine(const PathQuestion& question, const linux_::Fd& root, RefusalList& list) const;

 private:
  struct Place {
    std::string name;   // as the command gave it
    std::string guest;  // canonical, in the command's root
    std::string host;   // the same file, as the host and the policy call it
  };
  Place place_of(std::string_view name, std::string guest) const;
  void examine_present(const PathQuestion& question, const linux_::Fd& root, const linux_::Fd& file,
                       RefusalList& list) const;
  void examine_missing(const PathQuestion& question, const linux_::Fd& root,
                       RefusalList& list) const;
  void examine_new(const Place& place, const linux_::Fd& root, const linux_::Fd& folder,
                   RefusalList& list) const;
  bool is_masked(const struct stat& status, const linux_::Fd& root) const;
  bool landlock_opens(std::string_view guest, std::uint64_t access) const;
  bool is_kept_in_place(std::string_view guest) const;
  void add_kept(const Place& place, RefusalList& list) const;
  void add_path(const Place& place, bool writes, std::string_view layer, RefusalList& list) const;
  void add_program(const Place& place, std::string_view layer, RefusalList& list) const;

  const Policy& policy_;
  const LaunchPlan& walls_;
  const HostNames host_names_;
};

}  // namespace omnisandbox::process
