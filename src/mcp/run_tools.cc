// Tools that run a program: a module, or a native command.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"
#include "runner/policy_json.h"

namespace omnisandbox::mcp {
namespace {

// A description is read by a model each time; the policy resource has all of a long list.
constexpr std::size_t max_listed_commands = 20;
// SIGTERM first, as a shell's Ctrl-C would; a command that does not end by it is killed.
constexpr std::chrono::milliseconds command_stop_grace{250};

std::function<Expected<std::string>()> input_of(const Arguments& arguments) {
  auto text = arguments.optional_text("stdin");
  if (!text) {
    return {};
  }
  return [text = *std::move(text)]() -> Expected<std::string> { return text; };
}

std::string listed_commands(const Policy& policy) {
  std::vector<std::string> listed = runner::listed_for(policy.config(), Capability::exec_run);
  const std::size_t count = listed.size();
  listed.resize(std::min(count, max_listed_commands));
  std::string text = fmt::format(
      "No shell is involved, so there are no pipes, globs or variables. The policy lists: {}",
      fmt::join(listed, "; "));
  if (count > listed.size()) {
    text += fmt::format("; and {} more", count - listed.size());
  }
  return text;
}

/// A tool that runs listed commands in one kind of sandbox.
Tool command_tool(std::shared_ptr<const Workspace> workspace, runner::SandboxKind sandbox,
                  Tool tool) {
  const std::vector<Parameter> parameters = {
      {.name = "command",
       .presence = Presence::required,
       .description = "The command as the policy lists it, without arguments"},
      args_parameter("Its arguments, one a string"),
      stdin_parameter(),
      timeout_parameter()};
  tool.description += listed_commands(workspace->policy);
  tool.input_schema = input_schema(parameters);
  tool.output_schema = run_result_schema();
  tool.hints = hints_of_code(workspace->policy);
  tool.call =
      with_arguments(parameters, [workspace = std::move(workspace), sandbox](
                                     const Arguments& arguments, const CallContext& context) {
        std::uint64_t output_bytes = 0;
        const auto count_output = [&](std::string_view piece) {
          output_bytes += piece.size();
          context.report_stage(
              fmt::format("running, {} of output so far", base::format_byte_size(output_bytes)));
        };
        context.report_stage("running");
        const runner::RunRequest request{.sandbox = sandbox,
                                         .target = arguments.text("command"),
                                         .args = arguments.text_list("args"),
                                         .read_stdin = input_of(arguments),
                                         .deadline = deadline_of(arguments, context),
                                         .timeout = timeout_of(arguments),
                                         .stop = context.stop,
                                         .explain = sandbox == runner::SandboxKind::process &&
                                                    workspace->explain == ExplainRefusals::yes,
                                         .container = workspace->container.value_or(DockerConfig{}),
                                         .on_stdout = count_output,
                                         .on_stderr = count_output,
                                         .stop_grace = command_stop_grace};
        return run_result(workspace->runner->run(workspace->policy, request));
      });
  return tool;
}

}  // namespace

Tool make_module_tool(std::shared_ptr<const Workspace> workspace) {
  const std::vector<Parameter> parameters = {
      {.name = "module",
       .presence = Presence::required,
       .description = "The absolute path of a .wasm or .wat file that the policy lets be read"},
      args_parameter("The program's arguments, without its name"),
      stdin_parameter(),
      timeout_parameter()};
  Tool tool{.name = "run_wasm",
            .title = "Run a WebAssembly module",
            .description =
                "Run a WebAssembly program (WASI preview 1, or a component that is a "
                "command) in a fresh instance of its own.",
            .input_schema = input_schema(parameters),
            .output_schema = run_result_schema(),
            .hints = hints_of_code(workspace->policy),
            .call = {}};
  tool.call = with_arguments(
      parameters,
      [workspace = std::move(workspace)](const Arguments& arguments, const CallContext& context) {
        const std::string path = arguments.text("module");
        const auto deadline = deadline_of(arguments, context);
        // Whoever calls a tool may run what the policy lets him read, and no other file of the
        // host.
        std::string bytes;
        const Result read = use_host_function(*workspace, "fs_read", path, deadline, context,
                                              [&](HostFunctions& functions) -> Expected<void> {
                                                bytes = TRY(functions.fs_read(path));
                                                return {};
                                              });
        if (read.status != Status::ok) {
          return failed_call(read);
        }
        context.report_stage("compiling or running the module");
        runner::RunRequest request{.sandbox = runner::SandboxKind::wasm,
                                   .target = path,
                                   .module_bytes = std::move(bytes),
                                   .args = arguments.text_list("args"),
                                   .read_stdin = input_of(arguments),
                                   .deadline = deadline,
                                   .timeout = timeout_of(arguments),
                                   .stop = context.stop};
        return run_result(workspace->runner->run(workspace->policy, request));
      });
  return tool;
}

Tool make_command_tool(std::shared_ptr<const Workspace> workspace) {
  return command_tool(
      std::move(workspace), runner::SandboxKind::process,
      {.name = "run_command",
       .title = "Run a command",
       .description = "Run a native command under the kernel's confinement: it sees only the "
                      "files that the policy opens. ",
       .input_schema = {},
       .output_schema = {},
       .hints = {},
       .call = {}});
}

Tool make_container_tool(std::shared_ptr<const Workspace> workspace) {
  std::string description = fmt::format(
      "Run a command in a fresh container of the image {}, which is thrown away afterwards: it "
      "sees the image's files, and of the host's those that the policy mounts. ",
      base::printable(workspace->container.value_or(DockerConfig{}).image));
  return command_tool(std::move(workspace), runner::SandboxKind::docker,
                      {.name = "run_container",
                       .title = "Run a command in a container",
                       .description = std::move(description),
                       .input_schema = {},
                       .output_schema = {},
                       .hints = {},
                       .call = {}});
}

}  // namespace omnisandbox::mcp
