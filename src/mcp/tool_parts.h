#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/parameters.h"
#include "mcp/tool.h"
#include "mcp/workspace.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

/// What the tools have in common.
namespace omnisandbox::mcp {

Parameter timeout_parameter();
Parameter args_parameter(std::string description);
Parameter stdin_parameter();

/// What the argument "timeout" says.
std::optional<std::chrono::milliseconds> timeout_of(const Arguments& arguments);
/// The nearer of the call's deadline and what the argument "timeout" says.
std::chrono::steady_clock::time_point deadline_of(const Arguments& arguments,
                                                  const CallContext& context);

/// Makes `call` of a function that gets checked arguments.
using CheckedCall = std::function<ToolResult(const Arguments&, const CallContext&)>;
std::function<ToolResult(const ParsedJson&, const CallContext&)> with_arguments(
    std::vector<Parameter> parameters, CheckedCall call);

/// What code can do at the most under this policy.
ToolHints hints_of_code(const Policy& policy);

/// One host function, outside of any sandbox, under the workspace's policy.
Result use_host_function(const Workspace& workspace, std::string_view function,
                         const std::string& resource,
                         std::chrono::steady_clock::time_point deadline, const CallContext& context,
                         const std::function<Expected<void>(HostFunctions&)>& work);

}  // namespace omnisandbox::mcp
