#include "runner/policy_json.h"

#include <fmt/format.h>

#include <algorithm>

namespace omnisandbox::runner {
namespace {

std::vector<std::string> readable_paths(const Config& config) {
  std::vector<std::string> paths;
  for (const PathRule& rule : config.allowed_paths) {
    if (rule.access != PathAccess::none) {
      paths.push_back(rule.path);
    }
  }
  return paths;
}

std::vector<std::string> writable_paths(const Config& config) {
  std::vector<std::string> paths;
  for (const PathRule& rule : config.allowed_paths) {
    if (rule.access == PathAccess::automatic || rule.access == PathAccess::read_write) {
      paths.push_back(rule.path);
    }
  }
  return paths;
}

std::vector<std::string> hosts(const Config& config) {
  std::vector<std::string> words;
  for (const HostRule& rule : config.allowed_hosts) {
    words.push_back(rule.methods.empty()
                        ? rule.host
                        : fmt::format("{} ({})", rule.host, fmt::join(rule.methods, " ")));
  }
  return words;
}

std::vector<std::string> commands(const Config& config) {
  std::vector<std::string> words;
  for (const CommandRule& rule : config.allowed_commands) {
    words.push_back(rule.args.empty()
                        ? rule.command
                        : fmt::format("{} {}", rule.command, fmt::join(rule.args, " ")));
  }
  return words;
}

}  // namespace

bool grants(const Config& config, Capability capability) {
  return std::find(config.capabilities.begin(), config.capabilities.end(), capability) !=
         config.capabilities.end();
}

std::vector<std::string> hidden_paths(const Config& config) {
  std::vector<std::string> paths;
  for (const PathRule& rule : config.allowed_paths) {
    if (rule.access == PathAccess::none) {
      paths.push_back(rule.path);
    }
  }
  return paths;
}

std::vector<std::string> listed_for(const Config& config, Capability capability) {
  switch (capability) {
    case Capability::fs_read:
      return readable_paths(config);
    case Capability::fs_write:
      return writable_paths(config);
    case Capability::net_http:
      return hosts(config);
    case Capability::exec_run:
      return commands(config);
  }
  return {};
}

Json policy_summary_json(const Config& config) {
  Json json;
  json["capabilities"] = Json::array();
  for (const Capability capability : config.capabilities) {
    json["capabilities"].push_back(to_string(capability));
  }
  json["allowed"] = Json::object();
  for (const Capability capability : all_capabilities) {
    json["allowed"][std::string(to_string(capability))] =
        grants(config, capability) ? Json(listed_for(config, capability)) : Json::array();
  }
  json["never"] = hidden_paths(config);
  json["memory_limit_mb"] =
      config.memory_limit_mb.is_set() ? Json(config.memory_limit_mb.value()) : Json();
  json["timeout_ms"] = config.timeout.value().count();
  json["max_output_bytes"] = config.max_output_bytes.value();
  json["fuel_limit"] = config.fuel_limit ? Json(*config.fuel_limit) : Json();
  return json;
}

}  // namespace omnisandbox::runner
