#include "docker/podman_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "docker/json_access.h"
#include "docker/podman_request.h"
#include "docker/text_list.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::string_view limit_prefix = "RLIMIT_";
constexpr std::string_view id_prefix = "sha256:";

using Options = std::set<std::string, std::less<>>;

/// What a mount of these options is beyond a bind; nothing where it is none, or not private.
bool are_options_as_asked(Options options, bool is_read_only) {
  // A source's own flags can be repeated; they only take rights away.
  for (const char* harmless : {"nosuid", "nodev", "noexec"}) {
    options.erase(harmless);
  }
  return options == Options{"bind", is_read_only ? "ro" : "rw", "rprivate"};
}

Options options_of(std::string_view text) {
  const std::vector<std::string> parts = split_text(text, ',');
  return {parts.begin(), parts.end()};
}

/// As in "Mounts", where the commonest options have fields of their own.
bool is_the_mount(const json& told, const json& asked) {
  Options options = {text_in(told, "Propagation"), member(told, "RW") == true ? "rw" : "ro"};
  for (const json& option : member(told, "Options")) {
    options.insert(plain_text(option));
  }
  return member(told, "Type") == "bind" && member(told, "Source") == member(asked, "Source") &&
         member(told, "Destination") == member(asked, "Target") && text_in(told, "Mode").empty() &&
         text_in(told, "SubPath").empty() &&
         are_options_as_asked(std::move(options), member(asked, "ReadOnly") == true);
}

/// As in "Binds": "/source:/target:ro,rprivate,bind".
bool is_the_bind(const json& told, const json& asked) {
  const std::string text = plain_text(told);
  const std::string beginning = text_in(asked, "Source") + ":" + text_in(asked, "Target") + ":";
  return text.starts_with(beginning) &&
         are_options_as_asked(options_of(std::string_view(text).substr(beginning.size())),
                              member(asked, "ReadOnly") == true);
}

/// Each one told is one of those asked for, and each of these is told once.
Expected<void> match_mounts(std::string_view field, const json& told, const json& asked,
                            const std::function<bool(const json&, const json&)>& is_same) {
  std::vector<bool> is_found(asked.size(), false);
  for (const json& mount : told) {
    std::size_t index = 0;
    while (index < asked.size() && (is_found[index] || !is_same(mount, asked[index]))) {
      ++index;
    }
    if (index == asked.size()) {
      return never_allowed(field, mount, "it is not one of the mounts that were asked for");
    }
    is_found[index] = true;
  }
  const auto missing = std::find(is_found.begin(), is_found.end(), false);
  if (missing != is_found.end()) {
    return another_than_asked(field, asked[static_cast<std::size_t>(missing - is_found.begin())],
                              told);
  }
  return {};
}

Expected<void> translate_mounts(const json& asked, json& told, json& host) {
  static const json none = json::array();
  const json& wanted = member(member(asked, "HostConfig"), "Mounts");
  const json& mounts = wanted.is_array() ? wanted : none;
  TRY(match_mounts("Mounts", member(told, "Mounts"), mounts, is_the_mount));
  TRY(match_mounts("Binds", member(host, "Binds"), mounts, is_the_bind));
  told["Mounts"] = none;
  host["Binds"] = none;
  host["Mounts"] = mounts;
  return {};
}

Expected<void> translate_trees(const json& asked, json& host) {
  const json& wanted = member(member(asked, "HostConfig"), "Tmpfs");
  for (auto& [path, told] : host["Tmpfs"].items()) {
    const json& options = member(wanted, path);
    if (options.is_null()) {
      return never_allowed("Tmpfs", path, "it could be written, and was not asked for");
    }
    Options expected = options_of(plain_text(options));
    expected.insert("rprivate");
    if (options_of(plain_text(told)) != expected) {
      return another_than_asked("Tmpfs", options, told);
    }
    told = options;
  }
  return {};
}

void translate_limits(json& host) {
  json limits = json::array();
  for (const json& limit : member(host, "Ulimits")) {
    std::string name = text_in(limit, "Name");
    if (name.starts_with(limit_prefix)) {
      name.erase(0, limit_prefix.size());
    }
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name == "nproc" && member(limit, "Soft") == podman_user_processes &&
        member(limit, "Hard") == podman_user_processes) {
      continue;  // podman_request asks for it
    }
    limits.push_back(
        {{"Name", name}, {"Soft", member(limit, "Soft")}, {"Hard", member(limit, "Hard")}});
  }
  host["Ulimits"] = limits;
}

/// Podman tells "dropped" as the difference to a list of its own. What is left is told as well.
Expected<void> translate_capabilities(const json& told, json& host) {
  json left = json::array();
  for (const char* field : {"BoundingCaps", "EffectiveCaps"}) {
    const json& names = member(told, field);
    if (!told.contains(field) || !(names.is_null() || names.is_array())) {
      return base::make_error(ErrorKind::unavailable,
                              "Podman does not tell the {} of its container, so that it was not "
                              "used",
                              field);
    }
    for (const json& name : names) {
      left.push_back(name);
    }
  }
  host["CapAdd"] = left;
  host["CapDrop"] = json::array({"ALL"});
  return {};
}

void translate_names(const json& asked, const json& told, json& host) {
  for (const char* own : {"PidMode", "UTSMode"}) {
    if (member(host, own) == "private") {
      host[own] = "";
    }
  }
  // Also said of what nobody else can join.
  if (member(host, "IpcMode") == "shareable") {
    host["IpcMode"] = "private";
  }
  host["CgroupnsMode"] = member(host, "CgroupMode");
  if (member(asked, "HostConfig").contains("Runtime")) {
    host["Runtime"] = member(told, "OCIRuntime");
  }
}

void translate_config(const json& asked, json& config) {
  if (config["Entrypoint"].is_string()) {
    config["Entrypoint"] = json::array({config["Entrypoint"]});  // one word: ours has no blank
  }
  // Podman has no such settings. Its monitor closes the input when the one client that is attached
  // is gone, and tells no other attached one.
  config["StdinOnce"] = member(config, "OpenStdin");
  for (const char* field : {"AttachStdin", "AttachStdout", "AttachStderr"}) {
    config[field] = member(asked, field);
  }
}

void translate_options(const json& asked, json& host) {
  // Podman has but one spelling of "name:value".
  for (json& told : host["SecurityOpt"]) {
    std::string text = plain_text(told);
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      text[equals] = ':';
      for (const json& option : member(member(asked, "HostConfig"), "SecurityOpt")) {
        if (option == text) {
          told = text;
        }
      }
    }
  }
}

/// What Podman has, and Docker has not, and what nobody asks for.
Expected<void> check_extras(const json& told, const json& host, const json& config) {
  struct Extra {
    const json& place;
    std::string_view field;
    std::string_view reason;
  };
  const std::array extras = {
      Extra{told, "Rootfs", "a folder of the host would be the container's root"},
      Extra{told, "Pod", "the namespaces of other containers would be shared"},
      Extra{told, "Dependencies", "the namespaces of other containers would be shared"},
      Extra{config, "Secrets", "secrets of the host would be seen"},
      Extra{config, "ChrootDirs", "the engine would write to folders of the container"},
      Extra{host, "CgroupConf", "other limits would hold than those that were asked for"}};
  for (const Extra& extra : extras) {
    if (const json& value = member(extra.place, extra.field); !is_nothing(value)) {
      return never_allowed(extra.field, value, std::string(extra.reason));
    }
  }
  for (const auto& [place, field] :
       {std::pair<const json&, const char*>{host, "Init"}, {config, "SystemdMode"}}) {
    if (const json& value = member(place, field); !value.is_null() && value != false) {
      return never_allowed(field, value, "another program would run first in the container");
    }
  }
  const json& groups = member(host, "Cgroups");
  if (groups != "default" && groups != "enabled") {
    return never_allowed("Cgroups", groups, "no limit would hold");
  }
  return {};
}

}  // namespace

Expected<ContainerWeakness> check_podman_container(const json& asked, const json& inspected) {
  json told = inspected;
  json host = member(inspected, "HostConfig");
  json config = member(inspected, "Config");
  const auto is_object_or_absent = [&host](const char* key) {
    return member(host, key).is_object() || member(host, key).is_null();
  };
  if (!host.is_object() || !config.is_object() || !is_object_or_absent("Tmpfs") ||
      !(member(host, "SecurityOpt").is_array() || member(host, "SecurityOpt").is_null())) {
    return base::make_error(ErrorKind::io, "Podman does not describe the container");
  }
  TRY(check_extras(told, host, config));
  TRY(translate_mounts(asked, told, host));
  TRY(translate_trees(asked, host));
  TRY(translate_capabilities(told, host));
  translate_limits(host);
  translate_names(asked, told, host);
  translate_options(asked, host);
  translate_config(asked, config);
  if (const std::string id = text_in(told, "Image"); !id.starts_with(id_prefix)) {
    told["Image"] = std::string(id_prefix) + id;
  }
  told["HostConfig"] = std::move(host);
  told["Config"] = std::move(config);
  // No word of capabilities asks for none; Docker adds none, but containers.conf can.
  json complete = asked;
  if (json& wanted = complete["HostConfig"]; wanted.is_object() && !wanted.contains("CapAdd")) {
    wanted["CapAdd"] = json::array();
  }
  return check_container(complete, told);
}

}  // namespace omnisandbox::docker
