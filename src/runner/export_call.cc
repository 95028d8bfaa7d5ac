#include "runner/export_call.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "base/try.h"
#include "runner/confined_commands.h"
#include "runner/input_file.h"
#include "wasm/limits.h"

namespace omnisandbox::runner {

Expected<ExportCall> call_export(const Policy& policy, const ExportRequest& request,
                                 std::shared_ptr<AuditSink> audit) {
  const std::string bytes =
      TRY(read_regular_file(request.module_file, "the module", wasm::max_module_bytes));
  auto exports = TRY(
      ModuleExports::load(policy, std::filesystem::path(request.module_file).filename(),
                          std::as_bytes(std::span(bytes)),
                          RuntimeOptions{.audit = audit, .commands = confined_commands(audit)}));
  if (!request.function) {
    ExportCall listed;
    listed.result.status = Status::ok;
    listed.result.sandbox.kind = "wasm";
    for (const std::string& line : exports.list()) {
      listed.result.stdout_data += line + "\n";
    }
    listed.result.stdout_bytes = listed.result.stdout_data.size();
    return listed;
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      request.deadline - std::chrono::steady_clock::now());
  return exports.call(
      *request.function, request.arguments_json,
      {.timeout = std::max(left, std::chrono::milliseconds(1)), .stop = request.stop});
}

}  // namespace omnisandbox::runner
