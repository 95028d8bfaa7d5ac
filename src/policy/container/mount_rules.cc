#include "policy/container/mount_rules.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "linux/file_system.h"
#include "policy/path/folder_walk.h"
#include "policy/path/path_gate.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

// Whatever allowed_paths say: with one of these inside, a container has the machine.
constexpr std::array<std::string_view, 12> never_mounted = {
    "/etc", "/proc", "/sys",      "/dev",     "/boot",           "/run",
    "/var", "/root", "/usr/sbin", "/usr/lib", "/var/lib/docker", "/var/lib/containerd"};
// Of those, what may be mounted all the same where it lies deeper: /var/cache/x, /run/user/1000/x.
constexpr std::array<std::string_view, 4> only_themselves = {"/var", "/run", "/root", "/etc"};
// What the engine and this sandbox keep for themselves inside.
constexpr std::array<std::string_view, 4> reserved_targets = {"/proc", "/sys", "/dev",
                                                              "/.omnisandbox"};

Denial refusal(const DockerMount& mount, std::string reason) {
  return Denial{.capability = mount.read_only ? Capability::fs_read : Capability::fs_write,
                .resource = mount.host_path,
                .rule = "docker.mounts",
                .reason = std::move(reason),
                .remedy = {}};
}

bool is_never_mounted(std::string_view path) {
  if (path == "/") {
    return true;
  }
  return std::any_of(never_mounted.begin(), never_mounted.end(), [path](std::string_view folder) {
    const bool only_itself =
        std::find(only_themselves.begin(), only_themselves.end(), folder) != only_themselves.end();
    return only_itself ? path == folder : is_at_or_beneath(path, folder);
  });
}

struct Access {
  bool reads = false;
  bool writes = false;
  bool operator==(const Access&) const = default;
};

Access access_of(const CompiledPolicy& policy, std::string_view path) {
  return {.reads = policy.judge_path(path, PathUse::read, path).has_value(),
          .writes = policy.judge_path(path, PathUse::write, path).has_value()};
}

/// Finds what the rules take away beneath one mount.
class MaskSearch : FolderVisitor {
 public:
  MaskSearch(const CompiledPolicy& policy, const PinnedMount& mount, std::vector<MountMask>& masks)
      : policy_(policy), mount_(mount), masks_(masks) {}

  Expected<void> search() {
    FolderWalk walk(*this, {.max_entries = max_searched_mount_entries});
    auto done = walk.walk(mount_.handle, std::max(mount_.source.size(), mount_.target.size()));
    if (!done && done.error().kind == ErrorKind::too_large) {
      return base::make_error(ErrorKind::too_large,
                              "{} holds more than {} files to look through for what the policy "
                              "hides; mount a narrower folder",
                              base::printable(mount_.source), max_searched_mount_entries);
    }
    return done;
  }

 private:
  Expected<void> look(const linux_::Fd& folder, std::string_view below,
                      std::span<const linux_::RawDirectoryEntry> entries,
                      std::vector<std::string>& entered) override {
    const std::string path = name_below(mount_.source, below);
    const std::string target = name_below(mount_.target, below);
    for (const auto& entry : entries) {
      if (TRY(is_searched(folder, entry, path, target))) {
        entered.push_back(entry.name);
      }
    }
    return {};
  }

  // The container may run as somebody who can look through it.
  Expected<void> find_closed(std::string_view below) override {
    return cannot_look(name_below(mount_.source, below));
  }

  static Error cannot_look(const std::string& path) {
    return base::make_error(ErrorKind::denied,
                            "{} cannot be looked through for what the policy hides; mount a "
                            "folder that this user can read",
                            base::printable(path));
  }

  // Hides or narrows one entry; whether there is more to look for in it.
  Expected<bool> is_searched(const linux_::Fd& folder, const linux_::RawDirectoryEntry& entry,
                             const std::string& path, const std::string& target) {
    const std::string child = join(path, entry.name);
    const auto status = linux_::stat_at(folder, entry.name);
    if (!status) {
      return status.error().system_errno == ENOENT ? Expected<bool>(false) : cannot_look(child);
    }
    if (S_ISLNK(status->st_mode)) {
      return false;  // it leads to a name inside the container
    }
    const std::string child_target = join(target, entry.name);
    const bool is_folder = S_ISDIR(status->st_mode);
    const Access access = access_of(policy_, child);
    if (!access.reads) {
      TRY(add_mask(
          {.kind = is_folder ? MountMask::Kind::hidden_folder : MountMask::Kind::hidden_file,
           .source = child,
           .target = child_target,
           .status = *status}));
      return false;
    }
    if (!S_ISREG(status->st_mode) && !is_folder) {
      // Sockets of services (docker.sock), devices and pipes: no file, so nothing that was asked
      // for.
      TRY(add_mask({.kind = MountMask::Kind::hidden_file,
                    .source = child,
                    .target = child_target,
                    .status = *status}));
      return false;
    }
    if (!mount_.is_read_only && !access.writes) {
      TRY(add_mask({.kind = MountMask::Kind::read_only,
                    .source = child,
                    .target = child_target,
                    .status = *status}));
    }
    // Another file system is not carried into the container.
    return is_folder && status->st_dev == mount_.status.st_dev;
  }

  // The engine is spoken to in JSON, which has text only.
  Expected<void> add_mask(MountMask mask) {
    if (!base::is_utf8(mask.source)) {
      return base::make_error(
          ErrorKind::unavailable,
          "{} is hidden by the policy or opened for reading only, and no container engine can be "
          "told of its name, which is not UTF-8; rename it, or mount a narrower folder",
          base::printable(mask.source));
    }
    masks_.push_back(std::move(mask));
    return {};
  }

  const CompiledPolicy& policy_;
  const PinnedMount& mount_;
  std::vector<MountMask>& masks_;
};

Expected<std::string> judge_target(const DockerMount& mount) {
  const PathText text = TRY(parse_path(mount.container_path));
  const bool is_reserved =
      std::any_of(reserved_targets.begin(), reserved_targets.end(),
                  [&text](std::string_view folder) { return is_at_or_beneath(text.path, folder); });
  if (text.has_parent_steps || text.path == "/" || is_reserved ||
      text.path.find(',') != std::string::npos) {
    return base::make_error(ErrorKind::invalid_argument,
                            "docker.mounts: {} cannot be a place inside the container; write an "
                            "absolute path without \"..\", outside of /proc, /sys and /dev",
                            base::printable(mount.container_path));
  }
  return text.path;
}

Expected<PinnedMount> judge_mount(const CompiledPolicy& policy, const DockerMount& mount) {
  PinnedMount pinned;
  pinned.target = TRY(judge_target(mount));
  pinned.is_read_only = mount.read_only;
  if (is_never_mounted(TRY(parse_path(mount.host_path)).path)) {
    return Error::from_denial(
        refusal(mount, "it would give the container the machine; it is never mounted"));
  }
  // A container reads what it writes.
  auto opened =
      policy::PathGate(policy).open({.path = mount.host_path, .use = PathUse::read}, O_PATH);
  if (opened && !mount.read_only) {
    const auto writable = policy.judge_path(opened->canonical, PathUse::write, mount.host_path);
    if (!writable) {
      return Error::from_denial(writable.error());
    }
  }
  if (!opened) {
    return std::move(opened).error();
  }
  if (is_never_mounted(opened->canonical)) {
    return Error::from_denial(
        refusal(mount, fmt::format("it leads to {}, which would give the container the machine",
                                   base::printable(opened->canonical))));
  }
  if (!S_ISREG(opened->status.st_mode) && !S_ISDIR(opened->status.st_mode)) {
    return Error::from_denial(
        refusal(mount,
                "it is a socket, a device or a pipe, and only files and folders are "
                "mounted"));
  }
  if (S_ISREG(opened->status.st_mode) && !mount.read_only && opened->status.st_nlink > 1 &&
      !policy.allows_hard_links()) {
    return Error::from_denial(
        refusal(mount, "the file has other names as well, which the rules may not open"));
  }
  pinned.handle = std::move(opened->file);
  pinned.source = std::move(opened->canonical);
  pinned.status = opened->status;
  pinned.rule = std::move(opened->rule);
  return pinned;
}

}  // namespace

Expected<void> judge_mounts(const CompiledPolicy& policy, std::span<const DockerMount> wanted,
                            std::vector<PinnedMount>& mounts, std::vector<MountMask>& masks) {
  for (const DockerMount& mount : wanted) {
    mounts.push_back(TRY(judge_mount(policy, mount)));
  }
  std::stable_sort(mounts.begin(), mounts.end(), [](const auto& left, const auto& right) {
    return left.target.size() < right.target.size();
  });
  for (std::size_t index = 0; index < mounts.size(); ++index) {
    const PinnedMount& mount = mounts[index];
    for (std::size_t other = 0; other < index; ++other) {
      if (is_at_or_beneath(mount.target, mounts[other].target)) {
        // Its place would be made in a folder of the host, and masks of the two could meet.
        return base::make_error(ErrorKind::invalid_argument,
                                "docker.mounts: {} lies in {}; mounts stand beside each other",
                                base::printable(mount.target),
                                base::printable(mounts[other].target));
      }
    }
    if (S_ISDIR(mount.status.st_mode)) {
      TRY(MaskSearch(policy, mount, masks).search());
    }
  }
  return {};
}

}  // namespace omnisandbox::policy
