#include "mcp/tool_folder/folder_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"
#include "mcp/tool_folder/limits.h"
#include "runner/input_file.h"

namespace omnisandbox::mcp {
namespace {

constexpr std::string_view component_ending = ".wasm";
constexpr std::string_view policy_ending = ".policy.yaml";
constexpr std::string_view description_ending = ".description.txt";

FileStamp stamp_of(const struct stat& status) {
  constexpr std::int64_t second = 1'000'000'000;
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec,
          .changed_ns = status.st_ctim.tv_sec * second + status.st_ctim.tv_nsec};
}

/// What runs under somebody's policy is written by him, or by root.
Expected<void> check_owner(const struct stat& status, std::string_view name) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{} belongs to user {}; the tools are files of this user, or of root",
                            base::printable(name), status.st_uid);
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return base::make_error(ErrorKind::invalid_argument,
                            "everybody may write to {}; chmod o-w changes that",
                            base::printable(name));
  }
  return {};
}

Expected<linux_::Fd> open_folder(const std::string& folder) {
  auto opened = linux_::open_at2(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
  if (!opened) {
    Error error = std::move(opened).error();
    error.message =
        fmt::format("cannot read the tools in {}: {}", base::printable(folder), error.message);
    return error;
  }
  const struct stat status = TRY(linux_::stat_of(*opened));
  TRY(check_owner(status, folder));
  return std::move(*opened);
}

/// Nothing for a file that is gone already.
std::optional<FileStamp> stamp_at(const linux_::Fd& folder, const std::string& name) {
  const auto status = linux_::stat_at(folder, name);
  return status ? std::optional(stamp_of(*status)) : std::nullopt;
}

}  // namespace

Expected<FolderLook> look_at(const std::string& folder) {
  const linux_::Fd opened = TRY(open_folder(folder));
  std::map<std::string, ComponentFiles> components;
  std::vector<std::string> names;
  for (const auto& entry : TRY(linux_::list_directory(opened, max_folder_entries))) {
    if (!entry.name.starts_with('.')) {
      names.push_back(entry.name);
    }
  }
  for (const std::string& name : names) {
    if (name.ends_with(component_ending)) {
      if (const auto stamp = stamp_at(opened, name)) {
        const std::string stem = name.substr(0, name.size() - component_ending.size());
        components[stem] = {.stem = stem, .component = *stamp};
      }
    }
  }
  FolderLook look;
  for (const std::string& name : names) {
    for (const auto& [ending, member] :
         {std::pair(policy_ending, &ComponentFiles::policy),
          std::pair(description_ending, &ComponentFiles::description)}) {
      if (!name.ends_with(ending)) {
        continue;
      }
      const std::string stem = name.substr(0, name.size() - ending.size());
      if (const auto found = components.find(stem); found != components.end()) {
        found->second.*member = stamp_at(opened, name);
      } else {
        look.problems.push_back(fmt::format("{} belongs to no tool: there is no {}{}",
                                            base::printable(name), base::printable(stem),
                                            component_ending));
      }
    }
  }
  if (components.size() > max_components) {
    look.problems.push_back(
        fmt::format("{} components are more than {}; the last ones by name are left out",
                    components.size(), max_components));
  }
  for (auto& [stem, files] : components) {
    if (look.components.size() < max_components) {
      look.components.push_back(std::move(files));
    }
  }
  return look;
}

Expected<std::string> read_folder_file(const std::string& folder, const std::string& name,
                                       const FileStamp& stamp, std::uint64_t max_bytes) {
  const linux_::Fd directory = TRY(open_folder(folder));
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
  auto opened = linux_::open_at2(directory.get(), name,
                                 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0,
                                 linux_::resolve_exactly);
  if (!opened) {
    Error error = std::move(opened).error();
    if (const auto status = linux_::stat_at(directory, name); status && S_ISLNK(status->st_mode)) {
      return base::make_error(ErrorKind::invalid_argument,
                              "{} is a symbolic link; the tools are files of their own: copy it",
                              base::printable(name));
    }
    error.message = fmt::format("cannot read {}: {}", base::printable(name), error.message);
    return error;
  }
  const struct stat status = TRY(linux_::stat_of(*opened));
  if (!S_ISREG(status.st_mode)) {
    return base::make_error(ErrorKind::invalid_argument, "{} is not a regular file",
                            base::printable(name));
  }
  TRY(check_owner(status, name));
  const auto has_changed = [&] {
    return base::make_error(ErrorKind::io,
                            "{} has changed since it was listed; list the tools again",
                            base::printable(name));
  };
  if (stamp_of(status) != stamp) {
    return has_changed();
  }
  if (stamp.size > max_bytes) {
    return base::make_error(ErrorKind::too_large, "{} is larger than the limit of {}",
                            base::printable(name), base::format_byte_size(max_bytes));
  }
  std::string content = TRY(runner::read_to_end(
      [&](std::span<std::byte> piece) { return linux_::read_full(*opened, piece); },
      base::printable(name), max_bytes));
  // Written to while it was read: neither the old file nor the new one.
  const struct stat status_after = TRY(linux_::stat_of(*opened));
  if (stamp_of(status_after) != stamp) {
    return has_changed();
  }
  return content;
}

}  // namespace omnisandbox::mcp
