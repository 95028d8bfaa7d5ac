#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox {

enum class NetworkMode : std::uint8_t { none, bridge, host };

std::string_view to_string(NetworkMode mode) noexcept;
std::optional<NetworkMode> network_mode_from_string(std::string_view name) noexcept;

/// When the engine fetches an image from its registry.
enum class PullPolicy : std::uint8_t { never, missing, always };

std::string_view to_string(PullPolicy policy) noexcept;
std::optional<PullPolicy> pull_policy_from_string(std::string_view name) noexcept;

/// A folder or file of the host, seen inside a container. The policy must allow it as well.
struct DockerMount {
  std::string host_path;
  std::string container_path;
  bool read_only = true;
  bool operator==(const DockerMount&) const = default;
};

/// The `docker:` section of a policy file: how a container is made. Never widens the policy.
struct DockerConfig {
  /// "name:tag", "name@sha256:…", an image's id, or a file of this machine that the engine is given
  /// where it does not have it yet: "oci:/folder[:tag]" (an OCI image layout) or
  /// "docker-archive:/file.tar" (what `docker save` writes).
  std::string image{};
  NetworkMode network_mode = NetworkMode::none;
  std::vector<std::string> cap_drop{"ALL"};
  std::vector<std::string> cap_add{};
  std::vector<DockerMount> mounts{};
  bool read_only_rootfs = true;
  bool no_new_privileges = true;
  std::optional<std::uint64_t>
      memory_limit{};               ///< bytes; unset: the policy's memory_limit_mb, else 256 MiB
  std::int64_t cpu_quota = 50'000;  ///< microseconds of CPU in each 100,000 µs
  std::int64_t pids_limit = 64;
  std::map<std::string, std::string> env{};
  std::string user = "65534:65534";
  std::vector<std::string> security_opt{};
  std::string runtime{};  ///< "runc", "runsc", "crun", "kata"; empty: the engine's default
  PullPolicy pull = PullPolicy::never;
  /// For fetching or loading the image; not part of the command's own time.
  std::chrono::milliseconds pull_timeout{300'000};
  bool operator==(const DockerConfig&) const = default;
};

}  // namespace omnisandbox
