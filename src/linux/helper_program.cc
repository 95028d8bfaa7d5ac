#include "linux/helper_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::linux_ {
namespace {

std::vector<std::string> all_places(const std::string& name, const HelperPlaces& places) {
  if (!places.chosen.empty()) {
    return {places.chosen};
  }
  std::vector<std::string> all;
  std::error_code problem;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (!problem) {
    const auto folder = executable.parent_path();
    all.push_back((folder / name).string());
    all.push_back((folder / ".." / "libexec" / "omnisandbox" / name).string());
  }
  if (!places.installed.empty()) {
    all.push_back(places.installed);
  }
  return all;
}

}  // namespace

Expected<Fd> open_helper_program(const std::string& name, const HelperPlaces& places) {
  const std::vector<std::string> all = all_places(name, places);
  for (const std::string& place : all) {
    auto file = open_at2(AT_FDCWD, place, O_PATH, 0, RESOLVE_NO_MAGICLINKS);
    if (!file &&
        (file.error().kind == ErrorKind::limit || file.error().kind == ErrorKind::memory)) {
      // Nothing is known of any place then.
      file.error().message = fmt::format("{}: {}", places.purpose, file.error().message);
      return file;
    }
    if (!file) {
      continue;
    }
    const struct stat status = TRY(stat_of(*file));
    const bool owner_is_trusted = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (!S_ISREG(status.st_mode) || !owner_is_trusted ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return base::make_error(ErrorKind::unavailable,
                              "{}: {} is not used, as it must be a file of root or of this user "
                              "that nobody else may write",
                              places.purpose, base::printable(place));
    }
    return file;
  }
  return base::make_error(
      ErrorKind::unavailable, "{}: {} was not found (looked for {}); install it, or name it",
      places.purpose, name, base::printable(all.empty() ? std::string("nothing") : all.front()));
}

}  // namespace omnisandbox::linux_
