#include "process/run_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <charconv>
#include <map>
#include <string_view>

#include "base/random_id.h"
#include "base/try.h"
#include "linux/file_names.h"
#include "linux/file_system.h"

namespace omnisandbox::process {
namespace {

using linux_::Fd;

std::string read_file(const Fd& folder, std::string_view name) {
  std::string text(4096, '\0');
  const auto file = linux_::open_at2(folder.get(), name, O_RDONLY, 0, 0);
  if (!file) {
    return {};
  }
  const auto length = linux_::read_full(*file, std::as_writable_bytes(std::span(text)));
  text.resize(length.value_or(0));
  return text;
}

bool write_file(const Fd& folder, std::string_view name, std::string_view text) {
  const auto file = linux_::open_at2(folder.get(), name, O_WRONLY, 0, 0);
  return file && linux_::write_full(*file, std::as_bytes(std::span(text))).has_value();
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The number behind "key " at the beginning of a line; 0 where there is none.
std::uint64_t number_after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ') {
      return number_in(line.substr(key.size() + 1));
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return 0;
}

// Controller → this process's group, from /proc/self/cgroup; version 2 has an empty controller.
std::map<std::string, std::string> own_groups() {
  std::map<std::string, std::string> groups;
  const auto folder = linux_::open_at2(AT_FDCWD, "/proc/self", O_PATH, 0, 0);
  if (!folder) {
    return groups;
  }
  const std::string text = read_file(*folder, "cgroup");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    std::string_view names = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (names.empty()) {
      groups.emplace("", path);
    }
    while (!names.empty()) {
      const std::string_view name = names.substr(0, names.find(','));
      groups.emplace(std::string(name), path);
      names.remove_prefix(std::min(names.size(), name.size() + 1));
    }
  }
  return groups;
}

std::string folder_name() { return "omnisandbox-" + base::random_id(); }

Fd open_folder(const std::string& path) {
  auto folder = linux_::open_at2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
  return folder ? std::move(*folder) : Fd();
}

}  // namespace

RunCgroup RunCgroup::create(const CgroupLimits& limits) {
  RunCgroup group;
  const auto own = own_groups();
  if (const auto unified = own.find(""); unified != own.end()) {
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      if (group.create_unified(limits, mount + unified->second)) {
        return group;
      }
    }
  }
  if (const auto memory = own.find("memory"); memory != own.end()) {
    group.create_legacy("memory", memory->second, "memory.limit_in_bytes", limits.memory_bytes,
                        group.memory_);
  }
  if (group.memory_.is_open()) {
    // Where swap is counted, memory must not continue there.
    static_cast<void>(write_file(group.memory_, "memory.memsw.limit_in_bytes",
                                 std::to_string(limits.memory_bytes)));
  }
  if (const auto tasks = own.find("pids"); tasks != own.end()) {
    group.create_legacy("pids", tasks->second, "pids.max", limits.tasks, group.tasks_);
  }
  return group;
}

bool RunCgroup::create_unified(const CgroupLimits& limits, const std::string& own_path) {
  // Beneath this process's group where that hands its controllers on, else beside it: a group with
  // processes of its own cannot hand on any (cgroups(7), "no internal processes").
  for (const std::string& path : {own_path, own_path + "/.."}) {
    Fd parent = open_folder(path);
    if (!parent.is_open()) {
      continue;
    }
    const std::string controllers = read_file(parent, "cgroup.subtree_control");
    if (controllers.find("memory") == std::string::npos ||
        controllers.find("pids") == std::string::npos) {
      continue;
    }
    std::string name = folder_name();
    if (!linux_::make_directory_at(parent, name, 0755)) {
      continue;
    }
    auto folder = linux_::open_at2(parent.get(), name, O_RDONLY | O_DIRECTORY, 0, 0);
    folders_.push_back({std::move(parent), std::move(name)});
    if (!folder || !write_file(*folder, "memory.max", std::to_string(limits.memory_bytes)) ||
        !write_file(*folder, "pids.max", std::to_string(limits.tasks))) {
      continue;
    }
    static_cast<void>(write_file(*folder, "memory.swap.max", "0"));
    static_cast<void>(write_file(*folder, "memory.oom.group", "1"));
    const auto again = [&] { return linux_::open_at2(folder->get(), ".", O_PATH, 0, 0); };
    auto memory = again();
    auto tasks = again();
    if (!memory || !tasks) {
      continue;
    }
    memory_ = std::move(*memory);
    tasks_ = std::move(*tasks);
    unified_ = std::move(*folder);
    return true;
  }
  return false;
}

void RunCgroup::create_legacy(const std::string& controller, const std::string& own_path,
                              const char* limit_file, std::uint64_t limit, Fd& group) {
  Fd parent = open_folder("/sys/fs/cgroup/" + controller + own_path);
  std::string name = folder_name();
  if (!parent.is_open() || !linux_::make_directory_at(parent, name, 0755)) {
    return;
  }
  auto folder = linux_::open_at2(parent.get(), name, O_PATH | O_DIRECTORY, 0, 0);
  folders_.push_back({std::move(parent), std::move(name)});
  if (!folder || !write_file(*folder, limit_file, std::to_string(limit))) {
    return;
  }
  if (auto entrance = linux_::open_at2(folder->get(), "tasks", O_WRONLY, 0, 0)) {
    entrances_.push_back(std::move(*entrance));
    group = std::move(*folder);
  }
}

RunCgroup::~RunCgroup() {
  for (const Folder& folder : folders_) {
    static_cast<void>(linux_::remove_directory_at(folder.parent, folder.name));
  }
}

std::vector<const Fd*> RunCgroup::entrances() const {
  std::vector<const Fd*> files;
  for (const Fd& entrance : entrances_) {
    files.push_back(&entrance);
  }
  return files;
}

std::uint64_t RunCgroup::memory_kills() const {
  if (!memory_.is_open()) {
    return 0;
  }
  return number_after(
      read_file(memory_, unified_.is_open() ? "memory.events" : "memory.oom_control"), "oom_kill");
}

std::uint64_t RunCgroup::task_refusals() const {
  return tasks_.is_open() ? number_after(read_file(tasks_, "pids.events"), "max") : 0;
}

std::uint64_t RunCgroup::peak_memory_bytes() const {
  if (!memory_.is_open()) {
    return 0;
  }
  return number_in(
      read_file(memory_, unified_.is_open() ? "memory.peak" : "memory.max_usage_in_bytes"));
}

std::vector<std::string> RunCgroup::layers() const {
  const char* version = unified_.is_open() ? "cgroup v2" : "cgroup v1";
  std::vector<std::string> layers;
  if (memory_.is_open()) {
    layers.push_back(std::string(version) + " memory");
  }
  if (tasks_.is_open()) {
    layers.push_back(std::string(version) + " pids");
  }
  return layers;
}

}  // namespace omnisandbox::process
