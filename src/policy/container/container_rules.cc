#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/try.h"
#include "policy/container/container_grant.h"
#include "policy/container/mount_rules.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"
#include "policy/remedy.h"

namespace omnisandbox::policy {
namespace {

// Those that act on the container's own processes and files alone. Whatever is not here reaches the
// kernel, its devices, its network or the host, and is never given.
constexpr std::array<std::string_view, 10> harmless_capabilities = {
    "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER", "FSETID",
    "KILL",        "SETGID", "NET_BIND_SERVICE", "SETUID", "SYS_NICE"};
// Of them, what the engine gives where nothing is dropped (moby, oci/caps/defaults.go).
constexpr std::array<std::string_view, 9> default_capabilities = {
    "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER", "FSETID",
    "KILL",        "SETGID", "NET_BIND_SERVICE", "SETUID"};

// Names that the engine knows by itself or that their installers register. Others could be the path
// of a program that the engine runs as root.
constexpr std::array<std::string_view, 9> known_runtimes = {"",
                                                            "runc",
                                                            "crun",
                                                            "runsc",
                                                            "kata",
                                                            "kata-runtime",
                                                            "io.containerd.runc.v2",
                                                            "io.containerd.runsc.v1",
                                                            "io.containerd.kata.v2"};

constexpr std::size_t max_image_name_bytes = 1024;
constexpr std::size_t max_user_bytes = 64;

template <std::size_t size>
bool is_one_of(const std::array<std::string_view, size>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

Denial never(std::string_view key, std::string_view value, std::string reason) {
  return Denial{.capability = Capability::exec_run,
                .resource = fmt::format("{} {}", key, base::printable(value, 200)),
                .rule = fmt::format("docker.{} is always refused", key),
                .reason = std::move(reason),
                .remedy = {}};
}

std::string_view without_prefix(std::string_view name) {
  return name.starts_with("CAP_") ? name.substr(4) : name;
}

Expected<std::vector<std::string>> judge_capabilities(const DockerConfig& docker) {
  std::vector<std::string> added;
  const auto is_dropped = [&docker](std::string_view wanted) {
    return std::any_of(docker.cap_drop.begin(), docker.cap_drop.end(), [&](const auto& name) {
      return without_prefix(name) == "ALL" || without_prefix(name) == wanted;
    });
  };
  for (const std::string_view name : default_capabilities) {
    if (!is_dropped(name)) {
      added.emplace_back(name);
    }
  }
  for (const std::string& text : docker.cap_add) {
    const std::string_view name = without_prefix(text);
    if (!is_one_of(harmless_capabilities, name)) {
      return Error::from_denial(
          never("cap_add", text,
                fmt::format("it reaches beyond the container; what can be added is {}",
                            fmt::join(harmless_capabilities, ", "))));
    }
    if (std::find(added.begin(), added.end(), name) == added.end()) {
      added.emplace_back(name);
    }
  }
  return added;
}

Expected<std::vector<std::string>> judge_security_options(const DockerConfig& docker) {
  std::vector<std::string> options;
  for (const std::string& text : docker.security_opt) {
    const std::size_t split = text.find_first_of("=:");
    const std::string_view name = std::string_view(text).substr(0, split);
    const std::string_view value =
        split == std::string::npos ? std::string_view() : std::string_view(text).substr(split + 1);
    if (name == "no-new-privileges") {
      if (!value.empty() && value != "true") {
        return Error::from_denial(never("security_opt", text,
                                        "setuid programs could gain privileges; write "
                                        "no_new_privileges: false, where lint sees it"));
      }
      continue;  // a field of its own
    }
    if (name == "seccomp" && value == "builtin") {
      continue;  // the default
    }
    const bool names_profile =
        name == "apparmor" && !value.empty() && value != "unconfined" &&
        std::all_of(value.begin(), value.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
        });
    const bool names_level = name == "label" && value.starts_with("level:");
    if (!names_profile && !names_level) {
      return Error::from_denial(
          never("security_opt", text,
                "it could take away the engine's own confinement; what can be written is "
                "no-new-privileges, apparmor=PROFILE and label=level:LEVEL"));
    }
    options.push_back(text);
  }
  return options;
}

bool allows_every_host(const CompiledPolicy& policy) {
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    const auto& rules = layer->config().allowed_hosts;
    if (std::none_of(rules.begin(), rules.end(), [](const HostRule& rule) {
          return rule.host == "*" && rule.methods.empty();
        })) {
      return false;
    }
  }
  return true;
}

Expected<NetworkMode> judge_network(const CompiledPolicy& policy, NetworkMode wanted) {
  if (wanted == NetworkMode::none) {
    return wanted;
  }
  const std::string resource = fmt::format("network {}", to_string(wanted));
  if (auto denial = policy.missing(Capability::net_http, resource)) {
    return Error::from_denial(*std::move(denial));
  }
  if (wanted == NetworkMode::host && !allows_every_host(policy)) {
    return Error::from_denial(
        {.capability = Capability::net_http,
         .resource = resource,
         .rule = "docker.network_mode host",
         .reason = "no list of hosts can be enforced in the network of the machine itself",
         .remedy = "network_mode: bridge, where allowed_hosts holds; or allowed_hosts: [\"*\"]"});
  }
  return wanted;
}

Expected<void> check_image(std::string_view image) {
  if (image.empty()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "no image is named; write docker.image in the policy file, or --image");
  }
  const auto is_allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("._-/:@").find(c) != std::string_view::npos;
  };
  if (image.size() > max_image_name_bytes || !std::all_of(image.begin(), image.end(), is_allowed) ||
      std::isalnum(static_cast<unsigned char>(image.front())) == 0) {
    return base::make_error(ErrorKind::invalid_argument,
                            "docker.image: {} is no name of an image; write name:tag or "
                            "name@sha256:digest",
                            base::printable(image, 100));
  }
  return {};
}

Expected<void> check_user(std::string_view user) {
  const auto is_allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("._-:").find(c) != std::string_view::npos;
  };
  if (user.empty() || user.size() > max_user_bytes ||
      !std::all_of(user.begin(), user.end(), is_allowed) || user.front() == ':' ||
      user.front() == '-') {
    return base::make_error(ErrorKind::invalid_argument,
                            "docker.user: {} is no user; write \"1000:1000\" or a name of the "
                            "image's own",
                            base::printable(user, 100));
  }
  return {};
}

std::uint64_t memory_limit_of(const CompiledPolicy& policy, const DockerConfig& docker,
                              const ContainerBounds& bounds) {
  const Limits& limits = policy.limits();
  const std::uint64_t policy_limit = limits.memory_limit(default_container_memory_bytes);
  std::uint64_t memory = policy_limit;
  if (docker.memory_limit) {
    const bool is_bounded = limits.memory_limit_bytes || limits.base_has_default_memory;
    memory = is_bounded ? std::min(*docker.memory_limit, policy_limit) : *docker.memory_limit;
  }
  return std::min(memory, bounds.memory_bytes.value_or(memory));
}

}  // namespace

Expected<ContainerGrant> judge_container(const CompiledPolicy& policy, const DockerConfig& docker,
                                         const ContainerBounds& bounds) {
  TRY(check_image(docker.image));
  TRY(check_user(docker.user));
  if (!is_one_of(known_runtimes, docker.runtime)) {
    return Error::from_denial(
        never("runtime", docker.runtime,
              fmt::format("the engine may take another name for a program to run as root; known "
                          "are {}",
                          fmt::join(known_runtimes.begin() + 1, known_runtimes.end(), ", "))));
  }
  ContainerGrant grant;
  grant.image = docker.image;
  grant.network = TRY(judge_network(policy, docker.network_mode));
  if (!bounds.allows_network) {
    grant.network = NetworkMode::none;
  }
  grant.added_capabilities = TRY(judge_capabilities(docker));
  grant.security_options = TRY(judge_security_options(docker));
  TRY(judge_mounts(policy, docker.mounts, grant.mounts, grant.masks));
  grant.has_read_only_root = docker.read_only_rootfs;
  grant.has_no_new_privileges = docker.no_new_privileges;
  grant.memory_bytes = memory_limit_of(policy, docker, bounds);
  if (docker.cpu_quota < 1'000 || docker.pids_limit < 1) {
    return base::make_error(ErrorKind::invalid_argument,
                            "docker.cpu_quota is at least 1000 µs and docker.pids_limit at least "
                            "1: without them a container could take the whole machine");
  }
  const Limits& limits = policy.limits();
  grant.cpu_quota_us = docker.cpu_quota;
  grant.max_processes = static_cast<std::uint32_t>(
      std::min<std::int64_t>(docker.pids_limit, std::int64_t{limits.max_processes}));
  grant.max_open_files = limits.max_open_files;
  grant.max_file_bytes = limits.largest_file_bytes();
  grant.user = docker.user;
  grant.runtime = docker.runtime == "kata" ? "kata-runtime" : docker.runtime;
  return grant;
}

tl::expected<ContainerCommand, Denial> judge_container_command(const CompiledPolicy& policy,
                                                               std::string_view command,
                                                               std::span<const std::string> args) {
  if (auto denial = policy.missing(Capability::exec_run, command)) {
    return tl::unexpected(*std::move(denial));
  }
  ContainerCommand answer;
  const auto narrow = [](auto& limit, const auto& other) {
    if (other && (!limit || *other < *limit)) {
      limit = *other;
    }
  };
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    const auto judged = layer->commands().judge_by_name(command, args);
    if (!judged.allowed) {
      return tl::unexpected(Denial{.capability = Capability::exec_run,
                                   .resource = std::string(command),
                                   .rule = std::string(judged.rule),
                                   .reason = judged.reason,
                                   .remedy = command_remedy(judged, command, args)});
    }
    const CommandRule& options = *judged.options;
    if (layer == &policy) {
      answer.rule = judged.rule;
      answer.environment = layer->config().environment;
      for (const auto& [name, value] : options.environment) {
        answer.environment[name] = value;
      }
      answer.working_dir = options.working_dir;
    }
    narrow(answer.timeout, options.timeout);
    if (options.memory_limit_mb) {
      narrow(answer.bounds.memory_bytes, std::optional(*options.memory_limit_mb * mebibyte));
    }
    answer.bounds.allows_network = answer.bounds.allows_network && options.network;
  }
  return answer;
}

Expected<std::string> judge_container_folder(std::string_view folder) {
  const PathText text = TRY(parse_path(folder));
  if (text.has_parent_steps) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{}: a working folder is written without \"..\"",
                            base::printable(folder, 200));
  }
  // /dev/fd is a link to /proc/self/fd.
  if (is_at_or_beneath(text.path, "/proc") || is_at_or_beneath(text.path, "/dev/fd")) {
    return Error::from_denial(
        never("working_dir", folder, "files of other processes could be reached from there"));
  }
  return text.path;
}

Expected<std::string> judge_container_path(std::string_view path) {
  const PathText text = TRY(parse_path(path));
  if (text.has_parent_steps) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{}: a path inside a container is written without \"..\"",
                            base::printable(path, 200));
  }
  for (const std::string_view kernel : {"/proc", "/sys", "/dev", "/.omnisandbox"}) {
    if (is_at_or_beneath(text.path, kernel)) {
      return Error::from_denial(
          never("copy", path, "what stands there are no files of the image's"));
    }
  }
  return text.path;
}

}  // namespace omnisandbox::policy
