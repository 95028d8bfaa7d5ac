#include "process/private_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace omnisandbox::process {

Expected<PrivateFolder> PrivateFolder::create() {
  std::error_code problem;
  const auto parent = std::filesystem::temp_directory_path(problem);
  std::string path =
      ((problem ? std::filesystem::path("/tmp") : parent) / "omnisandbox-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return Error::from_errno(errno, "mkdtemp", path);
  }
  // Landlock and the command want the path without links.
  const auto real = std::filesystem::canonical(path, problem);
  return PrivateFolder(problem ? path : real.string());
}

PrivateFolder::~PrivateFolder() {
  if (!path_.empty()) {
    // The processes that could swap something in are gone; links are not followed.
    std::error_code problem;
    std::filesystem::remove_all(path_, problem);
  }
}

}  // namespace omnisandbox::process
