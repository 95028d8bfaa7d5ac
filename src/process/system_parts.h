#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "process/system_stamp.h"
#include "process/view_builder.h"

namespace omnisandbox::process {

/// The system's part of a view, kept from one run to the next for as long as looking again would
/// find the same: that is most of what a run has to look at. Thread rule: may be used from any
/// thread.
class SystemParts {
 public:
  /// Appends what `add_system_folders` would.
  void add(const ViewRequest& request, FileViewPlan& plan) const;

 private:
  // All of a request that the system's part depends on.
  struct Wanted {
    Tier tier = Tier::namespaces;
    bool needs_certificates = false;
    bool any_program = false;
    std::vector<std::string> programs;
    uid_t user = 0;
    gid_t group = 0;
    bool operator==(const Wanted&) const = default;
  };
  struct Part {
    Wanted wanted;
    SystemStamp stamp;
    std::vector<ViewStep> steps;
    std::vector<LandlockPath> landlock_paths;
  };
  std::shared_ptr<const Part> find(const Wanted& wanted) const;
  void keep(std::shared_ptr<const Part> part) const;

  mutable std::mutex mutex_;
  // Shared with the runs that read them while another run replaces them. Latest first.
  mutable std::vector<std::shared_ptr<const Part>> parts_;  // guarded by mutex_
};

// Policies of one process differ little in what they need of the system.
inline constexpr std::size_t max_system_parts = 8;

}  // namespace omnisandbox::process
