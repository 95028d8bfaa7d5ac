#include "mcp/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runner/policy_json.h"

namespace omnisandbox::mcp {
namespace {

/// A tool that needs a grant, and the part of a policy without which it could only ever refuse.
struct GrantedTool {
  std::string_view name;
  Capability capability;
  std::string_view list;  ///< the key of the allow-list, with an example
  Tool (*make)(std::shared_ptr<const Workspace>);
};

constexpr std::string_view container_tool = "run_container";

constexpr std::array granted_tools = {
    GrantedTool{"run_wasm", Capability::fs_read, "allowed_paths: [/path/of/modules]",
                &make_module_tool},
    GrantedTool{"run_command", Capability::exec_run, "allowed_commands: [ls]", &make_command_tool},
    GrantedTool{container_tool, Capability::exec_run,
                "allowed_commands: [sh] and docker: {image: \"alpine:3\"}, with a container engine",
                &make_container_tool},
    GrantedTool{"read_file", Capability::fs_read, "allowed_paths: [/path]", &make_read_tool},
    GrantedTool{"write_file", Capability::fs_write, "allowed_paths: [/path]", &make_write_tool},
    GrantedTool{"list_files", Capability::fs_read, "allowed_paths: [/path]", &make_list_tool},
    GrantedTool{"http_fetch", Capability::net_http, "allowed_hosts: [api.example.com]",
                &make_fetch_tool},
};

bool can_ever_be_granted(const Workspace& workspace, const GrantedTool& tool) {
  return (tool.name != container_tool || workspace.container) &&
         workspace.policy.has(tool.capability) &&
         !runner::listed_for(workspace.policy.config(), tool.capability).empty();
}

}  // namespace

std::vector<Tool> standard_tools(const std::shared_ptr<const Workspace>& workspace) {
  std::vector<Tool> tools;
  tools.push_back(make_code_tool(workspace, Language::python));
  tools.push_back(make_code_tool(workspace, Language::javascript));
  for (const GrantedTool& tool : granted_tools) {
    if (can_ever_be_granted(*workspace, tool)) {
      tools.push_back(tool.make(workspace));
    }
  }
  tools.push_back(make_explain_tool(workspace));
  return tools;
}

bool is_standard_tool_name(std::string_view name) {
  constexpr std::array always_offered = {"run_python", "run_javascript", "explain_policy"};
  const auto has_name = [&](const auto& tool) { return tool == name; };
  return std::any_of(always_offered.begin(), always_offered.end(), has_name) ||
         std::any_of(granted_tools.begin(), granted_tools.end(),
                     [&](const GrantedTool& tool) { return tool.name == name; });
}

std::string why_not_offered(const Workspace& workspace, std::string_view name) {
  for (const GrantedTool& tool : granted_tools) {
    if (tool.name == name && !can_ever_be_granted(workspace, tool)) {
      return fmt::format(
          "the policy never grants it, so it is not offered: it needs {}. The policy lines that "
          "would allow it: capabilities: [{}] and {}",
          to_string(tool.capability), to_string(tool.capability), tool.list);
    }
  }
  return {};
}

}  // namespace omnisandbox::mcp
