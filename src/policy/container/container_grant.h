#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/expected.h"
#include "policy/compiled_policy.h"

/// What a policy lets a container be. A container is made from a ContainerGrant and from nothing
/// else, and only `judge_container` makes one.
namespace omnisandbox::policy {

/// A file or folder of the host that a container may see, held open since it was judged. Names can
/// be changed meanwhile: whoever mounts it compares what is mounted with `status`.
struct PinnedMount {
  linux_::Fd handle;   ///< O_PATH
  std::string source;  ///< canonical host path that was judged
  std::string target;  ///< inside the container; absolute, no "." or ".."
  bool is_read_only = true;
  struct stat status {};
  std::string rule;  ///< for audit
};

/// Something beneath a mount that a rule, or the built-in list of secrets, takes away.
struct MountMask {
  enum class Kind : std::uint8_t { hidden_folder, hidden_file, read_only };
  Kind kind = Kind::hidden_folder;
  std::string source;  ///< host path; of `read_only`
  std::string target;  ///< inside the container
  struct stat status {};
};

class ContainerGrant {
 public:
  std::string image;
  NetworkMode network = NetworkMode::none;
  std::vector<std::string> added_capabilities;  ///< "NET_BIND_SERVICE"; all others are dropped
  std::vector<PinnedMount> mounts;              ///< a parent stands before what lies in it
  std::vector<MountMask> masks;
  bool has_read_only_root = true;
  bool has_no_new_privileges = true;
  std::uint64_t memory_bytes = 0;
  std::int64_t cpu_quota_us = 0;  ///< in each 100,000 µs
  std::uint32_t max_processes = 0;
  std::uint32_t max_open_files = 0;
  std::uint64_t max_file_bytes = 0;  ///< one process may not write more to a file
  std::string user;
  std::vector<std::string> security_options;  ///< without those that have fields of their own
  std::string runtime;                        ///< empty: the engine's default

 private:
  friend Expected<ContainerGrant> judge_container(const CompiledPolicy& policy,
                                                  const DockerConfig& docker,
                                                  const struct ContainerBounds& bounds);
  ContainerGrant() = default;
};

/// What the rule of one command narrows further.
struct ContainerBounds {
  std::optional<std::uint64_t> memory_bytes{};
  bool allows_network = true;
};

/// Judges every part of a container; the first refusal is the answer. Mounts are opened and held.
/// Does I/O: looks through the mounted folders for what the rules take away inside them. Errors:
/// `denied` with the Denial; `invalid_argument` for what makes no sense; `not_found` for a mount
/// that does not exist; `too_large` for a folder with too much to look through.
Expected<ContainerGrant> judge_container(const CompiledPolicy& policy, const DockerConfig& docker,
                                         const ContainerBounds& bounds = {});

/// A command inside a container is known by its name alone: the file is the image's.
struct ContainerCommand {
  std::string rule;
  std::map<std::string, std::string> environment{};  ///< the Config's and the rule's
  std::string working_dir{};                         ///< of the rule; may be empty
  std::optional<std::chrono::milliseconds> timeout{};
  ContainerBounds bounds{};
};
tl::expected<ContainerCommand, Denial> judge_container_command(const CompiledPolicy& policy,
                                                               std::string_view command,
                                                               std::span<const std::string> args);

/// A working folder inside a container: absolute, and not in /proc, where the folders of other
/// processes stand (CVE-2024-21626).
Expected<std::string> judge_container_folder(std::string_view folder);

/// A path inside a container where files are put or read from: absolute, without "..", and neither
/// the kernel's own trees nor what is ours.
Expected<std::string> judge_container_path(std::string_view path);

// Half a second of looking; a policy that mounts more names a narrower folder.
inline constexpr std::size_t max_searched_mount_entries = 1'000'000;

}  // namespace omnisandbox::policy
