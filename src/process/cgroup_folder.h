#pragma once

#include <optional>
#include <string>
#include <utility>

#include "linux/fd.h"

namespace omnisandbox::process {

/// The folder of a control group that this process has made. It stays locked (flock(2)) as long as
/// its owner lives: the kernel opens the lock when he ends, however he ends. So nobody has to tell
/// owners by process numbers, which are used again and mean another process in another namespace.
class CgroupFolder {
 public:
  /// Beneath `parent`; nullopt where this machine refuses it.
  static std::optional<CgroupFolder> make_in(const linux_::Fd& parent);
  CgroupFolder(CgroupFolder&&) noexcept = default;
  CgroupFolder& operator=(CgroupFolder&&) = delete;
  /// Removes it; the processes inside must be gone by then.
  ~CgroupFolder();

  /// Open for reading.
  const linux_::Fd& handle() const noexcept { return handle_; }

 private:
  CgroupFolder(linux_::Fd parent, std::string name, linux_::Fd handle)
      : parent_(std::move(parent)), name_(std::move(name)), handle_(std::move(handle)) {}

  linux_::Fd parent_;
  std::string name_;
  linux_::Fd handle_;  // holds the lock
};

/// Removes what owners that were killed have left beneath `parent`: folders with names of ours, of
/// this user, that nobody holds locked. One with a process or a group inside stays: the kernel
/// removes empty groups only.
void remove_abandoned_cgroups(const linux_::Fd& parent);

}  // namespace omnisandbox::process
