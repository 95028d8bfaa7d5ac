#include "mcp/tool_parts.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "mcp/tool_result.h"

namespace omnisandbox::mcp {

Parameter timeout_parameter() {
  return {.name = "timeout",
          .type = ParameterType::seconds,
          .description =
              "End after so many seconds. Shortens the policy's limit, never lengthens "
              "it"};
}

Parameter args_parameter(std::string description) {
  return {.name = "args", .type = ParameterType::text_list, .description = std::move(description)};
}

Parameter stdin_parameter() {
  return {.name = "stdin", .description = "Standard input; empty where it is left out"};
}

std::optional<std::chrono::milliseconds> timeout_of(const Arguments& arguments) {
  return arguments.seconds("timeout");
}

std::chrono::steady_clock::time_point deadline_of(const Arguments& arguments,
                                                  const CallContext& context) {
  const auto timeout = timeout_of(arguments);
  return timeout ? std::min(context.deadline, std::chrono::steady_clock::now() + *timeout)
                 : context.deadline;
}

std::function<ToolResult(const ParsedJson&, const CallContext&)> with_arguments(
    std::vector<Parameter> parameters, CheckedCall call) {
  return [parameters = std::move(parameters), call = std::move(call)](const ParsedJson& values,
                                                                      const CallContext& context) {
    const auto arguments = Arguments::read(parameters, values);
    return arguments ? call(*arguments, context) : argument_problem(arguments.error());
  };
}

ToolHints hints_of_code(const Policy& policy) {
  const bool writes = policy.has(Capability::fs_write);
  const bool runs = policy.has(Capability::exec_run);
  const bool fetches = policy.has(Capability::net_http);
  return {.read_only = !writes && !runs && !fetches,
          .destructive = writes || runs,
          .open_world = fetches || runs};
}

Result use_host_function(const Workspace& workspace, std::string_view function,
                         const std::string& resource,
                         std::chrono::steady_clock::time_point deadline, const CallContext& context,
                         const std::function<Expected<void>(HostFunctions&)>& work) {
  return workspace.runner->call(workspace.policy,
                                {.function = std::string(function),
                                 .resource = resource,
                                 .judge_first = {},
                                 .deadline = deadline,
                                 .stop = context.stop},
                                [&](HostFunctions& functions) -> Expected<Result> {
                                  TRY(work(functions));
                                  Result result;
                                  result.status = Status::ok;
                                  return result;
                                });
}

}  // namespace omnisandbox::mcp
