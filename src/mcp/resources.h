#pragma once

#include <optional>
#include <string_view>

#include "mcp/json_text.h"
#include "mcp/workspace.h"

namespace omnisandbox::mcp {

/// What clients can read without a tool: the policy, and the tail of the audit.
Json resource_list();

/// The `contents` of one; unset without such a resource.
std::optional<Json> read_resource(const Workspace& workspace, std::string_view uri);

}  // namespace omnisandbox::mcp
