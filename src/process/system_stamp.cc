#include "process/system_stamp.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace omnisandbox::process {

SystemStamp::Witness SystemStamp::look_at(std::string path, Look look) {
  Witness witness{.path = std::move(path), .look = look};
  struct stat status {};
  if (::fstatat(AT_FDCWD, witness.path.c_str(), &status,
                look == Look::target ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    return witness;
  }
  witness.device = status.st_dev;
  witness.inode = status.st_ino;
  if (look == Look::content) {
    witness.changed_ns =
        std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  }
  return witness;
}

void SystemStamp::note_content(std::string_view path) {
  witnesses_.push_back(look_at(std::string(path), Look::content));
}

void SystemStamp::note_identity(std::string_view path) {
  witnesses_.push_back(look_at(std::string(path), Look::identity));
}

void SystemStamp::note_target(std::string_view path) {
  witnesses_.push_back(look_at(std::string(path), Look::target));
}

bool SystemStamp::is_current() const {
  return std::all_of(witnesses_.begin(), witnesses_.end(), [](const Witness& witness) {
    return look_at(witness.path, witness.look) == witness;
  });
}

}  // namespace omnisandbox::process
