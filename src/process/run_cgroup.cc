#include "process/run_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <charconv>
#include <map>
#include <string_view>

#include "base/try.h"
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

// A counter's file as it is now.
std::string read_again(const Fd& file) {
  std::array<char, 1024> text;
  const auto length = linux_::read_full_at(file, std::as_writable_bytes(std::span(text)), 0);
  return std::string(text.data(), length.value_or(0));
}

Fd open_counter(const Fd& folder, std::string_view name) {
  auto file = linux_::open_at2(folder.get(), name, O_RDONLY, 0, 0);
  return file ? std::move(*file) : Fd();
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

Fd open_folder(const std::string& path) {
  auto folder = linux_::open_at2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
  return folder ? std::move(*folder) : Fd();
}

// Where groups of version 2 are made: beneath this process's group where that hands its controllers
// on, else beside it: a group with processes of its own cannot hand on any (cgroups(7), "no
// internal processes").
std::vector<std::string> unified_places(const std::map<std::string, std::string>& own) {
  std::vector<std::string> places;
  if (const auto unified = own.find(""); unified != own.end()) {
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      places.push_back(mount + unified->second);
      places.push_back(mount + unified->second + "/..");
    }
  }
  return places;
}

// And of version 1; empty where there is no such hierarchy.
std::string legacy_place(const std::map<std::string, std::string>& own, const char* controller) {
  const auto group = own.find(controller);
  return group == own.end() ? std::string()
                            : std::string("/sys/fs/cgroup/") + controller + group->second;
}

}  // namespace

RunCgroup RunCgroup::create(const CgroupLimits& limits) {
  RunCgroup group;
  const auto own = own_groups();
  for (const std::string& place : unified_places(own)) {
    if (group.create_unified(limits, place)) {
      return group;
    }
  }
  if (const Fd* folder = group.create_legacy(legacy_place(own, "memory"), "memory.limit_in_bytes",
                                             limits.memory_bytes);
      folder != nullptr) {
    // Where swap is counted, memory must not continue there.
    static_cast<void>(
        write_file(*folder, "memory.memsw.limit_in_bytes", std::to_string(limits.memory_bytes)));
    group.memory_events_ = open_counter(*folder, "memory.oom_control");
    group.memory_peak_ = open_counter(*folder, "memory.max_usage_in_bytes");
  }
  if (const Fd* folder = group.create_legacy(legacy_place(own, "pids"), "pids.max", limits.tasks);
      folder != nullptr) {
    group.task_events_ = open_counter(*folder, "pids.events");
  }
  return group;
}

void RunCgroup::remove_abandoned() {
  const auto own = own_groups();
  std::vector<std::string> places = unified_places(own);
  places.push_back(legacy_place(own, "memory"));
  places.push_back(legacy_place(own, "pids"));
  for (const std::string& place : places) {
    if (const Fd parent = open_folder(place); parent.is_open()) {
      remove_abandoned_cgroups(parent);
    }
  }
}

bool RunCgroup::create_unified(const CgroupLimits& limits, const std::string& place) {
  const Fd parent = open_folder(place);
  if (!parent.is_open()) {
    return false;
  }
  const std::string controllers = read_file(parent, "cgroup.subtree_control");
  if (controllers.find("memory") == std::string::npos ||
      controllers.find("pids") == std::string::npos) {
    return false;
  }
  auto made = CgroupFolder::make_in(parent);
  if (!made) {
    return false;
  }
  const Fd& folder = folders_.emplace_back(std::move(*made)).handle();
  if (!write_file(folder, "memory.max", std::to_string(limits.memory_bytes)) ||
      !write_file(folder, "pids.max", std::to_string(limits.tasks))) {
    return false;
  }
  static_cast<void>(write_file(folder, "memory.swap.max", "0"));
  static_cast<void>(write_file(folder, "memory.oom.group", "1"));
  Fd memory_events = open_counter(folder, "memory.events");
  Fd task_events = open_counter(folder, "pids.events");
  auto unified = linux_::open_at2(folder.get(), ".", O_RDONLY | O_DIRECTORY, 0, 0);
  if (!memory_events.is_open() || !task_events.is_open() || !unified) {
    return false;
  }
  memory_events_ = std::move(memory_events);
  task_events_ = std::move(task_events);
  memory_peak_ = open_counter(folder, "memory.peak");  // Linux 5.19
  unified_ = std::move(*unified);
  return true;
}

const Fd* RunCgroup::create_legacy(const std::string& place, const char* limit_file,
                                   std::uint64_t limit) {
  const Fd parent = place.empty() ? Fd() : open_folder(place);
  auto made = parent.is_open() ? CgroupFolder::make_in(parent) : std::nullopt;
  if (!made) {
    return nullptr;
  }
  const Fd& folder = folders_.emplace_back(std::move(*made)).handle();
  if (!write_file(folder, limit_file, std::to_string(limit))) {
    return nullptr;
  }
  auto entrance = linux_::open_at2(folder.get(), "tasks", O_WRONLY, 0, 0);
  if (!entrance) {
    return nullptr;
  }
  entrances_.push_back(std::move(*entrance));
  return &folder;
}

std::vector<const Fd*> RunCgroup::entrances() const {
  std::vector<const Fd*> files;
  for (const Fd& entrance : entrances_) {
    files.push_back(&entrance);
  }
  return files;
}

std::uint64_t RunCgroup::memory_kills() const {
  return memory_events_.is_open() ? number_after(read_again(memory_events_), "oom_kill") : 0;
}

std::uint64_t RunCgroup::task_refusals() const {
  return task_events_.is_open() ? number_after(read_again(task_events_), "max") : 0;
}

std::uint64_t RunCgroup::peak_memory_bytes() const {
  return memory_peak_.is_open() ? number_in(read_again(memory_peak_)) : 0;
}

std::vector<std::string> RunCgroup::layers() const {
  const char* version = unified_.is_open() ? "cgroup v2" : "cgroup v1";
  std::vector<std::string> layers;
  if (limits_memory()) {
    layers.push_back(std::string(version) + " memory");
  }
  if (limits_tasks()) {
    layers.push_back(std::string(version) + " pids");
  }
  return layers;
}

}  // namespace omnisandbox::process
