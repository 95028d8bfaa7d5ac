#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "policy/lint.h"

namespace omnisandbox::policy {
namespace {

// Capabilities that are a way out of the container, or to its neighbours.
constexpr std::string_view powerful_capabilities[] = {"ALL",
                                                      "SYS_ADMIN",
                                                      "SYS_PTRACE",
                                                      "SYS_MODULE",
                                                      "SYS_RAWIO",
                                                      "SYS_BOOT",
                                                      "SYS_TIME",
                                                      "DAC_READ_SEARCH",
                                                      "DAC_OVERRIDE",
                                                      "NET_ADMIN",
                                                      "NET_RAW",
                                                      "MKNOD",
                                                      "SYS_CHROOT",
                                                      "BPF",
                                                      "PERFMON",
                                                      "SYSLOG",
                                                      "SETUID",
                                                      "SETGID",
                                                      "SETFCAP",
                                                      "SETPCAP",
                                                      "MAC_ADMIN",
                                                      "MAC_OVERRIDE",
                                                      "CHECKPOINT_RESTORE",
                                                      "AUDIT_CONTROL"};

std::string_view without_prefix(std::string_view name) {
  return name.starts_with("CAP_") ? name.substr(4) : name;
}

bool is_root(std::string_view user) {
  const std::string_view name = user.substr(0, user.find(':'));
  return name.empty() || name == "root" || name.find_first_not_of('0') == std::string_view::npos;
}

void lint_image(const DockerConfig& docker, std::vector<PolicyWarning>& warnings) {
  if (docker.image.empty() || docker.image.find('@') != std::string::npos) {
    return;
  }
  const std::string name = base::printable(docker.image, 100);
  const std::size_t slash = docker.image.rfind('/');
  const std::size_t colon = docker.image.find(':', slash == std::string::npos ? 0 : slash);
  const bool floats = colon == std::string::npos || docker.image.substr(colon) == ":latest";
  warnings.push_back(
      {.where = "docker.image",
       .message = fmt::format("{}: {}", name,
                              floats ? "the image is another one whenever its owner publishes"
                                     : "a tag can be moved to another image"),
       .advice = "write the digest: name@sha256:…"});
}

void lint_mounts(const DockerConfig& docker, const Config& config,
                 std::vector<PolicyWarning>& warnings) {
  for (std::size_t index = 0; index < docker.mounts.size(); ++index) {
    const DockerMount& mount = docker.mounts[index];
    const std::string where = fmt::format("docker.mounts[{}]", index);
    const std::string name = base::printable(mount.host_path, 100);
    auto hazard = hazard_of_path(mount.host_path, HazardOf::reading);
    if (!hazard && !mount.read_only) {
      hazard = hazard_of_path(mount.host_path, HazardOf::writing);
    }
    if (hazard) {
      warnings.push_back({.where = where,
                          .message = fmt::format("{}: {}", name, hazard->message),
                          .advice = hazard->advice});
    }
    if (!mount.read_only && !grants(config, Capability::fs_write)) {
      warnings.push_back(
          {.where = where,
           .message = fmt::format(
               "{}: it is mounted for writing, but fs_write is not granted, so that it is refused",
               name),
           .advice = "write read_only: true, or add fs_write to capabilities"});
    }
  }
}

}  // namespace

void lint_docker(const DockerConfig& docker, const Config& config,
                 std::vector<PolicyWarning>& warnings) {
  lint_image(docker, warnings);
  if (docker.network_mode == NetworkMode::host) {
    warnings.push_back({.where = "docker.network_mode",
                        .message = "the container shares the network of the machine: no list of "
                                   "hosts holds there, and every local service is open",
                        .advice = "write network_mode: bridge, where allowed_hosts is enforced"});
  } else if (docker.network_mode == NetworkMode::bridge && !grants(config, Capability::net_http)) {
    warnings.push_back(
        {.where = "docker.network_mode",
         .message = "a network is asked for, but net_http is not granted, so that it is refused",
         .advice = "write network_mode: none, or add net_http to capabilities"});
  }
  for (const std::string& capability : docker.cap_add) {
    const bool powerful =
        std::find(std::begin(powerful_capabilities), std::end(powerful_capabilities),
                  without_prefix(capability)) != std::end(powerful_capabilities);
    warnings.push_back({.where = "docker.cap_add",
                        .message = fmt::format("{} {}", base::printable(capability, 64),
                                               powerful ? "is a way out of the container"
                                                        : "gives the container a power of root"),
                        .advice = "leave cap_add out; hardly any tool needs one"});
  }
  const bool drops_all =
      std::any_of(docker.cap_drop.begin(), docker.cap_drop.end(),
                  [](const std::string& name) { return without_prefix(name) == "ALL"; });
  if (!drops_all) {
    warnings.push_back({.where = "docker.cap_drop",
                        .message = "the container keeps Linux capabilities of root",
                        .advice = "leave cap_drop out: its default is [ALL]"});
  }
  if (!docker.read_only_rootfs) {
    warnings.push_back({.where = "docker.read_only_rootfs",
                        .message = "the container can change its own programs",
                        .advice = "leave it out, and mount a folder for what is written"});
  }
  if (!docker.no_new_privileges) {
    warnings.push_back(
        {.where = "docker.no_new_privileges",
         .message = "setuid programs of the image gain the rights of root in the container",
         .advice = "leave it out: its default is true"});
  }
  if (is_root(docker.user)) {
    warnings.push_back({.where = "docker.user",
                        .message = "the command runs as root in the container",
                        .advice = "leave it out, or write another user, such as \"1000:1000\""});
  }
  for (const std::string& option : docker.security_opt) {
    if (option.find("unconfined") != std::string::npos ||
        option.find("disable") != std::string::npos) {
      warnings.push_back(
          {.where = "docker.security_opt",
           .message = fmt::format("{} switches a protection off", base::printable(option, 64)),
           .advice = "take it out"});
    }
  }
  lint_mounts(docker, config, warnings);
  lint_environment(docker.env, "docker.env", warnings);
}

}  // namespace omnisandbox::policy
