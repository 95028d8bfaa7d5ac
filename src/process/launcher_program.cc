#include "process/launcher_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::process {
namespace {

constexpr const char* launcher_name = "omnisandbox-launcher";

std::vector<std::string> usual_places() {
  std::vector<std::string> places;
  std::error_code problem;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (!problem) {
    const auto folder = executable.parent_path();
    places.push_back((folder / launcher_name).string());
    places.push_back((folder / ".." / "libexec" / "omnisandbox" / launcher_name).string());
  }
#ifdef OMNISANDBOX_LAUNCHER_INSTALLED
  places.emplace_back(OMNISANDBOX_LAUNCHER_INSTALLED);
#endif
  return places;
}

}  // namespace

Expected<linux_::Fd> open_launcher(const std::string& chosen) {
  const std::vector<std::string> places =
      chosen.empty() ? usual_places() : std::vector<std::string>{chosen};
  for (const std::string& place : places) {
    auto file = linux_::open_at2(AT_FDCWD, place, O_PATH, 0, RESOLVE_NO_MAGICLINKS);
    if (!file) {
      continue;
    }
    const struct stat status = TRY(linux_::stat_of(*file));
    const bool owner_is_trusted = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (!S_ISREG(status.st_mode) || !owner_is_trusted ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return base::make_error(ErrorKind::unavailable,
                              "the launcher {} is not used: it must be a file of root or of this "
                              "user that nobody else may write",
                              base::printable(place));
    }
    return std::move(*file);
  }
  return base::make_error(
      ErrorKind::unavailable,
      "commands cannot be confined: {} was not found (looked for {}); install "
      "it, or name it in ProcessSandboxOptions::launcher",
      launcher_name, base::printable(places.empty() ? std::string("nothing") : places.front()));
}

}  // namespace omnisandbox::process
