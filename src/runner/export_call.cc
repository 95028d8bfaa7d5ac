#include "runner/export_call.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/try.h"
#include "runner/confined_commands.h"
#include "runner/module_cache.h"
#include "runner/module_source.h"

namespace omnisandbox::runner {

Expected<ExportCall> call_export(const Policy& policy, const ExportRequest& request,
                                 std::shared_ptr<AuditSink> audit) {
  const ModuleSource source = TRY(parse_module_source(request.module_file));
  const std::string bytes = TRY(read_module(source));
  const auto time_left = [&] {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        request.deadline - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(1));
  };
  auto exports =
      TRY(ModuleExports::load(policy, source.name(), std::as_bytes(std::span(bytes)),
                              RuntimeOptions{.isolation = isolation_of(request.isolation),
                                             .audit = audit,
                                             .commands = confined_commands(audit),
                                             .module_cache = usable_cache_folder()},
                              {.timeout = time_left(), .stop = request.stop}));
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
  return exports.call(*request.function, request.arguments_json,
                      {.timeout = time_left(), .stop = request.stop});
}

}  // namespace omnisandbox::runner
