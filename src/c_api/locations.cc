#include "c_api/locations.h"

#include <dlfcn.h>

#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <system_error>

namespace omnisandbox::c_api {
namespace {

namespace fs = std::filesystem;

/// The file that this code is in, without links.
fs::path this_library() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&this_library), &info) == 0 ||
      info.dli_fname == nullptr) {
    return {};
  }
  std::error_code failed;
  return fs::canonical(info.dli_fname, failed);
}

/// The first of `places` below the library's prefix: the folder above lib, where lib may itself
/// have a folder for the architecture.
std::string near_library(std::initializer_list<std::string_view> places) {
  const fs::path folder = this_library().parent_path();
  std::error_code failed;
  for (const fs::path& prefix : {folder.parent_path(), folder.parent_path().parent_path()}) {
    for (const std::string_view place : places) {
      if (fs::path found = prefix / place; !prefix.empty() && fs::exists(found, failed)) {
        return found.native();
      }
    }
  }
  return {};
}

}  // namespace

std::string program_near_library(const std::string& name) {
  return near_library({"libexec/omnisandbox/" + name, "bin/" + name});
}

std::string interpreters_near_library() {
  return near_library({"lib/omnisandbox/interpreters", "interpreters"});
}

}  // namespace omnisandbox::c_api
