#include "runner/wasm_backend.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/runtime.h"
#include "runner/confined_commands.h"
#include "runner/module_cache.h"
#include "runner/module_source.h"
#include "runner/time_left.h"

namespace omnisandbox::runner {
namespace {

void report_compiled(const RunRequest& request) {
  if (request.on_compiled) {
    request.on_compiled();
  }
}

Expected<LoadableModule> find_named(const std::string& text) {
  return find_module(TRY(parse_module_source(text)));
}

}  // namespace

Expected<Result> WasmBackend::run(const Policy& policy, const RunRequest& request,
                                  std::shared_ptr<AuditSink> audit) const {
  const LoadableModule module =
      TRY(request.module_bytes ? Expected<LoadableModule>(loadable_bytes(
                                     request.target, std::string(*request.module_bytes)))
                               : find_named(request.target));
  RunOptions options{.args = request.args,
                     .environment = request.environment,
                     .timeout = request.timeout,
                     .stop = request.stop,
                     .deadline = request.deadline};
  if (request.read_stdin) {
    options.stdin_data = TRY(request.read_stdin());
  }
  RuntimeOptions runtime_options{.isolation = isolation_of(request.isolation),
                                 .audit = audit,
                                 .commands = confined_commands(audit),
                                 .module_cache = usable_cache_folder()};
  if (module.is_component) {
    auto component = TRY(load_content(module, [&](const auto& content) {
      return ModuleExports::load(policy, module.name, content, std::move(runtime_options),
                                 {.timeout = time_until(request.deadline), .stop = request.stop});
    }));
    report_compiled(request);
    return component.run(std::move(options));
  }
  Runtime runtime = TRY(Runtime::create(policy, std::move(runtime_options)));
  TRY(load_content(module,
                   [&](const auto& content) { return runtime.compile(module.name, content); }));
  report_compiled(request);
  return runtime.execute(module.name, std::move(options));
}

}  // namespace omnisandbox::runner
