#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/docker_config.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox::policy {

// The parts of lint, each in its own file.
void lint_paths(const Config& config, std::vector<PolicyWarning>& warnings);
void lint_hosts(const Config& config, std::vector<PolicyWarning>& warnings);
void lint_commands(const Config& config, std::vector<PolicyWarning>& warnings);
void lint_limits(const Config& config, std::vector<PolicyWarning>& warnings);
void lint_docker(const DockerConfig& docker, const Config& config,
                 std::vector<PolicyWarning>& warnings);
/// Variables that change which code programs load, or that look like secrets. `where` names the
/// map.
void lint_environment(const std::map<std::string, std::string>& environment, std::string_view where,
                      std::vector<PolicyWarning>& warnings);

bool grants(const Config& config, Capability capability);
/// Whether a rule opens what it names for writing.
bool is_writable(const Config& config, const PathRule& rule);

/// What is dangerous about opening `path` at all, or for writing; empty where nothing is known. For
/// rules and mounts.
struct PathHazard {
  std::string message;
  std::string advice;
};
enum class HazardOf : std::uint8_t { reading, writing };
std::optional<PathHazard> hazard_of_path(std::string_view path, HazardOf use);

}  // namespace omnisandbox::policy
