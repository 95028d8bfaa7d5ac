#include "docker/container_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/try.h"
#include "docker/json_access.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t max_shown_bytes = 200;
constexpr std::size_t max_depth = 16;

std::string shown(const json& value) {
  return base::printable(value.dump(-1, ' ', true, json::error_handler_t::replace),
                         max_shown_bytes);
}

bool is_false_or_absent(const json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>());
}

std::string without_prefix(const json& name) {
  const std::string text = name.is_string() ? name.get<std::string>() : name.dump();
  return text.starts_with("CAP_") ? text.substr(4) : text;
}

std::set<std::string> names_of(const json& list) {
  std::set<std::string> names;
  for (const json& name : list) {
    names.insert(without_prefix(name));
  }
  return names;
}

/// Everything that `asked` says stands in `got` as well.
bool covers(const json& got, const json& asked, std::size_t depth = 0) {
  if (depth > max_depth) {
    return false;
  }
  if (asked.is_object()) {
    return (is_nothing(asked) && is_nothing(got)) ||
           (got.is_object() &&
            std::all_of(asked.items().begin(), asked.items().end(), [&](const auto& item) {
              return covers(member(got, item.key()), item.value(), depth + 1);
            }));
  }
  if (asked.is_array()) {
    if (is_nothing(asked) && is_nothing(got)) {
      return true;
    }
    if (!got.is_array() || got.size() != asked.size()) {
      return false;
    }
    // Some lists come back in another order.
    return std::all_of(asked.begin(), asked.end(), [&](const json& entry) {
      return std::any_of(got.begin(), got.end(),
                         [&](const json& other) { return covers(other, entry, depth + 1); });
    });
  }
  return got == asked || (is_nothing(asked) && is_nothing(got)) ||
         (asked.is_boolean() && !asked.get<bool>() && got.is_null());
}

/// Fields that must be absent or empty, with what they would do.
struct ForbiddenField {
  std::string_view name;
  std::string_view reason;
};
constexpr std::array forbidden_fields = {
    ForbiddenField{"Binds", "folders of the host would be seen that were not judged"},
    ForbiddenField{"VolumesFrom", "another container's folders would be seen"},
    ForbiddenField{"Devices", "devices of the host would be open"},
    ForbiddenField{"DeviceRequests", "devices of the host would be open"},
    ForbiddenField{"DeviceCgroupRules", "devices of the host would be open"},
    ForbiddenField{"CgroupParent", "the limits of another control group would hold"},
    ForbiddenField{"PidMode", "processes outside would be seen"},
    ForbiddenField{"UTSMode", "the host's name could be changed"},
    ForbiddenField{"UsernsMode", "root inside could be root outside"},
    ForbiddenField{"Sysctls", "settings of the kernel would change"},
    ForbiddenField{"Links", "other containers would be reached"},
    ForbiddenField{"PortBindings", "ports of the host would lead inside"},
    ForbiddenField{"GroupAdd", "the groups of the host's files would be had"},
    ForbiddenField{"VolumeDriver", "a program of the host would serve the files"},
    ForbiddenField{"ContainerIDFile", "a file of the host would be written"},
    ForbiddenField{"ExtraHosts", "names would lead where the policy did not look"},
};

Expected<void> check_namespaces(const json& host) {
  const json& ipc = member(host, "IpcMode");
  if (!is_nothing(ipc) && ipc != "private" && ipc != "none" && ipc != "shareable") {
    return never_allowed("IpcMode", ipc, "shared memory outside would be open");
  }
  const json& cgroup = member(host, "CgroupnsMode");
  if (!is_nothing(cgroup) && cgroup != "private") {
    return never_allowed("CgroupnsMode", cgroup, "the control groups of the host would be seen");
  }
  const json& network = member(host, "NetworkMode");
  if (network != "none" && network != "host") {
    return never_allowed("NetworkMode", network,
                         "what leaves through it passes no proxy, so that no list of hosts holds");
  }
  return {};
}

Expected<void> check_walls(const json& host) {
  for (const json& option : member(host, "SecurityOpt")) {
    const std::string text = option.is_string() ? option.get<std::string>() : option.dump();
    if (text.find("unconfined") != std::string::npos || text.starts_with("seccomp") ||
        text.find("disable") != std::string::npos || text.find("false") != std::string::npos) {
      return never_allowed("SecurityOpt", option, "it takes the engine's own confinement away");
    }
  }
  for (const std::string_view field : {"MaskedPaths", "ReadonlyPaths"}) {
    // Engines before 20.10 and Podman do not say.
    if (const json& paths = member(host, field); host.contains(field) && is_nothing(paths)) {
      return never_allowed(field, paths, "the kernel's own files in /proc and /sys would be open");
    }
  }
  static const std::set<std::string> harmless = {
      "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE", "FOWNER",           "FSETID",
      "KILL",        "SETGID", "SETUID",       "NET_BIND_SERVICE", "SYS_NICE"};
  for (const std::string& name : names_of(member(host, "CapAdd"))) {
    if (!harmless.contains(name)) {
      return never_allowed("CapAdd", name, "it reaches beyond the container");
    }
  }
  if (!names_of(member(host, "CapDrop")).contains("ALL")) {
    return never_allowed("CapDrop", member(host, "CapDrop"), "capabilities of root would be left");
  }
  return {};
}

/// What the engine mounts: only binds that were asked for, and trees in memory.
Expected<void> check_mounts(const json& asked, const json& inspected) {
  for (const json& mount : member(inspected, "Mounts")) {
    const json& type = member(mount, "Type");
    if (type == "tmpfs") {
      continue;
    }
    const json& wanted = member(member(asked, "HostConfig"), "Mounts");
    const auto found = std::find_if(wanted.begin(), wanted.end(), [&mount](const json& entry) {
      return member(entry, "Target") == member(mount, "Destination") &&
             member(entry, "Source") == member(mount, "Source");
    });
    if (type != "bind" || found == wanted.end()) {
      return never_allowed("Mounts", mount, "nobody judged it");
    }
    const bool is_writable = member(mount, "RW").is_boolean() && member(mount, "RW").get<bool>();
    if (is_writable && member(*found, "ReadOnly") == true) {
      return another_than_asked("Mounts", *found, mount);
    }
  }
  for (const json& mount : member(member(inspected, "HostConfig"), "Mounts")) {
    if (member(mount, "Type") != "bind" && member(mount, "Type") != "tmpfs") {
      return never_allowed("Mounts", mount,
                           "a volume outlives the container, and a driver's options "
                           "(o=bind) can lead anywhere");
    }
  }
  return {};
}

Expected<void> check_forbidden(const json& inspected) {
  const json& host = member(inspected, "HostConfig");
  if (!host.is_object()) {
    return base::make_error(ErrorKind::io, "the engine does not describe the container");
  }
  for (const ForbiddenField& field : forbidden_fields) {
    if (const json& value = member(host, field.name); !is_nothing(value)) {
      return never_allowed(field.name, value, std::string(field.reason));
    }
  }
  for (const std::string_view field : {"Privileged", "OomKillDisable", "PublishAllPorts"}) {
    if (!is_false_or_absent(member(host, field))) {
      return never_allowed(field, member(host, field), "it gives the machine away");
    }
  }
  TRY(check_namespaces(host));
  TRY(check_walls(host));
  const json& folder = member(member(inspected, "Config"), "WorkingDir");
  if (folder.is_string() && folder.get<std::string>().starts_with("/proc")) {
    return never_allowed("WorkingDir", folder,
                         "a folder of another process could be reached (CVE-2024-21626)");
  }
  return {};
}

}  // namespace

bool is_nothing(const json& value) {
  return value.is_null() ||
         ((value.is_array() || value.is_object() || value.is_string()) &&
          (value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty()));
}

Error another_than_asked(std::string_view field, const json& asked, const json& got) {
  return base::make_error(ErrorKind::unavailable,
                          "the engine made another container than the one asked for, so that it "
                          "was not used: {} is {}, "
                          "and {} was asked for; see what `omnisandbox doctor` says of the engine",
                          field, shown(got), shown(asked));
}

Error never_allowed(std::string_view field, const json& got, std::string reason) {
  return Error::from_denial({.capability = Capability::exec_run,
                             .resource = fmt::format("{} {}", field, shown(got)),
                             .rule = fmt::format("{} is always refused", field),
                             .reason = std::move(reason),
                             .remedy = {}});
}

Expected<ContainerWeakness> check_container(const json& asked, const json& inspected) {
  TRY(check_forbidden(inspected));
  TRY(check_mounts(asked, inspected));
  ContainerWeakness weakness;
  for (const auto& [key, value] : member(asked, "HostConfig").items()) {
    const json& got = member(member(inspected, "HostConfig"), key);
    if (key == "CapDrop" || key == "CapAdd") {
      if (names_of(got) != names_of(value)) {
        return another_than_asked(key, value, got);
      }
      continue;
    }
    if (covers(got, value)) {
      continue;
    }
    // A kernel that does not account for swap: the engine says -1. Memory itself is bounded.
    if (key == "MemorySwap" && got == -1) {
      weakness.layers.emplace_back("swap is not limited (weaker: the kernel does not count it)");
      continue;
    }
    return another_than_asked("HostConfig." + key, value, got);
  }
  for (const auto& [key, value] : asked.items()) {
    if (key == "HostConfig") {
      continue;
    }
    const json& got =
        key == "Image" ? member(inspected, "Image") : member(member(inspected, "Config"), key);
    if (!covers(got, value)) {
      return another_than_asked(key, value, got);
    }
  }
  return weakness;
}

}  // namespace omnisandbox::docker
