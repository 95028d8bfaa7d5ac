#pragma once

#include <string>
#include <utility>

#include "omnisandbox/expected.h"

namespace omnisandbox::process {

/// A folder of this user's alone, in the system's folder for temporary files; removed with all that
/// is in it on destruction. Of runs that cannot have a file system of their own.
class PrivateFolder {
 public:
  static Expected<PrivateFolder> create();
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~PrivateFolder();

  const std::string& path() const noexcept { return path_; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace omnisandbox::process
