#include "runner/wasm_backend.h"

#include <chrono>
#include <span>
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
#include "wasm/module/module_text.h"

namespace omnisandbox::runner {
namespace {

void report_compiled(const RunRequest& request) {
  if (request.on_compiled) {
    request.on_compiled();
  }
}

}  // namespace

Expected<Result> WasmBackend::run(const Policy& policy, const RunRequest& request,
                                  std::shared_ptr<AuditSink> audit) const {
  std::string module;
  // The name becomes the guest's argv[0].
  std::string name;
  if (request.module_bytes) {
    module = *request.module_bytes;
    name = request.target;
  } else {
    const ModuleSource source = TRY(parse_module_source(request.target));
    module = TRY(read_module(source));
    name = source.name();
  }
  RunOptions options{
      .args = request.args, .environment = request.environment, .stop = request.stop};
  if (request.read_stdin) {
    options.stdin_data = TRY(request.read_stdin());
  }
  RuntimeOptions runtime_options{.isolation = isolation_of(request.isolation),
                                 .audit = audit,
                                 .commands = confined_commands(audit),
                                 .module_cache = usable_cache_folder()};
  if (wasm::is_component_source(std::as_bytes(std::span(module)))) {
    auto component = TRY(ModuleExports::load(
        policy, name, std::as_bytes(std::span(module)), std::move(runtime_options),
        {.timeout = time_until(request.deadline), .stop = request.stop}));
    report_compiled(request);
    options.timeout = time_until(request.deadline);
    return component.run(std::move(options));
  }
  Runtime runtime = TRY(Runtime::create(policy, std::move(runtime_options)));
  TRY(runtime.compile(name, std::as_bytes(std::span(module))));
  report_compiled(request);
  options.timeout = time_until(request.deadline);
  return runtime.execute(name, std::move(options));
}

}  // namespace omnisandbox::runner
