#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/exports/component_call.h"
#include "wasm/exports/component_exports.h"
#include "wasm/exports/core_exports.h"
#include "wasm/exports/exported_code.h"
#include "wasm/module/timed_compile.h"
#include "wasm/module/timed_work.h"

namespace omnisandbox::wasm::exports {
namespace {

using component::CompiledComponent;
using component::ComponentEngine;

SandboxDescription describe(FuelMetering fuel) {
  SandboxDescription description{
      .kind = "wasm", .layers = {"app-permissions", "wasm:in-process", "memory-limit", "deadline"}};
  if (static_cast<bool>(fuel)) {
    description.layers.emplace_back("fuel");
  }
  return description;
}

/// A place for each of the memories that an instance has.
template <class AnyEngine>
Expected<Slots::Lease> take_slots(AnyEngine& engine, std::uint32_t count, const GuestRun& guest) {
  return engine.slots().take(count, "instance slots of this process", guest.context.deadline(),
                             guest.context.stop());
}

class ModuleHere : public ExportedCode {
 public:
  ModuleHere(std::shared_ptr<Engine> engine, std::shared_ptr<const CompiledModule> module,
             std::uint64_t memory_limit_bytes)
      : engine_(std::move(engine)),
        module_(std::move(module)),
        memory_limit_bytes_(memory_limit_bytes) {}

  Expected<std::vector<FunctionType>> list() override { return core_function_types(*module_); }

  Expected<Called> call(std::string_view function, std::span<const std::string> arguments_json,
                        GuestRun& guest, std::chrono::milliseconds timeout) override {
    auto values = TRY(core_arguments(*module_, function, arguments_json));
    auto slots = take_slots(*engine_, module_->pool_slots(), guest);
    if (!slots) {
      return Called{.execution = {.ending = ending_of(std::move(slots).error())}};
    }
    Called called;
    called.execution = call_core_function(*engine_, *module_, guest, function, std::move(values),
                                          memory_limit_bytes_, timeout, called.value_json);
    TRY(check_result_size(called.value_json, guest));
    return called;
  }

  Expected<Execution> run(GuestRun& guest, std::chrono::milliseconds) override {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" is not a command component; Runtime runs core modules",
                            base::printable(guest.args.front()));
  }

  SandboxDescription description() const override { return describe(engine_->fuel()); }
  CacheUse cache_use() const noexcept override { return module_->cache_use(); }
  bool belongs_to_this_process() const noexcept override {
    return engine_->belongs_to_this_process();
  }

 private:
  const std::shared_ptr<Engine> engine_;  // shared with others: see Engine
  const std::shared_ptr<const CompiledModule> module_;
  const std::uint64_t memory_limit_bytes_;
};

class ComponentHere : public ExportedCode {
 public:
  ComponentHere(std::shared_ptr<ComponentEngine> engine,
                std::shared_ptr<const CompiledComponent> component,
                std::uint64_t memory_limit_bytes)
      : engine_(std::move(engine)),
        component_(std::move(component)),
        memory_limit_bytes_(memory_limit_bytes) {}

  Expected<std::vector<FunctionType>> list() override {
    return component_function_types(*engine_, *component_);
  }

  Expected<Called> call(std::string_view function, std::span<const std::string> arguments_json,
                        GuestRun& guest, std::chrono::milliseconds timeout) override {
    auto slots = take_slots(*engine_, component_->pool_slots(), guest);
    if (!slots) {
      return Called{.execution = {.ending = ending_of(std::move(slots).error())}};
    }
    component::ComponentRun run(guest);
    return call_component(call_of(run, timeout), function, arguments_json);
  }

  Expected<Execution> run(GuestRun& guest, std::chrono::milliseconds timeout) override {
    auto slots = take_slots(*engine_, component_->pool_slots(), guest);
    if (!slots) {
      return Execution{.ending = ending_of(std::move(slots).error())};
    }
    component::ComponentRun run(guest);
    return run_command(call_of(run, timeout));
  }

  SandboxDescription description() const override { return describe(engine_->fuel()); }
  CacheUse cache_use() const noexcept override { return component_->cache_use(); }
  bool belongs_to_this_process() const noexcept override {
    return engine_->belongs_to_this_process();
  }

 private:
  ComponentCall call_of(component::ComponentRun& run, std::chrono::milliseconds timeout) {
    return {.engine = *engine_,
            .component = *component_,
            .run = run,
            .memory_limit_bytes = memory_limit_bytes_,
            .timeout = timeout};
  }

  const std::shared_ptr<ComponentEngine> engine_;  // shared with others: see ComponentEngine
  const std::shared_ptr<const CompiledComponent> component_;
  const std::uint64_t memory_limit_bytes_;
};

}  // namespace

Expected<std::unique_ptr<ExportedCode>> load_here(CodeToLoad code) {
  const FuelMetering fuel(code.policy.compiled().limits().fuel.has_value());
  if (!code.input.is_component()) {
    auto engine = TRY(Engine::shared(fuel));
    auto compiled = TRY(compile_until(engine, std::move(code.input), code.memory_limit_bytes,
                                      std::move(code.cache), code.deadline, code.stop));
    return std::unique_ptr<ExportedCode>(std::make_unique<ModuleHere>(
        std::move(engine), std::move(compiled), code.memory_limit_bytes));
  }
  using ComponentPointer = std::shared_ptr<const CompiledComponent>;
  auto engine = TRY(ComponentEngine::shared(fuel));
  auto place = TRY(
      engine->compile_slots().take(1, "modules that compile at once", code.deadline, code.stop));
  auto compiled = TRY(finish_until<ComponentPointer>(
      // Shared, as a function that is copied cannot own what is moved only.
      [engine, own = std::make_shared<ModuleInput>(std::move(code.input)),
       memory_limit_bytes = code.memory_limit_bytes,
       cache = std::move(code.cache)]() -> Expected<ComponentPointer> {
        return CompiledComponent::find_or_compile(*engine, *own, memory_limit_bytes, cache.get());
      },
      std::move(place), code.deadline, code.stop));
  return std::unique_ptr<ExportedCode>(std::make_unique<ComponentHere>(
      std::move(engine), std::move(compiled), code.memory_limit_bytes));
}

}  // namespace omnisandbox::wasm::exports
