#include "mcp/tool_folder/component_tools.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "mcp/tool_folder/limits.h"
#include "mcp/tool_folder/tool_names.h"
#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "runner/policy_source.h"

namespace omnisandbox::mcp {
namespace {

using Clock = std::chrono::steady_clock;

/// Without a file of its own a component is granted nothing.
Expected<runner::NarrowPolicy> policy_of(const Policy& base, const std::string& folder,
                                         const ComponentFiles& files) {
  if (!files.policy) {
    return runner::narrow_to_nothing(base);
  }
  const std::string name = files.policy_name();
  const std::string text =
      TRY(read_folder_file(folder, name, *files.policy, max_tool_policy_bytes));
  return runner::narrow_policy(base, text, name);
}

/// What whoever built the component says about it; a type alone tells a model little.
Expected<std::string> description_of(const std::string& folder, const ComponentFiles& files) {
  if (!files.description) {
    return std::string();
  }
  std::string text = TRY(read_folder_file(folder, files.description_name(), *files.description,
                                          max_tool_description_bytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  return text.empty() ? text : text + "\n";
}

std::string grants_text(const Policy& policy) {
  std::vector<std::string_view> granted;
  for (const Capability capability : all_capabilities) {
    if (policy.has(capability)) {
      granted.push_back(to_string(capability));
    }
  }
  return granted.empty() ? "It has no access to files, network or commands."
                         : fmt::format("Its policy grants it {}.", fmt::join(granted, ", "));
}

/// Text of ours, which is JSON; a schema that cannot be read would be a defect.
Json parsed(const std::string& schema) { return Json::parse(schema); }

Json schema_of_arguments(const ExportedFunction& function) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const ExportedFunction::Parameter& parameter : function.parameters) {
    properties[parameter.name] = parsed(parameter.schema_json);
    if (!parameter.is_optional) {
      required.push_back(parameter.name);
    }
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

Json schema_of_result(const ExportedFunction& function) {
  if (!function.result_schema_json) {
    return {};
  }
  return {{"type", "object"},
          {"properties", {{"value", parsed(*function.result_schema_json)}}},
          {"required", Json::array({"value"})},
          {"additionalProperties", false}};
}

/// In the order of the parameters.
Expected<std::vector<std::string>> arguments_of(const ExportedFunction& function,
                                                const ParsedJson& values) {
  std::vector<std::string> arguments;
  std::vector<std::string_view> names;
  for (const ExportedFunction::Parameter& parameter : function.parameters) {
    names.push_back(parameter.name);
    const auto found = values.find(parameter.name);
    if (found == values.end() && !parameter.is_optional) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the argument \"{}\" is missing: it is {}", parameter.name,
                              function.type_text);
    }
    arguments.push_back(found == values.end() ? "null" : found->dump());
  }
  for (const auto& given : values.items()) {
    if (std::find(names.begin(), names.end(), given.key()) == names.end()) {
      return base::make_error(ErrorKind::invalid_argument, "there is no argument \"{}\": it is {}",
                              base::printable(given.key()), function.type_text);
    }
  }
  return arguments;
}

std::function<ToolResult(const ParsedJson&, const CallContext&)> call_of(
    std::shared_ptr<ComponentCode> code, ExportedFunction function) {
  return [code = std::move(code), function = std::move(function)](const ParsedJson& values,
                                                                  const CallContext& context) {
    const auto call = [&]() -> Expected<ToolResult> {
      const auto arguments = TRY(arguments_of(function, values));
      context.report_stage("loading the component");
      const auto exports = TRY(code->exports(context.deadline, context.stop));
      context.report_stage("running");
      const ExportCall called = TRY(exports->call(
          function.name, arguments,
          {.timeout = code->call_timeout(), .stop = context.stop, .deadline = context.deadline}));
      return export_result(called.result, called.value_json,
                           function.result_can_fail ? ResultKind::can_fail : ResultKind::plain);
    };
    auto result = call();
    return result ? *std::move(result) : argument_problem(result.error());
  };
}

Tool function_tool(const std::shared_ptr<ComponentCode>& code, CallableFunction callable,
                   const std::string& description) {
  const ExportedFunction& function = callable.function;
  Tool tool{.name = callable.tool,
            .title = callable.tool,
            .description = fmt::format(
                "{}Call {} of the WebAssembly component {}, in a fresh instance: {}. {}",
                description, function.name, base::printable(code->files().component_name()),
                function.type_text, grants_text(code->policy())),
            .input_schema = schema_of_arguments(function),
            .output_schema = schema_of_result(function),
            .hints = hints_of_code(code->policy()),
            .call = {}};
  tool.call = call_of(code, std::move(callable.function));
  return tool;
}

Tool command_tool(const std::shared_ptr<ComponentCode>& code, const CallableFunction& callable,
                  const std::string& description) {
  const std::vector<Parameter> parameters = {
      args_parameter("The program's arguments, without its name"), stdin_parameter(),
      timeout_parameter()};
  Tool tool{.name = callable.tool,
            .title = callable.tool,
            .description = fmt::format("{}Run the WebAssembly program {}, in a fresh instance. {}",
                                       description, base::printable(code->files().component_name()),
                                       grants_text(code->policy())),
            .input_schema = input_schema(parameters),
            .output_schema = run_result_schema(),
            .hints = hints_of_code(code->policy()),
            .call = {}};
  tool.call =
      with_arguments(parameters, [code](const Arguments& arguments, const CallContext& context) {
        const auto run = [&]() -> Expected<ToolResult> {
          context.report_stage("loading the component");
          const auto exports = TRY(code->exports(context.deadline, context.stop));
          context.report_stage("running");
          const auto limit = code->call_timeout();
          const Result result =
              TRY(exports->run({.args = arguments.text_list("args"),
                                .stdin_data = arguments.text("stdin"),
                                .timeout = std::min(timeout_of(arguments).value_or(limit), limit),
                                .stop = context.stop,
                                .deadline = deadline_of(arguments, context)}));
          return run_result(result);
        };
        auto result = run();
        return result ? *std::move(result) : argument_problem(result.error());
      });
  return tool;
}

Expected<ComponentTools> load(const std::shared_ptr<const Workspace>& workspace,
                              const std::shared_ptr<ReadyComponents>& ready,
                              const std::string& folder, const ComponentFiles& files,
                              const std::stop_token& stop) {
  const std::string name = TRY(tool_name(files.stem));
  auto policy = TRY(policy_of(workspace->policy, folder, files));
  const std::string description = TRY(description_of(folder, files));
  const auto code =
      std::make_shared<ComponentCode>(workspace, ready, folder, files, std::move(policy));
  const auto exports = TRY(code->exports(Clock::now() + component_load_timeout, stop));
  CallableFunctions callable = callable_functions(name, TRY(exports->functions()));
  ComponentTools made{.problems = std::move(callable.problems)};
  for (CallableFunction& function : callable.functions) {
    made.tools.push_back(function.is_command
                             ? command_tool(code, function, description)
                             : function_tool(code, std::move(function), description));
  }
  return made;
}

}  // namespace

ComponentTools component_tools(const std::shared_ptr<const Workspace>& workspace,
                               const std::shared_ptr<ReadyComponents>& ready,
                               const std::string& folder, const ComponentFiles& files,
                               const std::stop_token& stop) {
  try {
    auto made = load(workspace, ready, folder, files, stop);
    return made ? *std::move(made) : ComponentTools{.problems = {made.error().message}};
  } catch (const std::exception& error) {
    // Out of memory, or a defect: it costs this component, and not the server.
    return {.problems = {fmt::format("[internal] {}", base::printable(error.what()))}};
  }
}

}  // namespace omnisandbox::mcp
