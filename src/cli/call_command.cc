#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "cli/commands.h"
#include "cli/resource_name.h"
#include "cli/session.h"
#include "cli/standard_input.h"

namespace omnisandbox::cli {
namespace {

Result succeeded(std::string output) {
  Result result;
  result.status = Status::ok;
  result.stdout_bytes = output.size();
  result.stdout_data = std::move(output);
  return result;
}

Expected<Result> fs_read(HostFunctions& functions, const std::string& path) {
  return succeeded(TRY(functions.fs_read(path)));
}

Expected<Result> fs_write(HostFunctions& functions, const std::string& path, Session& session) {
  const Config& config = functions.policy().config();
  session.enter_stage("reading standard input");
  const std::string content =
      TRY(read_own_stdin(config.max_file_bytes.value_or(config.max_output_bytes)));
  session.enter_stage("writing the file");
  TRY(functions.fs_write(path, content));
  return succeeded({});
}

Expected<Result> http_fetch(HostFunctions& functions, const Options& options,
                            std::optional<HttpResponse>& response) {
  HttpRequest request{.url = options.operands.front(), .headers = options.headers};
  request.body = options.data.value_or("");
  request.method = options.method.value_or(options.data ? "POST" : "GET");
  response = TRY(functions.http_fetch(request));
  return succeeded({});
}

Expected<Result> exec_run(HostFunctions& functions, const Options& options) {
  return functions.exec_run(
      {.command = options.operands.front(),
       .args = std::vector<std::string>(options.operands.begin() + 1, options.operands.end())});
}

}  // namespace

int call_command(const Options& options) {
  const std::string function = options.command.substr(std::string_view("call ").size());
  std::string resource = options.operands.front();
  if (function == "fs_read" || function == "fs_write") {
    auto path = absolute_path(resource);
    if (!path) {
      return report_error(path.error(), exit_call_failed, options.json);
    }
    resource = *std::move(path);
  }
  // A command that does not exist is "not found", as for run; a file that does not exist is a
  // failed call.
  const Activity activity = function == "exec_run" ? Activity::run : Activity::call;
  Session session(options, activity, function, "call");
  return session.run([&](const Session::Tools& tools) {
    runner::CallRequest request{.function = function,
                                .resource = resource,
                                .judge_first = {},
                                .deadline = tools.deadline,
                                .stop = tools.stop};
    if (function == "fs_write") {
      request.judge_first = Capability::fs_write;
    }
    Ending ending;
    ending.result =
        tools.runner.call(tools.policy, request, [&](HostFunctions& functions) -> Expected<Result> {
          if (function == "fs_read") {
            return fs_read(functions, resource);
          }
          if (function == "fs_write") {
            return fs_write(functions, resource, tools.session);
          }
          if (function == "http_fetch") {
            return http_fetch(functions, options, ending.response);
          }
          return exec_run(functions, options);
        });
    ending.exit_code = exit_code_of(ending.result, activity);
    return ending;
  });
}

}  // namespace omnisandbox::cli
