#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "policy/lint.h"
#include "policy/path/built_in_secrets.h"
#include "policy/path/name_patterns.h"

namespace omnisandbox::policy {
namespace {

enum class Match : std::uint8_t {
  exactly,  // the path itself
  beneath,  // the path itself, and what is beneath
};

struct WidePath {
  std::string_view path;
  Match match;
  HazardOf use;  // reading: already when it is readable
  std::string_view message;
  std::string_view advice;
};

constexpr std::string_view one_folder = "list the one folder or file that the tool needs";
constexpr std::string_view read_only = "write access: read, or list a folder of the tool's own";
constexpr std::string_view take_out = "take it out";

constexpr WidePath wide_paths[] = {
    {"/", Match::exactly, HazardOf::reading, "the whole file system is open", one_folder},
    {"/root", Match::exactly, HazardOf::reading, "the home folder of root is open", one_folder},
    {"/home", Match::exactly, HazardOf::reading, "the home folders of all users are open",
     one_folder},
    {"/etc", Match::exactly, HazardOf::reading,
     "the whole configuration of the system is open, with its users and keys", one_folder},
    {"/proc", Match::beneath, HazardOf::reading,
     "all processes are visible there, with their arguments", take_out},
    {"/sys", Match::beneath, HazardOf::reading, "the kernel's settings and devices are there",
     take_out},
    {"/dev", Match::exactly, HazardOf::reading, "every device of the machine is there",
     "list the one device that is needed, such as /dev/null"},
    {"/var", Match::exactly, HazardOf::reading, "the data and logs of all services are there",
     one_folder},
    {"/var/lib", Match::exactly, HazardOf::reading, "the data of all services are there",
     one_folder},
    {"/var/log", Match::exactly, HazardOf::reading, "the logs of all services are there",
     one_folder},
    {"/run", Match::exactly, HazardOf::reading, "the sockets of all services are there", take_out},
    {"/var/run", Match::exactly, HazardOf::reading, "the sockets of all services are there",
     take_out},
    {"/run/user", Match::beneath, HazardOf::reading,
     "the sockets of users' sessions and key agents are there", take_out},
    {"/run/docker.sock", Match::exactly, HazardOf::reading,
     "who reaches this socket is root on the machine", take_out},
    {"/var/run/docker.sock", Match::exactly, HazardOf::reading,
     "who reaches this socket is root on the machine", take_out},
    {"/run/podman", Match::beneath, HazardOf::reading,
     "who reaches this socket commands the container engine", take_out},
    {"/run/containerd", Match::beneath, HazardOf::reading,
     "who reaches this socket is root on the machine", take_out},
    {"/run/crio", Match::beneath, HazardOf::reading,
     "who reaches this socket is root on the machine", take_out},
    {"/run/dbus", Match::beneath, HazardOf::reading,
     "who reaches this socket commands the system's services", take_out},
    {"/run/systemd", Match::beneath, HazardOf::reading,
     "who reaches these sockets commands the system's services", take_out},
    {"/var/lib/docker", Match::beneath, HazardOf::reading,
     "the file systems of all containers are there", take_out},
    {"/etc", Match::beneath, HazardOf::writing,
     "what the system's configuration says can be changed", read_only},
    {"/usr", Match::beneath, HazardOf::writing, "programs that others run can be changed",
     read_only},
    {"/bin", Match::beneath, HazardOf::writing, "programs that others run can be changed",
     read_only},
    {"/sbin", Match::beneath, HazardOf::writing, "programs that others run can be changed",
     read_only},
    {"/lib", Match::beneath, HazardOf::writing, "libraries that others load can be changed",
     read_only},
    {"/lib32", Match::beneath, HazardOf::writing, "libraries that others load can be changed",
     read_only},
    {"/lib64", Match::beneath, HazardOf::writing, "libraries that others load can be changed",
     read_only},
    {"/opt", Match::exactly, HazardOf::writing, "programs that others run can be changed",
     read_only},
    {"/boot", Match::beneath, HazardOf::writing, "what the machine starts with can be changed",
     take_out},
    {"/var/spool/cron", Match::beneath, HazardOf::writing,
     "what is written there is run as its user", take_out},
    {"/var/lib", Match::exactly, HazardOf::writing, "the data of all services can be changed",
     one_folder},
    {"/dev", Match::beneath, HazardOf::writing, "devices can be written",
     "list /dev/null alone, for nothing else is harmless"},
    {"/tmp", Match::exactly, HazardOf::writing,
     "the files of other programs and users are there too",
     "list a folder of the tool's own, such as /tmp/data"},
    {"/var/tmp", Match::exactly, HazardOf::writing,
     "the files of other programs and users are there too", "list a folder of the tool's own"},
    {"/dev/shm", Match::exactly, HazardOf::writing,
     "the shared memory of other programs is there too", "list a folder of the tool's own"},
};

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (!component.empty() && component != ".") {
      components.push_back(component);
    }
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return components;
}

std::string canonical_text(std::string_view path) {
  std::string result;
  for (const std::string_view component : components_of(path)) {
    result += "/";
    result += component;
  }
  return result.empty() ? "/" : result;
}

bool covers(const WidePath& wide, std::string_view path) {
  if (path == wide.path) {
    return true;
  }
  return wide.match == Match::beneath && path.size() > wide.path.size() &&
         path.starts_with(wide.path) && path[wide.path.size()] == '/';
}

// Whether the path names a built-in secret, or lies in one.
const BuiltInSecret* secret_at(std::string_view path) {
  struct Secret {
    const BuiltInSecret* secret;
    NamePattern pattern;
  };
  static const std::vector<Secret> secrets = [] {
    std::vector<Secret> result;
    for (const BuiltInSecret& secret : built_in_secrets()) {
      if (auto pattern = parse_name_pattern(secret.pattern)) {
        result.push_back({&secret, std::move(*pattern)});
      }
    }
    return result;
  }();
  const std::vector<std::string_view> components = components_of(path);
  const auto matches_at = [&](const NamePattern& pattern, std::size_t start) {
    return start + pattern.components.size() <= components.size() &&
           std::equal(pattern.components.begin(), pattern.components.end(),
                      components.begin() + static_cast<std::ptrdiff_t>(start),
                      [](const std::string& wanted, std::string_view name) {
                        return matches_wildcards(name, wanted);
                      });
  };
  const BuiltInSecret* found = nullptr;
  for (const auto& [secret, pattern] : secrets) {
    const std::size_t starts = pattern.from_root ? 1 : components.size();
    for (std::size_t start = 0; start < starts; ++start) {
      if (matches_at(pattern, start)) {
        if (secret->most == PathAccess::read_write) {
          return nullptr;  // an exception, such as .env.example
        }
        found = secret;
      }
    }
  }
  return found;
}

}  // namespace

std::optional<PathHazard> hazard_of_path(std::string_view written, HazardOf use) {
  if (written == "*") {
    return PathHazard{"every file of the machine is open", std::string(one_folder)};
  }
  const std::string path = canonical_text(written);
  const WidePath* widest = nullptr;
  for (const WidePath& wide : wide_paths) {
    if (wide.use == use && covers(wide, path)) {
      widest = &wide;
    }
  }
  if (widest != nullptr) {
    return PathHazard{std::string(widest->message), std::string(widest->advice)};
  }
  const std::vector<std::string_view> components = components_of(path);
  if (use == HazardOf::reading && components.size() == 2 && components[0] == "home") {
    return PathHazard{
        fmt::format("the whole home folder of {} is open", base::printable(components[1], 64)),
        std::string(one_folder)};
  }
  if (const BuiltInSecret* secret = secret_at(path)) {
    if (use == HazardOf::reading && secret->most == PathAccess::none) {
      return PathHazard{
          fmt::format("it is, or holds, something that is kept back otherwise: {}", secret->why),
          "leave it out, unless the tool is about exactly this file"};
    }
    if (use == HazardOf::writing && secret->most == PathAccess::read) {
      return PathHazard{
          fmt::format("who writes it makes another program run code: {}", secret->why),
          std::string(read_only)};
    }
  }
  return std::nullopt;
}

bool is_writable(const Config& config, const PathRule& rule) {
  return grants(config, Capability::fs_write) &&
         (rule.access == PathAccess::read_write || rule.access == PathAccess::automatic);
}

void lint_paths(const Config& config, std::vector<PolicyWarning>& warnings) {
  const bool may_read = grants(config, Capability::fs_read);
  const bool may_write = grants(config, Capability::fs_write);
  bool any_writable = false;
  for (std::size_t index = 0; index < config.allowed_paths.size(); ++index) {
    const PathRule& rule = config.allowed_paths[index];
    if (rule.access == PathAccess::none) {
      continue;
    }
    const std::string where = fmt::format("allowed_paths[{}]", index);
    const std::string name = base::printable(rule.path, 100);
    const bool writable = is_writable(config, rule);
    any_writable = any_writable || writable;
    if (rule.path.starts_with('~')) {
      warnings.push_back(
          {.where = where,
           .message = fmt::format("{}: \"~\" is not expanded", name),
           .advice = "write the absolute path of one folder, such as /home/user/docs"});
      continue;
    }
    std::optional<PathHazard> hazard = hazard_of_path(rule.path, HazardOf::reading);
    if (!hazard && writable) {
      hazard = hazard_of_path(rule.path, HazardOf::writing);
    }
    if (hazard) {
      warnings.push_back({.where = where,
                          .message = fmt::format("{}: {}", name, hazard->message),
                          .advice = std::move(hazard->advice)});
    }
    if (rule.access == PathAccess::read_write && !may_write && may_read) {
      warnings.push_back(
          {.where = where,
           .message = fmt::format(
               "{}: it says read_write, but fs_write is not granted, so that it is read only",
               name),
           .advice = "write access: read, or add fs_write to capabilities"});
    }
    if (rule.access == PathAccess::automatic && may_read && may_write) {
      warnings.push_back(
          {.where = where,
           .message = fmt::format("{}: it may be written, because fs_write is granted and the rule "
                                  "does not say otherwise",
                                  name),
           .advice = fmt::format(
               "write {{path: {}, access: read}}, or access: read_write where writing is meant",
               name)});
    }
  }
  if (may_write && !config.allowed_paths.empty() && !any_writable) {
    warnings.push_back(
        {.where = "capabilities",
         .message = "fs_write is granted, but no rule of allowed_paths opens anything for writing",
         .advice = "take fs_write out, or give the folder that is written access: read_write"});
  }
}

}  // namespace omnisandbox::policy
