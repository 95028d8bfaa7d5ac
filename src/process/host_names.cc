#include "process/host_names.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "linux/file_system.h"
#include "policy/path/path_text.h"

namespace omnisandbox::process {
namespace {

// As many as the kernel follows (path_resolution(7)).
constexpr int max_links = 40;

// No server and no program answers for these; a type that is not known here is taken for remote.
constexpr std::array<std::string_view, 33> local_types = {
    "ext2",     "ext3",     "ext4",   "xfs",        "btrfs",      "tmpfs",   "f2fs",
    "zfs",      "overlay",  "ramfs",  "devtmpfs",   "squashfs",   "vfat",    "exfat",
    "erofs",    "iso9660",  "proc",   "sysfs",      "cgroup",     "cgroup2", "devpts",
    "mqueue",   "pstore",   "bpf",    "configfs",   "debugfs",    "tracefs", "hugetlbfs",
    "efivarfs", "bcachefs", "nullfs", "securityfs", "binfmt_misc"};

// \040 and its like (proc(5)).
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] == '\\' && index + 3 < text.size()) {
      result += static_cast<char>((text[index + 1] - '0') * 64 + (text[index + 2] - '0') * 8 +
                                  (text[index + 3] - '0'));
      index += 3;
    } else {
      result += text[index];
    }
  }
  return result;
}

}  // namespace

HostNames::HostNames() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string place;
    std::string field;
    fields >> skipped >> skipped >> skipped >> skipped >> place;
    while (fields >> field && field != "-") {
    }
    fields >> field;
    if (std::find(local_types.begin(), local_types.end(), field) == local_types.end()) {
      remote_mounts_.push_back(unescaped(place));
    }
  }
}

bool HostNames::has(std::string_view path) const { return look_up(path) != Kind::absent; }

bool HostNames::has_program(std::string_view path) const { return look_up(path) == Kind::program; }

bool HostNames::is_remote(std::string_view path) const {
  return std::any_of(remote_mounts_.begin(), remote_mounts_.end(), [path](const auto& mount) {
    return mount != "/" && policy::is_at_or_beneath(path, mount);
  });
}

// Each part by itself, so that no link leads to a server unseen.
HostNames::Kind HostNames::look_up(std::string_view absolute_path) const {
  std::string rest(absolute_path);
  std::string reached;  // without a link; "" for the root
  int links = 0;
  while (!rest.empty()) {
    const std::size_t begin = rest.find_first_not_of('/');
    if (begin == std::string::npos) {
      break;
    }
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    const std::string part = rest.substr(begin, end - begin);
    rest.erase(0, end);
    if (part == ".") {
      continue;
    }
    if (part == "..") {
      reached.resize(reached.empty() ? 0 : reached.rfind('/'));
      continue;
    }
    std::string next = reached;
    next += "/";
    next += part;
    if (is_remote(next)) {
      return Kind::present;
    }
    const auto file = linux_::open_at2(AT_FDCWD, next, O_PATH | O_NOFOLLOW, 0,
                                       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    const auto status = file ? linux_::stat_of(*file) : Expected<struct stat>(file.error());
    if (!status) {
      return Kind::absent;
    }
    if (S_ISLNK(status->st_mode)) {
      const auto target = linux_::read_link_at(*file, "");
      if (!target || ++links > max_links) {
        return Kind::absent;
      }
      rest.insert(0, *target);
      if (target->starts_with('/')) {
        reached.clear();
      }
      continue;
    }
    reached = next;
    if (rest.find_first_not_of('/') == std::string::npos) {
      return S_ISREG(status->st_mode) && (status->st_mode & 0111) != 0 ? Kind::program
                                                                       : Kind::present;
    }
  }
  return Kind::present;
}

}  // namespace omnisandbox::process
