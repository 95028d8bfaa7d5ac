#include <vector>

#include "policy/file/key_binding.h"
#include "policy/limits.h"

namespace omnisandbox::policy {

namespace {

// The kernel takes no CPU quota below 1 ms (Documentation/scheduler/sched-bwc.rst); 1,024
// processors are above.
constexpr std::uint64_t min_cpu_quota_us = 1'000;
constexpr std::uint64_t max_cpu_quota_us = 1024ull * 100'000;
// The container engine refuses less.
constexpr std::uint64_t min_container_memory_bytes = 6 * mebibyte;

}  // namespace

template <>
const std::vector<BoundKey<DockerMount>>& keys_of<DockerMount>() {
  static const std::vector<BoundKey<DockerMount>> keys = {
      bind<&DockerMount::host_path>(
          {.name = "host_path",
           .type = KeyType::text,
           .required = true,
           .description = "An absolute path of the host; allowed_paths must open it as well.",
           .example = "/tmp/data"}),
      bind<&DockerMount::container_path>({.name = "container_path",
                                          .type = KeyType::text,
                                          .required = true,
                                          .description = "The absolute path inside the container.",
                                          .example = "/data"}),
      bind<&DockerMount::read_only>(
          {.name = "read_only",
           .type = KeyType::flag,
           .description = "false: the container may write there, which needs fs_write.",
           .example = "true"}),
  };
  return keys;
}

template <>
const std::vector<BoundKey<DockerConfig>>& keys_of<DockerConfig>() {
  static const std::vector<BoundKey<DockerConfig>> keys = {
      bind<&DockerConfig::image>({.name = "image",
                                  .type = KeyType::text,
                                  .description = "The image: name:tag, name@sha256:digest, an id, "
                                                 "oci:/folder[:tag] or docker-archive:/file.tar.",
                                  .when_unset = "the command line's --image",
                                  .example = "\"alpine:3.20\""}),
      bind<&DockerConfig::network_mode>({.name = "network_mode",
                                         .type = KeyType::word,
                                         .words = EnumWords<NetworkMode>::words,
                                         .description =
                                             "bridge and host need net_http; host needs "
                                             "allowed_hosts: [\"*\"] as well, because no "
                                             "list can be enforced there.",
                                         .example = "none"}),
      bind<&DockerConfig::cap_drop>({.name = "cap_drop",
                                     .type = KeyType::text_list,
                                     .maximum = max_list_entries,
                                     .description = "Linux capabilities taken away.",
                                     .example = "[ALL]"}),
      bind<&DockerConfig::cap_add>(
          {.name = "cap_add",
           .type = KeyType::text_list,
           .maximum = max_list_entries,
           .description = "Linux capabilities given back. ALL and SYS_ADMIN are always refused.",
           .example = "[NET_BIND_SERVICE]"}),
      bind<&DockerConfig::mounts>(
          {.name = "mounts",
           .type = KeyType::entry_list,
           .maximum = max_list_entries,
           .section = &docker_mount_section(),
           .description = "Folders and files of the host seen inside.",
           .example = "{host_path: /tmp/data, container_path: /data, read_only: true}"}),
      bind<&DockerConfig::read_only_rootfs>(
          {.name = "read_only_rootfs",
           .type = KeyType::flag,
           .description = "true: the container's own file system cannot be written.",
           .example = "true"}),
      bind<&DockerConfig::no_new_privileges>(
          {.name = "no_new_privileges",
           .type = KeyType::flag,
           .description = "true: setuid programs and file capabilities gain nothing.",
           .example = "true"}),
      bind<&DockerConfig::memory_limit>({.name = "memory_limit",
                                         .type = KeyType::byte_size,
                                         .minimum = min_container_memory_bytes,
                                         .maximum = max_memory_limit_mb * mebibyte,
                                         .unit = "bytes",
                                         .description = "Memory of the container.",
                                         .when_unset = "the policy's memory_limit_mb, else 256 MiB",
                                         .example = "256MiB"}),
      bind<&DockerConfig::cpu_quota>(
          {.name = "cpu_quota",
           .type = KeyType::count,
           .minimum = min_cpu_quota_us,
           .maximum = max_cpu_quota_us,
           .unit = "µs",
           .description = "CPU time in each 100,000 µs; 50000 is half a processor.",
           .example = "50000"}),
      bind<&DockerConfig::pids_limit>({.name = "pids_limit",
                                       .type = KeyType::count,
                                       .minimum = 1,
                                       .maximum = max_processes_ceiling,
                                       .description = "Processes and threads in the container.",
                                       .example = "64"}),
      bind<&DockerConfig::env>({.name = "env",
                                .type = KeyType::text_map,
                                .control_characters = true,
                                .description = "Variables of the container's environment.",
                                .example = "{LANG: C.UTF-8}"}),
      bind<&DockerConfig::user>({.name = "user",
                                 .type = KeyType::text,
                                 .description = "The user and group that the command runs as.",
                                 .example = "\"1000:1000\""}),
      bind<&DockerConfig::security_opt>(
          {.name = "security_opt",
           .type = KeyType::text_list,
           .maximum = max_list_entries,
           .description = "Security options of the engine. Unconfined ones are always refused.",
           .example = "[\"apparmor=docker-default\"]"}),
      bind<&DockerConfig::runtime>({.name = "runtime",
                                    .type = KeyType::text,
                                    .description = "runc, runsc, crun or kata.",
                                    .when_unset = "the engine's default",
                                    .example = "runsc"}),
      bind<&DockerConfig::pull>(
          {.name = "pull",
           .type = KeyType::word,
           .words = EnumWords<PullPolicy>::words,
           .description = "When the engine fetches the image from its registry.",
           .example = "missing"}),
      bind<&DockerConfig::pull_timeout>(
          {.name = "pull_timeout",
           .type = KeyType::duration,
           .minimum = 1,
           .maximum = max_duration_ms,
           .unit = "ms",
           .description =
               "Limit for fetching or loading the image, besides the command's own time.",
           .example = "5m"}),
  };
  return keys;
}

const Section& docker_mount_section() {
  static const Section section =
      section_from<DockerMount>("docker_mount", "An entry of docker.mounts",
                                "A folder or file of the host, seen inside a container.");
  return section;
}
const Section& docker_section() {
  static const Section section = section_from<DockerConfig>(
      "docker", "The docker section", "How a container is made. It never widens the policy.");
  return section;
}

}  // namespace omnisandbox::policy
