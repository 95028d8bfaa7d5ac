#include "cli/resource_name.h"

#include <filesystem>
#include <system_error>

namespace omnisandbox::cli {

Expected<std::string> absolute_path(std::string_view path) {
  if (path.starts_with('/')) {
    return std::string(path);
  }
  std::error_code problem;
  const auto folder = std::filesystem::current_path(problem);
  if (problem) {
    return Error::from_errno(problem.value(), "find the working folder for", path);
  }
  std::string absolute = folder.native();
  if (!absolute.ends_with('/')) {
    absolute += '/';
  }
  return absolute.append(path);
}

}  // namespace omnisandbox::cli
