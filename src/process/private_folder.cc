#include "process/private_folder.h"

#include <fcntl.h>

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::process {
namespace {

// Landlock and the command want the path without links.
std::filesystem::path parent_of_all() {
  std::error_code problem;
  const auto chosen = std::filesystem::temp_directory_path(problem);
  const auto real = std::filesystem::canonical(problem ? "/tmp" : chosen, problem);
  return problem ? std::filesystem::path("/tmp") : real;
}

Expected<linux_::Fd> open_folder(const std::filesystem::path& path) {
  return linux_::open_at2(AT_FDCWD, path.string(), O_RDONLY | O_DIRECTORY, 0, 0);
}

// Nobody else can swap something in: the processes of its run are gone, and links are not followed.
bool remove_whole(const std::filesystem::path& path) {
  std::error_code problem;
  std::filesystem::remove_all(path, problem);
  return !problem;
}

}  // namespace

Expected<PrivateFolder> PrivateFolder::create() {
  const auto place = parent_of_all();
  const linux_::Fd parent = TRY(open_folder(place));
  auto folder = make_locked_folder(parent);
  if (!folder) {
    return base::make_error(ErrorKind::io,
                            "no folder can be made in {} for a command's temporary files; set "
                            "TMPDIR to a folder that this user may write",
                            base::printable(place.string()));
  }
  std::string path = (place / folder->name).string();
  return PrivateFolder(std::move(*folder), std::move(path));
}

void PrivateFolder::remove_abandoned() {
  const auto place = parent_of_all();
  if (const auto parent = open_folder(place)) {
    remove_abandoned_folders(*parent, [&place](const linux_::Fd& /*parent*/, const auto& name) {
      return remove_whole(place / name);
    });
  }
}

PrivateFolder::~PrivateFolder() {
  if (folder_) {
    remove_whole(path_);
  }
}

}  // namespace omnisandbox::process
