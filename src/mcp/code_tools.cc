#include <fmt/format.h>

#include <utility>

#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"

namespace omnisandbox::mcp {
namespace {

std::string description_of(Language language, const Workspace& workspace) {
  const bool is_python = language == Language::python;
  std::string text =
      is_python ? "Run Python code in a fresh CPython that is thrown away afterwards. The value of "
                  "the last expression is shown after what the code prints. The standard library "
                  "is there; packages cannot be installed."
                : "Run JavaScript code in a fresh interpreter that is thrown away afterwards. The "
                  "value of the last expression is shown after what the code prints "
                  "(console.log). There is no Node.js and no browser.";
  if (is_python && workspace.policy.has(Capability::fs_read)) {
    text += " The files that the policy opens are files there.";
  }
  text += is_python ? " `import omnisandbox` has fs_read, fs_write, http_fetch and exec_run, as "
                      "far as the policy allows them; a refusal is omnisandbox.Denied."
                    : " The global `omnisandbox` has fsRead, fsWrite, httpFetch and execRun, as "
                      "far as the policy allows them; a refusal is omnisandbox.Denied.";
  return text;
}

}  // namespace

Tool make_code_tool(std::shared_ptr<const Workspace> workspace, Language language) {
  const std::vector<Parameter> parameters = {
      {.name = "code", .presence = Presence::required, .description = "The code to run"},
      args_parameter(language == Language::python ? "sys.argv[1:] of the code"
                                                  : "omnisandbox.args of the code"),
      stdin_parameter(),
      timeout_parameter()};
  Tool tool{.name = fmt::format("run_{}", to_string(language)),
            .title = language == Language::python ? "Run Python" : "Run JavaScript",
            .description = description_of(language, *workspace),
            .input_schema = input_schema(parameters),
            .output_schema = run_result_schema(),
            .hints = hints_of_code(workspace->policy),
            .call = {}};
  tool.call =
      with_arguments(parameters, [workspace = std::move(workspace), language](
                                     const Arguments& arguments, const CallContext& context) {
        const runner::SnippetRequest request{.language = language,
                                             .args = arguments.text_list("args"),
                                             .read = [&]() -> Expected<runner::Snippet> {
                                               return runner::Snippet{
                                                   .code = arguments.text("code"),
                                                   .name = "<snippet>",
                                                   .stdin_data = arguments.text("stdin")};
                                             },
                                             .deadline = deadline_of(arguments, context),
                                             .timeout = timeout_of(arguments),
                                             .stop = context.stop};
        return evaluation_result(workspace->runner->evaluate(workspace->policy, request));
      });
  return tool;
}

}  // namespace omnisandbox::mcp
