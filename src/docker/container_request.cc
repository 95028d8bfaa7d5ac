#include "docker/container_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/core_dumps.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;
using policy::MountMask;

constexpr std::int64_t cpu_period_us = 100'000;
// /tmp, /dev/shm and each volume of the image. They count for the memory limit as well.
constexpr std::uint64_t largest_private_tree_bytes = 64 * policy::mebibyte;
constexpr std::uint64_t shared_memory_bytes = 16 * policy::mebibyte;
// The first process of the container beside the command's own.
constexpr std::uint32_t own_tasks = 1;
constexpr std::uint64_t locked_memory_bytes = 64 * 1024;

std::string private_tree_options(const policy::ContainerGrant& grant) {
  return fmt::format("rw,noexec,nosuid,nodev,size={},mode=1777",
                     std::min(largest_private_tree_bytes, grant.memory_bytes / 2));
}

json bind_mount(const std::string& source, const std::string& target, bool is_read_only) {
  // Not recursive: a read-only bind leaves what is mounted beneath writable, and the policy has
  // judged one file system.
  return {{"Type", "bind"},
          {"Source", source},
          {"Target", target},
          {"ReadOnly", is_read_only},
          {"BindOptions", {{"Propagation", "rprivate"}, {"NonRecursive", true}}}};
}

json ulimit(const char* name, std::uint64_t limit) {
  return {{"Name", name}, {"Soft", limit}, {"Hard", limit}};
}

// A volume of the image would be a folder of the host that outlives the container and has no size.
Expected<void> cover_volumes(const ContainerParts& parts, json& trees) {
  for (const std::string& volume : parts.image.volumes) {
    const auto text = policy::parse_path(volume);
    const auto collides = [&] {
      if (!text || text->has_parent_steps || text->path == "/" ||
          text->path.find_first_of(":,") != std::string::npos) {
        return true;
      }
      const auto& mounts = parts.grant.mounts;
      return std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) {
        return text->path != mount.target && policy::is_at_or_beneath(text->path, mount.target);
      });
    };
    if (collides() || policy::is_at_or_beneath(text->path, "/.omnisandbox") ||
        policy::is_at_or_beneath(text->path, "/proc")) {
      return Error::from_denial(
          {.capability = Capability::exec_run,
           .resource = parts.grant.image,
           .rule = "volumes of an image",
           .reason = fmt::format("the image declares a volume at {}, where none may stand",
                                 base::printable(volume, 200)),
           .remedy = "use an image without that VOLUME, or mount another place"});
    }
    const auto& mounts = parts.grant.mounts;
    if (std::none_of(mounts.begin(), mounts.end(),
                     [&](const auto& mount) { return mount.target == text->path; })) {
      trees[text->path] = private_tree_options(parts.grant);
    }
  }
  return {};
}

// A folder that holds something covered is mounted onto itself: renamed by a command, it would
// carry what it holds to a name that no rule knows, and past a look for it that is under way.
struct HeldFolder {
  const policy::PinnedMount* mount;
  std::string below;  ///< relative to the mount
};

std::vector<HeldFolder> held_folders(const policy::ContainerGrant& grant) {
  std::set<std::string_view> narrowed;  // nothing beneath can be renamed
  for (const MountMask& mask : grant.masks) {
    if (mask.kind == MountMask::Kind::read_only) {
      narrowed.insert(mask.target);
    }
  }
  std::vector<HeldFolder> folders;
  for (const policy::PinnedMount& mount : grant.mounts) {
    std::set<std::string_view> held;
    for (const MountMask& mask : grant.masks) {
      if (mount.is_read_only || !policy::is_at_or_beneath(mask.target, mount.target)) {
        continue;
      }
      std::vector<std::string_view> above;
      for (auto folder = policy::parent_of(mask.target);
           policy::is_at_or_beneath(folder, mount.target) && folder != mount.target;
           folder = policy::parent_of(folder)) {
        above.push_back(folder);
      }
      if (std::none_of(above.begin(), above.end(), [&narrowed](std::string_view folder) {
            return narrowed.contains(folder);
          })) {
        held.insert(above.begin(), above.end());
      }
    }
    for (const std::string_view folder : held) {
      folders.push_back(
          {.mount = &mount, .below = std::string(folder.substr(mount.target.size() + 1))});
    }
  }
  return folders;
}

}  // namespace

std::vector<ExpectedPath> expected_paths(const policy::ContainerGrant& grant) {
  std::vector<ExpectedPath> paths;
  for (const policy::PinnedMount& mount : grant.mounts) {
    paths.push_back({.path = mount.target,
                     .kind = ExpectedPath::Kind::same_file,
                     .device = mount.status.st_dev,
                     .inode = mount.status.st_ino,
                     .is_read_only = mount.is_read_only});
  }
  for (HeldFolder& folder : held_folders(grant)) {
    paths.push_back({.path = policy::join(folder.mount->target, folder.below),
                     .kind = ExpectedPath::Kind::held_folder,
                     .mounted = &folder.mount->handle,
                     .below = std::move(folder.below)});
  }
  for (const MountMask& mask : grant.masks) {
    const auto kind = mask.kind == MountMask::Kind::hidden_folder ? ExpectedPath::Kind::empty_folder
                      : mask.kind == MountMask::Kind::hidden_file ? ExpectedPath::Kind::null_device
                                                                  : ExpectedPath::Kind::same_file;
    paths.push_back({.path = mask.target,
                     .kind = kind,
                     .device = mask.status.st_dev,
                     .inode = mask.status.st_ino,
                     .is_read_only = mask.kind == MountMask::Kind::read_only});
  }
  return paths;
}

Expected<json> container_request(const ContainerParts& parts) {
  const policy::ContainerGrant& grant = parts.grant;
  json mounts = json::array();
  json trees = json::object();
  mounts.push_back(bind_mount(parts.init_program, init::program_path, true));
  if (!parts.listener_socket.empty()) {
    mounts.push_back(bind_mount(parts.listener_socket, init::listener_socket_path, true));
  }
  trees["/tmp"] = private_tree_options(grant);
  for (const policy::PinnedMount& mount : grant.mounts) {
    mounts.push_back(bind_mount(mount.source, mount.target, mount.is_read_only));
    trees.erase(mount.target);
  }
  for (const HeldFolder& folder : held_folders(grant)) {
    mounts.push_back(bind_mount(policy::join(folder.mount->source, folder.below),
                                policy::join(folder.mount->target, folder.below), false));
  }
  for (const MountMask& mask : grant.masks) {
    if (mask.kind == MountMask::Kind::hidden_folder) {
      trees[mask.target] = "ro,noexec,nosuid,nodev,size=4k,mode=0";
    } else {
      const bool hides = mask.kind == MountMask::Kind::hidden_file;
      mounts.push_back(bind_mount(hides ? "/dev/null" : mask.source, mask.target, true));
    }
  }
  TRY(cover_volumes(parts, trees));

  json arguments =
      json::array({parts.listener_socket.empty() ? init::plain_mode : init::listener_mode});
  for (const ExpectedPath& expected : expected_paths(grant)) {
    arguments.push_back(expected.path);
  }
  json security = json::array();
  if (grant.has_no_new_privileges) {
    security.push_back("no-new-privileges");
  }
  for (const std::string& option : grant.security_options) {
    security.push_back(option);
  }
  json host = {{"NetworkMode", grant.network == NetworkMode::host ? "host" : "none"},
               {"IpcMode", "private"},
               {"CgroupnsMode", "private"},
               {"Privileged", false},
               {"ReadonlyRootfs", grant.has_read_only_root},
               {"CapDrop", json::array({"ALL"})},
               {"SecurityOpt", security},
               {"Memory", grant.memory_bytes},
               {"MemorySwap", grant.memory_bytes},
               {"CpuPeriod", cpu_period_us},
               {"CpuQuota", grant.cpu_quota_us},
               {"PidsLimit", grant.max_processes + own_tasks},
               {"ShmSize", std::min(shared_memory_bytes, grant.memory_bytes / 2)},
               {"Ulimits", json::array({ulimit("core", linux_::no_core_dump),
                                        ulimit("fsize", grant.max_file_bytes),
                                        ulimit("memlock", locked_memory_bytes),
                                        ulimit("nofile", grant.max_open_files)})},
               {"LogConfig", {{"Type", "none"}}},
               {"AutoRemove", false},
               {"RestartPolicy", {{"Name", "no"}}},
               {"Mounts", mounts},
               {"Tmpfs", trees}};
  if (!grant.added_capabilities.empty()) {
    host["CapAdd"] = grant.added_capabilities;
  }
  if (!grant.runtime.empty()) {
    host["Runtime"] = grant.runtime;
  }
  json body = {{"Image", parts.image.id},
               {"Entrypoint", json::array({init::program_path})},
               {"Cmd", arguments},
               {"User", grant.user},
               {"WorkingDir", "/"},
               {"Tty", false},
               {"OpenStdin", true},
               {"StdinOnce", true},
               {"AttachStdin", true},
               {"AttachStdout", true},
               {"AttachStderr", true},
               {"Labels", parts.labels},
               {"Healthcheck", {{"Test", json::array({"NONE"})}}},
               {"HostConfig", host}};
  if (grant.network != NetworkMode::host) {
    body["Hostname"] = "sandbox";
  }
  return body;
}

}  // namespace omnisandbox::docker
