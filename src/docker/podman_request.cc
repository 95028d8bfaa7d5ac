#include "docker/podman_request.h"

#include <string_view>

#include "docker/json_access.h"
#include "docker/text_list.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

json name_space(std::string_view mode) { return {{"nsmode", mode}}; }

json rlimit(std::string_view name, const json& soft, const json& hard) {
  return {{"type", name}, {"soft", soft}, {"hard", hard}};
}

json mounts_of(const json& host) {
  json mounts = json::array();
  for (const json& mount : member(host, "Mounts")) {
    mounts.push_back(
        {{"type", "bind"},
         {"source", member(mount, "Source")},
         {"destination", member(mount, "Target")},
         {"options", {"bind", member(mount, "ReadOnly") == true ? "ro" : "rw", "rprivate"}}});
  }
  for (const auto& [path, options] : member(host, "Tmpfs").items()) {
    // Else what the image has there is copied into it, also what is to be hidden.
    json list = {"rprivate", "notmpcopyup"};
    for (const std::string& option : split_text(plain_text(options), ',')) {
      list.push_back(option);
    }
    mounts.push_back(
        {{"type", "tmpfs"}, {"source", "tmpfs"}, {"destination", path}, {"options", list}});
  }
  return mounts;
}

void add_security(json& request, const json& options) {
  for (const json& option : options) {
    const std::string text = plain_text(option);
    const std::size_t split = text.find_first_of("=:");
    const std::string name = text.substr(0, split);
    const std::string value = split == std::string::npos ? "" : text.substr(split + 1);
    if (name == "no-new-privileges") {
      request["no_new_privileges"] = true;
    } else if (name == "apparmor") {
      request["apparmor_profile"] = value;
    } else if (name == "label") {
      request["selinux_opts"].push_back(value);
    }
    // Any other one is missing when the container is read back.
  }
}

}  // namespace

json podman_request(const std::string& name, const json& asked) {
  const json& host = member(asked, "HostConfig");
  const bool has_network = member(host, "NetworkMode") == "host";
  json limits = json::array({rlimit("nproc", podman_user_processes, podman_user_processes)});
  for (const json& limit : member(host, "Ulimits")) {
    limits.push_back(rlimit(text_in(limit, "Name"), member(limit, "Soft"), member(limit, "Hard")));
  }
  json request = {
      {"name", name},
      {"image", member(asked, "Image")},
      {"image_volume_mode", "ignore"},  // each has a tree in memory
      {"entrypoint", member(asked, "Entrypoint")},
      {"command", member(asked, "Cmd")},
      {"user", member(asked, "User")},
      {"work_dir", member(asked, "WorkingDir")},
      {"terminal", false},
      {"stdin", true},
      {"httpproxy", false},
      {"labels", member(asked, "Labels")},
      {"healthconfig", member(asked, "Healthcheck")},
      {"systemd", "false"},
      {"stop_timeout", 0},
      {"restart_policy", "no"},
      {"remove", false},
      {"privileged", false},
      {"netns", name_space(has_network ? "host" : "none")},
      {"ipcns", name_space("private")},
      {"pidns", name_space("private")},
      {"utsns", name_space("private")},
      {"cgroupns", name_space("private")},
      // The machine's names and resolvers are none of theirs who have no network.
      {"use_image_hosts", !has_network},
      {"use_image_resolve_conf", !has_network},
      {"read_only_filesystem", member(host, "ReadonlyRootfs")},
      {"cap_drop", member(host, "CapDrop")},
      {"shm_size", member(host, "ShmSize")},
      {"r_limits", limits},
      {"resource_limits",
       {{"memory", {{"limit", member(host, "Memory")}, {"swap", member(host, "MemorySwap")}}},
        {"cpu", {{"period", member(host, "CpuPeriod")}, {"quota", member(host, "CpuQuota")}}},
        {"pids", {{"limit", member(host, "PidsLimit")}}}}},
      {"log_configuration", {{"driver", "none"}}},
      {"mounts", mounts_of(host)}};
  if (!has_network) {
    request["hostname"] = member(asked, "Hostname");
  }
  if (const json& added = member(host, "CapAdd"); !added.is_null()) {
    request["cap_add"] = added;
  }
  if (const json& runtime = member(host, "Runtime"); !runtime.is_null()) {
    request["oci_runtime"] = runtime;
  }
  add_security(request, member(host, "SecurityOpt"));
  return request;
}

}  // namespace omnisandbox::docker
