#include <map>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/component/compiled_component.h"
#include "wasm/exports/component_call.h"
#include "wasm/exports/component_exports.h"
#include "wasm/worker/guest_runner.h"
#include "wasm/worker/load_code.h"

namespace omnisandbox::wasm::worker {
namespace {

using component::CompiledComponent;
using component::ComponentEngine;

/// Components.
class ComponentRunner : public GuestRunner {
 public:
  ComponentRunner(const RunnerTools& tools, std::shared_ptr<ComponentEngine> engine)
      : settings_(tools.settings), outside_(tools.outside), engine_(std::move(engine)) {}

  Expected<void> load(std::uint64_t module, const linux_::Fd& code,
                      const CodeShape& shape) override {
    const auto* component_shape = std::get_if<component::ComponentShape>(&shape);
    if (component_shape == nullptr) {
      return base::make_error(ErrorKind::internal, "a module came to a worker for components");
    }
    components_[module] = TRY(load_code<CompiledComponent>(*engine_, code, *component_shape));
    return {};
  }

  void unload(std::uint64_t module) override { components_.erase(module); }

  Expected<std::vector<FunctionType>> list(std::uint64_t module) override {
    return exports::component_function_types(*engine_, *TRY(find(module)));
  }

  Expected<Answer> run(const Run& request, GuestRun& guest) override {
    const auto component = TRY(find(request.module));
    component::ComponentRun run(guest, outside_);
    const exports::ComponentCall call{.engine = *engine_,
                                      .component = *component,
                                      .run = run,
                                      .memory_limit_bytes = settings_.memory_limit_bytes,
                                      .timeout = std::chrono::milliseconds(request.timeout_ms)};
    if (request.kind == RunKind::call) {
      auto called = TRY(exports::call_component(call, request.text, request.arguments_json));
      return Answer{std::move(called.execution), std::move(called.value_json)};
    }
    return Answer{TRY(exports::run_command(call))};
  }

  Expected<Code> compile(std::span<const std::byte> bytes) override {
    const auto compiled =
        TRY(CompiledComponent::compile(*engine_, bytes, settings_.memory_limit_bytes));
    return Code{TRY(compiled->serialize()), compiled->shape()};
  }

 private:
  Expected<std::shared_ptr<const CompiledComponent>> find(std::uint64_t module) const {
    const auto found = components_.find(module);
    if (found == components_.end()) {
      return base::make_error(ErrorKind::internal, "the worker does not have the component");
    }
    return found->second;
  }

  const Configure& settings_;
  component::Outside& outside_;
  const std::shared_ptr<ComponentEngine> engine_;  // shared by its own interface
  std::map<std::uint64_t, std::shared_ptr<const CompiledComponent>> components_;
};

}  // namespace

Expected<std::unique_ptr<GuestRunner>> make_component_runner(const RunnerTools& tools) {
  auto engine = TRY(ComponentEngine::create_for_worker(FuelMetering(tools.settings.metered)));
  return std::unique_ptr<GuestRunner>(std::make_unique<ComponentRunner>(tools, std::move(engine)));
}

}  // namespace omnisandbox::wasm::worker
