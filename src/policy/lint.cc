#include "policy/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace omnisandbox {
namespace policy {

bool grants(const Config& config, Capability capability) {
  return std::find(config.capabilities.begin(), config.capabilities.end(), capability) !=
         config.capabilities.end();
}

namespace {

void lint_capabilities(const Config& config, std::vector<PolicyWarning>& warnings) {
  const bool all = std::all_of(all_capabilities.begin(), all_capabilities.end(),
                               [&](Capability capability) { return grants(config, capability); });
  if (all) {
    warnings.push_back(
        {.where = "capabilities",
         .message = "all four capabilities are granted at once: what is read can be run, changed "
                    "and sent away",
         .advice = "list those that this tool needs, and write another policy for the next tool"});
  }
  struct Need {
    Capability capability;
    std::string_view list;
    bool is_empty;
  };
  const std::array needs = {
      Need{Capability::fs_read, "allowed_paths", config.allowed_paths.empty()},
      Need{Capability::fs_write, "allowed_paths", config.allowed_paths.empty()},
      Need{Capability::net_http, "allowed_hosts", config.allowed_hosts.empty()},
      Need{Capability::exec_run, "allowed_commands", config.allowed_commands.empty()},
  };
  for (const Need& need : needs) {
    if (grants(config, need.capability) && need.is_empty) {
      const std::string_view name = to_string(need.capability);
      warnings.push_back(
          {.where = "capabilities",
           .message = fmt::format("{} is granted and {} is empty, so that it opens nothing", name,
                                  need.list),
           .advice = fmt::format("list in {} what is needed, or take {} out", need.list, name)});
    }
  }
  const bool any_file = grants(config, Capability::fs_read) || grants(config, Capability::fs_write);
  const auto warn_of_dead_list = [&](std::string_view list, bool is_empty, bool is_granted,
                                     std::string_view capability) {
    if (!is_empty && !is_granted) {
      warnings.push_back(
          {.where = std::string(list),
           .message = fmt::format("the list has no effect: {} is not granted", capability),
           .advice = fmt::format("take the list out, or add {} to capabilities", capability)});
    }
  };
  warn_of_dead_list("allowed_paths", config.allowed_paths.empty(), any_file,
                    "fs_read (or fs_write)");
  warn_of_dead_list("allowed_hosts", config.allowed_hosts.empty(),
                    grants(config, Capability::net_http), "net_http");
  warn_of_dead_list("allowed_commands", config.allowed_commands.empty(),
                    grants(config, Capability::exec_run), "exec_run");
}

}  // namespace
}  // namespace policy

std::vector<PolicyWarning> lint(const Config& config) {
  std::vector<PolicyWarning> warnings;
  policy::lint_capabilities(config, warnings);
  policy::lint_paths(config, warnings);
  policy::lint_hosts(config, warnings);
  policy::lint_commands(config, warnings);
  policy::lint_environment(config.environment, "environment", warnings);
  policy::lint_limits(config, warnings);
  return warnings;
}

std::vector<PolicyWarning> lint(const PolicyFile& file) {
  std::vector<PolicyWarning> warnings = lint(file.config);
  if (file.docker) {
    policy::lint_docker(*file.docker, file.config, warnings);
  }
  return warnings;
}

}  // namespace omnisandbox
