#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "mcp/tool.h"
#include "mcp/tool_folder/component_code.h"
#include "mcp/tool_folder/folder_files.h"
#include "mcp/workspace.h"

namespace omnisandbox::mcp {

/// What one component gives.
struct ComponentTools {
  std::vector<Tool> tools{};
  std::vector<std::string> problems{};  ///< safe to print; without the component's name
};

/// Loads the component under its own policy, and describes what it exports. Whatever is wrong with
/// it becomes a problem.
ComponentTools component_tools(const std::shared_ptr<const Workspace>& workspace,
                               const std::shared_ptr<ReadyComponents>& ready,
                               const std::string& folder, const ComponentFiles& files,
                               const std::stop_token& stop);

}  // namespace omnisandbox::mcp
