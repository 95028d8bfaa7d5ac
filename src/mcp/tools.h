#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/tool.h"
#include "mcp/workspace.h"

/// The tools of this server. They judge nothing: each asks the runner, which asks the policy.
namespace omnisandbox::mcp {

/// What the policy can ever grant, and what needs no grant. In the order that clients see.
std::vector<Tool> standard_tools(const std::shared_ptr<const Workspace>& workspace);

/// Whether a tool of ours has that name, offered or not.
bool is_standard_tool_name(std::string_view name);

/// Why a tool of that name is not offered, and the policy lines that would change that. Empty where
/// no tool has such a name, and where it is offered.
std::string why_not_offered(const Workspace& workspace, std::string_view name);

// One function for each group of tools; each takes what it needs to run later.
Tool make_code_tool(std::shared_ptr<const Workspace> workspace, Language language);
Tool make_module_tool(std::shared_ptr<const Workspace> workspace);
Tool make_command_tool(std::shared_ptr<const Workspace> workspace);
Tool make_container_tool(std::shared_ptr<const Workspace> workspace);
Tool make_read_tool(std::shared_ptr<const Workspace> workspace);
Tool make_write_tool(std::shared_ptr<const Workspace> workspace);
Tool make_list_tool(std::shared_ptr<const Workspace> workspace);
Tool make_fetch_tool(std::shared_ptr<const Workspace> workspace);
Tool make_explain_tool(std::shared_ptr<const Workspace> workspace);

}  // namespace omnisandbox::mcp
