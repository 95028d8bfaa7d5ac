#include "policy/command/command_finder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "policy/limits.h"

namespace omnisandbox::policy {
namespace {

using linux_::Fd;

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::string join(std::string_view folder, std::string_view name) {
  return fmt::format("{}{}{}", folder, folder == "/" ? "" : "/", name);
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view folder_above(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Whether a failure means that there is no such file, and not that the system is out of something.
bool means_absent(const Error& error) {
  return error.system_errno == ENOENT || error.system_errno == ENOTDIR ||
         error.system_errno == ENAMETOOLONG || error.system_errno == ELOOP;
}

}  // namespace

std::string problem_of_command_name(std::string_view name) {
  if (name.empty()) {
    return "it is empty; a command is a bare name or an absolute path";
  }
  if (name.find('\0') != std::string_view::npos) {
    return "it contains a NUL byte";
  }
  if (name.size() > max_path_bytes) {
    return fmt::format("it is longer than {} bytes", max_path_bytes);
  }
  if (name == "." || name == "..") {
    return "it is a folder; a command is a bare name or an absolute path";
  }
  if (name.find('/') == std::string_view::npos) {
    return {};
  }
  if (name.front() != '/') {
    return "it is a relative path; write a bare name or an absolute path";
  }
  std::string_view rest = name.substr(1);
  if (rest.empty() || rest.back() == '/') {
    return "it is a folder; a command is a bare name or an absolute path";
  }
  while (!rest.empty()) {
    const std::string_view part = next_part(rest, '/');
    if (part.empty() || part == "." || part == "..") {
      return "an absolute path is written without \".\", \"..\" and \"//\"";
    }
  }
  return {};
}

WritableArea::WritableArea(const Config& config, std::span<const std::string> writable_roots) {
  for (const PathRule& rule : config.allowed_paths) {
    if (rule.path.starts_with('/') &&
        (rule.access == PathAccess::read || rule.access == PathAccess::none)) {
      roots_.emplace(rule.path.size() > 1 && rule.path.ends_with('/')
                         ? rule.path.substr(0, rule.path.size() - 1)
                         : rule.path,
                     false);
    }
  }
  for (const std::string& root : writable_roots) {
    roots_.insert_or_assign(root, true);
  }
}

bool WritableArea::covers(std::string_view path) const {
  // Who can write a folder can replace what is below, so that every folder above counts; but "/"
  // cannot be replaced.
  bool inherited = false;
  bool replaceable = false;
  if (const auto root = roots_.find("/"); root != roots_.end()) {
    inherited = root->second;
  }
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const auto rule = roots_.find(std::string(path.substr(0, end)));
    if (rule != roots_.end()) {
      inherited = rule->second;
    }
    replaceable = replaceable || inherited;
    if (end == std::string_view::npos) {
      return replaceable;
    }
  }
}

// One lookup: what is still to be walked, and the folders that led here (for "..").
struct CommandFinder::Walk {
  std::vector<Step> steps{};
  std::string rest{};
  Fd file{};  // set when the walk has ended at something that is no folder
  std::string file_path{};
  struct stat status {};
  int links = 0;
  std::string problem{};  // the first step that is not trusted

  void distrust(std::string_view path, std::string_view why) {
    if (problem.empty()) {
      problem = fmt::format("{} {}", base::printable(path), why);
    }
  }
};

Expected<CommandFinder> CommandFinder::create(const Config& config,
                                              std::span<const std::string> writable_roots) {
  CommandFinder finder(WritableArea(config, writable_roots), ::geteuid());
  std::string_view rest = CommandRules::search_path;
  while (!rest.empty()) {
    TRY(finder.add_search_folder(next_part(rest, ':')));
  }
  return finder;
}

Expected<CommandFinder::Walk> CommandFinder::walk_from_root() const {
  Walk walk;
  walk.steps.push_back({TRY(linux_::open_at2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0)), "/"});
  check_folder(walk);
  return walk;
}

Expected<void> CommandFinder::add_search_folder(std::string_view path) {
  Walk walk = TRY(walk_from_root());
  walk.rest = path.substr(1);
  while (!walk.rest.empty() && !walk.file.is_open()) {
    if (auto taken = take_component(walk); !taken) {
      if (means_absent(taken.error()) || taken.error().system_errno == EACCES) {
        return {};
      }
      return std::move(taken).error();
    }
  }
  if (walk.file.is_open()) {
    return {};
  }
  const std::string& canonical = walk.steps.back().path;
  auto folder =
      std::find_if(search_folders_.begin(), search_folders_.end(),
                   [&](const SearchFolder& known) { return known.canonical == canonical; });
  if (folder == search_folders_.end()) {
    folder = search_folders_.insert(folder, {canonical, {}});
  }
  if (walk.problem.empty()) {
    folder->spellings.emplace_back(path);
  }
  return {};
}

void CommandFinder::check_folder(Walk& walk) const {
  const Step& folder = walk.steps.back();
  const auto status = linux_::stat_of(folder.handle);
  if (!status) {
    walk.distrust(folder.path, "cannot be examined");
  } else if (status->st_uid != 0 && status->st_uid != user_) {
    walk.distrust(
        folder.path,
        fmt::format("is owned by user {}, who is neither root nor the user of this program",
                    status->st_uid));
  } else if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    walk.distrust(folder.path, fmt::format("can be written by others than its owner (mode {:04o})",
                                           status->st_mode & 07777));
  }
}

Expected<void> CommandFinder::take_component(Walk& walk) const {
  std::string_view rest = walk.rest;
  const std::string component(next_part(rest, '/'));
  std::string remaining(rest);
  Step& here = walk.steps.back();
  if (component.empty() || component == ".") {
    walk.rest = std::move(remaining);
    return {};
  }
  if (component == "..") {
    if (walk.steps.size() > 1) {
      walk.steps.pop_back();
    }
    walk.rest = std::move(remaining);
    return {};
  }
  std::string path = join(here.path, component);
  // The handle first, then its status: what is examined is what is used.
  Fd handle = TRY(linux_::open_at2(here.handle.get(), component, O_PATH | O_NOFOLLOW, 0,
                                   RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS));
  const struct stat status = TRY(linux_::stat_of(handle));
  if (S_ISLNK(status.st_mode)) {
    if (++walk.links > max_symlinks_followed) {
      return Error::from_errno(ELOOP, "openat2", path);
    }
    if (status.st_uid != 0 && status.st_uid != user_) {
      walk.distrust(
          path,
          fmt::format(
              "is a symbolic link of user {}, who is neither root nor the user of this program",
              status.st_uid));
    }
    if (writable_.covers(path)) {
      walk.distrust(path, "is a symbolic link that the policy itself can write");
    }
    const std::string target = TRY(linux_::read_link_at(handle, ""));
    if (target.starts_with('/')) {
      walk.steps.resize(1);
    }
    walk.rest = remaining.empty() ? target : target + "/" + remaining;
    return {};
  }
  walk.rest = std::move(remaining);
  if (S_ISDIR(status.st_mode)) {
    walk.steps.push_back({std::move(handle), std::move(path)});
    check_folder(walk);
    return {};
  }
  if (!walk.rest.empty()) {
    return Error::from_errno(ENOTDIR, "openat2", path);
  }
  walk.file = std::move(handle);
  walk.file_path = std::move(path);
  walk.status = status;
  return {};
}

void CommandFinder::judge_file(Walk& walk, Finding& finding) const {
  const struct stat& status = walk.status;
  if (!S_ISREG(status.st_mode)) {
    walk.distrust(walk.file_path, "is not a regular file");
  } else if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
    walk.distrust(walk.file_path, "is not executable");
  } else if (status.st_uid != 0 && status.st_uid != user_) {
    walk.distrust(
        walk.file_path,
        fmt::format("is owned by user {}, who is neither root nor the user of this program",
                    status.st_uid));
  } else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    walk.distrust(walk.file_path,
                  fmt::format("can be written by others than its owner (mode {:04o})",
                              status.st_mode & 07777));
  } else if (writable_.covers(walk.file_path)) {
    walk.distrust(walk.file_path, "lies where the policy itself can write");
  }
  finding.problem = std::move(walk.problem);
  if (!finding.problem.empty()) {
    finding.state = Finding::State::untrusted;
    return;
  }
  finding.state = Finding::State::found;
  finding.command = ResolvedCommand{.name = {},
                                    .path = std::move(walk.file_path),
                                    .handle = std::move(walk.file),
                                    .device = status.st_dev,
                                    .inode = status.st_ino,
                                    .modified_ns = nanoseconds(status.st_mtim),
                                    .changed_ns = nanoseconds(status.st_ctim)};
}

// A step that is not trusted does not end the walk: an absent file is called absent also there.
Expected<CommandFinder::Finding> CommandFinder::find_absolute(std::string_view path) const {
  Finding finding;
  Walk walk = TRY(walk_from_root());
  walk.rest = path.substr(1);
  const std::string_view name = last_component(path);
  // The name that was asked for, in its folder with links followed: set once, when only that name
  // is left.
  std::string spelling;
  while (!walk.rest.empty() && !walk.file.is_open()) {
    if (spelling.empty() && walk.rest == name) {
      spelling = join(walk.steps.back().path, name);
    }
    if (auto taken = take_component(walk); !taken) {
      if (means_absent(taken.error())) {
        return finding;
      }
      if (taken.error().system_errno == EACCES) {
        finding.state = Finding::State::untrusted;
        finding.problem = fmt::format("{} cannot be searched by this user",
                                      base::printable(walk.steps.back().path));
        return finding;
      }
      return std::move(taken).error();
    }
  }
  if (!walk.file.is_open()) {
    finding.state = Finding::State::untrusted;
    finding.problem = fmt::format("{} is a folder", base::printable(walk.steps.back().path));
    return finding;
  }
  judge_file(walk, finding);
  if (finding.state == Finding::State::found) {
    finding.spellings.push_back(std::move(spelling));
  }
  return finding;
}

Expected<CommandFinder::Finding> CommandFinder::find_bare(std::string_view name) const {
  Finding passed_over;
  for (const SearchFolder& folder : search_folders_) {
    Finding finding = TRY(find_absolute(join(folder.canonical, name)));
    if (finding.state == Finding::State::found) {
      for (const std::string& spelling : folder.spellings) {
        finding.spellings.push_back(join(spelling, name));
      }
      finding.problem = std::move(passed_over.problem);
      return finding;
    }
    if (finding.state == Finding::State::untrusted && passed_over.problem.empty()) {
      passed_over = std::move(finding);
    }
  }
  return passed_over;
}

Expected<CommandFinder::Finding> CommandFinder::find(std::string_view name) const {
  if (name.find('/') == std::string_view::npos) {
    return find_bare(name);
  }
  Finding finding = TRY(find_absolute(name));
  if (finding.state != Finding::State::found) {
    return finding;
  }
  finding.spellings.emplace_back(name);
  // The search path may name the same folder another way (/bin is a link to /usr/bin), and then so
  // may callers.
  for (const std::string& own : std::vector<std::string>(finding.spellings)) {
    for (const SearchFolder& folder : search_folders_) {
      if (folder_above(own) == folder.canonical) {
        for (const std::string& spelling : folder.spellings) {
          finding.spellings.push_back(join(spelling, last_component(own)));
        }
      }
    }
  }
  return finding;
}

}  // namespace omnisandbox::policy
