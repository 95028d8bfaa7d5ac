#pragma once

#include <optional>
#include <utility>

#include "process/locked_folder.h"

namespace omnisandbox::process {

/// The folder of a control group that this process has made, locked as long as its owner lives.
class CgroupFolder {
 public:
  /// Beneath `parent`; nullopt where this machine refuses it.
  static std::optional<CgroupFolder> make_in(const linux_::Fd& parent);
  CgroupFolder(CgroupFolder&&) noexcept = default;
  CgroupFolder& operator=(CgroupFolder&&) = delete;
  /// Removes it; the processes inside must be gone by then.
  ~CgroupFolder();

  /// Open for reading.
  const linux_::Fd& handle() const noexcept { return folder_.handle; }

 private:
  explicit CgroupFolder(LockedFolder folder) : folder_(std::move(folder)) {}
  LockedFolder folder_;
};

/// Removes the groups beneath `parent` of owners that were killed. One with a process or a group
/// inside stays: the kernel removes empty groups only.
void remove_abandoned_cgroups(const linux_::Fd& parent);

}  // namespace omnisandbox::process
