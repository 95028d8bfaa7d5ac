#include "cli/policy_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace omnisandbox::cli {
namespace {

// A summary is read at a glance; the file itself has them all.
constexpr std::size_t max_shown_rules = 8;

bool grants(const Config& config, Capability capability) {
  return std::find(config.capabilities.begin(), config.capabilities.end(), capability) !=
         config.capabilities.end();
}

std::string shown_list(const std::vector<std::string>& words) {
  if (words.empty()) {
    return "nothing is listed, so nothing is allowed";
  }
  std::string text;
  for (std::size_t index = 0; index < std::min(words.size(), max_shown_rules); ++index) {
    text += (index == 0 ? "" : ", ") + base::printable(words[index]);
  }
  if (words.size() > max_shown_rules) {
    text += fmt::format(" and {} more", words.size() - max_shown_rules);
  }
  return text;
}

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

std::vector<std::string> hidden_paths(const Config& config) {
  std::vector<std::string> paths;
  for (const PathRule& rule : config.allowed_paths) {
    if (rule.access == PathAccess::none) {
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

std::string memory_text(const Config& config) {
  return config.memory_limit_mb.is_set()
             ? fmt::format("{} MiB", config.memory_limit_mb.value())
             : "16 MiB for modules, 128 MiB for commands, 256 MiB for containers";
}

}  // namespace

std::string policy_summary(const Config& config, const Palette& palette) {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    text += fmt::format("  {}{:{}} {}\n", palette.heading(name), "", 10 - name.size(), value);
  };
  for (const Capability capability : all_capabilities) {
    line(to_string(capability),
         grants(config, capability) ? shown_list(listed_for(config, capability)) : "not granted");
  }
  if (const auto hidden = hidden_paths(config); !hidden.empty()) {
    line("never", shown_list(hidden));
  }
  line("limits",
       fmt::format("memory {}; time {}; output {}{}", memory_text(config),
                   base::format_duration(config.timeout.value()),
                   base::format_byte_size(config.max_output_bytes),
                   config.fuel_limit ? fmt::format("; fuel {}", *config.fuel_limit) : ""));
  return text;
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

}  // namespace omnisandbox::cli
