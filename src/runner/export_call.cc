#include "runner/export_call.h"

#include <utility>

#include "base/try.h"
#include "runner/confined_commands.h"
#include "runner/module_cache.h"
#include "runner/module_source.h"
#include "runner/time_left.h"

namespace omnisandbox::runner {

Expected<ModuleExports> load_exports(const Policy& policy, const ExportsToLoad& what,
                                     std::shared_ptr<AuditSink> audit,
                                     std::shared_ptr<CommandRunner> commands) {
  return load_content(what.module, [&](const auto& content) {
    return ModuleExports::load(policy, what.module.name, content,
                               RuntimeOptions{.isolation = isolation_of(what.isolation),
                                              .audit = std::move(audit),
                                              .commands = std::move(commands),
                                              .module_cache = usable_cache_folder()},
                               {.timeout = time_until(what.deadline), .stop = what.stop});
  });
}

Expected<ExportCall> call_export(const Policy& policy, const ExportRequest& request,
                                 const std::shared_ptr<AuditSink>& audit) {
  const ModuleSource source = TRY(parse_module_source(request.module_file));
  auto module = TRY(find_module(source));
  auto exports = TRY(load_exports(policy,
                                  {.module = std::move(module),
                                   .isolation = request.isolation,
                                   .deadline = request.deadline,
                                   .stop = request.stop},
                                  audit, confined_commands(audit)));
  if (request.on_compiled) {
    request.on_compiled();
  }
  if (!request.function) {
    ExportCall listed;
    listed.result.status = Status::ok;
    listed.result.sandbox.kind = "wasm";
    for (const std::string& line : TRY(exports.list())) {
      listed.result.stdout_data += line + "\n";
    }
    listed.result.stdout_bytes = listed.result.stdout_data.size();
    return listed;
  }
  return exports.call(
      *request.function, request.arguments_json,
      {.timeout = request.timeout, .stop = request.stop, .deadline = request.deadline});
}

}  // namespace omnisandbox::runner
