#include <map>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/exports/component_call.h"
#include "wasm/exports/core_exports.h"
#include "wasm/limits.h"
#include "wasm/module/compiled_module.h"
#include "wasm/worker/guest_runner.h"
#include "wasm/worker/load_code.h"

namespace omnisandbox::wasm::worker {
namespace {

/// Core modules.
class ModuleRunner : public GuestRunner {
 public:
  ModuleRunner(const RunnerTools& tools, std::shared_ptr<Engine> engine)
      : settings_(tools.settings), engine_(std::move(engine)) {}

  Expected<void> load(std::uint64_t module, const linux_::Fd& code,
                      const CodeShape& shape) override {
    const auto* module_shape = std::get_if<ModuleShape>(&shape);
    if (module_shape == nullptr) {
      return base::make_error(ErrorKind::internal, "a component came to a worker for modules");
    }
    modules_[module] = TRY(load_code<CompiledModule>(*engine_, code, *module_shape));
    return {};
  }

  void unload(std::uint64_t module) override { modules_.erase(module); }

  Expected<std::vector<FunctionType>> list(std::uint64_t module) override {
    return exports::core_function_types(*TRY(find(module)));
  }

  Expected<Answer> run(const Run& request, GuestRun& guest) override {
    const auto module = TRY(find(request.module));
    const std::chrono::milliseconds timeout(request.timeout_ms);
    if (request.kind == RunKind::call) {
      auto arguments = TRY(exports::core_arguments(*module, request.text, request.arguments_json));
      Answer answer;
      answer.execution =
          exports::call_core_function(*engine_, *module, guest, request.text, std::move(arguments),
                                      settings_.memory_limit_bytes, timeout, answer.value);
      TRY(exports::check_result_size(answer.value, guest));
      return answer;
    }
    if (module->entry() == CompiledModule::Entry::none) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the module \"{}\" exports neither _start nor _initialize, so there "
                              "is nothing to run",
                              base::printable(guest.args.front()));
    }
    return Answer{execute_guest(*engine_, *module, guest, settings_.memory_limit_bytes, timeout)};
  }

  Expected<Code> compile(std::span<const std::byte> bytes) override {
    auto compiled =
        TRY(CompiledModule::compile_for_others(*engine_, bytes, settings_.memory_limit_bytes));
    return Code{std::move(compiled.code), compiled.shape};
  }

 private:
  Expected<std::shared_ptr<const CompiledModule>> find(std::uint64_t module) const {
    const auto found = modules_.find(module);
    if (found == modules_.end()) {
      return base::make_error(ErrorKind::internal, "the worker does not have the module");
    }
    return found->second;
  }

  const Configure& settings_;
  const std::shared_ptr<Engine> engine_;  // shared by its own interface
  std::map<std::uint64_t, std::shared_ptr<const CompiledModule>> modules_;
};

}  // namespace

Expected<std::unique_ptr<GuestRunner>> make_module_runner(const RunnerTools& tools) {
  auto engine = TRY(Engine::create({.fuel = FuelMetering(tools.settings.metered),
                                    .slots = worker_pool_slots,
                                    .modules = tools.calls.modules()}));
  return std::unique_ptr<GuestRunner>(std::make_unique<ModuleRunner>(tools, std::move(engine)));
}

}  // namespace omnisandbox::wasm::worker
