#pragma once

#include <optional>
#include <string>
#include <utility>

#include "omnisandbox/expected.h"
#include "process/locked_folder.h"

namespace omnisandbox::process {

/// A folder of this user's alone, in the system's folder for temporary files; removed with all that
/// is in it on destruction. Of runs that cannot have a file system of their own.
class PrivateFolder {
 public:
  static Expected<PrivateFolder> create();
  /// Removes those of processes that were killed, where `create` would make new ones.
  static void remove_abandoned();
  PrivateFolder(PrivateFolder&& other) noexcept
      : folder_(std::exchange(other.folder_, std::nullopt)), path_(std::move(other.path_)) {}
  PrivateFolder& operator=(PrivateFolder&& other) noexcept {
    std::swap(folder_, other.folder_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~PrivateFolder();

  const std::string& path() const noexcept { return path_; }

 private:
  PrivateFolder(LockedFolder folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}
  std::optional<LockedFolder> folder_;
  std::string path_;
};

}  // namespace omnisandbox::process
