#include <utility>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/session.h"

namespace omnisandbox::cli {

int call_export_command(const Options& options) {
  Session session(options, Activity::run, "call-export", "wasm");
  return session.run([&](const Session::Tools& tools) {
    runner::ExportRequest request{.module_file = options.operands.front(),
                                  .isolation = options.isolation,
                                  .deadline = tools.deadline,
                                  .timeout = options.timeout,
                                  .stop = tools.stop};
    if (options.operands.size() > 1) {
      request.function = options.operands[1];
      request.arguments_json.assign(options.operands.begin() + 2, options.operands.end());
    }
    tools.session.show_progress("compiling " + base::printable(request.module_file));
    request.on_compiled = [&tools] { tools.session.hide_progress(); };
    tools.session.enter_stage("compiling or running the module");
    ExportCall called = tools.runner.call_export(tools.policy, request);
    Ending ending{.result = std::move(called.result), .value = std::move(called.value_json)};
    ending.exit_code = exit_code_of(ending.result, Activity::run);
    return ending;
  });
}

}  // namespace omnisandbox::cli
