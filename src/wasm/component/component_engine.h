#pragma once

#include <cstdint>
#include <memory>

#include "omnisandbox/expected.h"
#include "wasm/component/owners.h"
#include "wasm/engine/deadline_watch.h"
#include "wasm/engine/engine.h"
#include "wasm/engine/engine_config.h"
#include "wasm/engine/owners.h"
#include "wasm/engine/slots.h"

namespace omnisandbox::wasm::component {

/// wasmtime's engine for components: the same features and code as for core modules, with a pool of
/// its own, because a component is many core instances. All of a process with the same settings
/// share one. Thread-safe.
class ComponentEngine {
 public:
  /// The engine with these settings, made when there is none yet. Errors: `unavailable`.
  static Expected<std::shared_ptr<ComponentEngine>> shared(FuelMetering fuel);
  /// One of the caller's own, for a worker process.
  static Expected<std::shared_ptr<ComponentEngine>> create_for_worker(FuelMetering fuel);
  /// One that compiles for other machines too (`CompileFor::many_processors`).
  static Expected<std::shared_ptr<ComponentEngine>> create_for_shipping(FuelMetering fuel);

  ComponentEngine(const ComponentEngine&) = delete;
  ComponentEngine& operator=(const ComponentEngine&) = delete;

  wasm_engine_t* get() const noexcept { return engine_.get(); }
  const wasmtime_component_linker_t* linker() const noexcept { return linker_.get(); }
  FuelMetering fuel() const noexcept { return fuel_; }
  /// Places for memories: a run takes as many as its component has, and at least one.
  Slots& slots() noexcept { return slots_; }
  Slots& compile_slots() noexcept { return compile_slots_; }
  DeadlineWatch& deadlines() noexcept { return deadlines_; }
  bool belongs_to_this_process() const noexcept;

 private:
  /// Places in the engine's pool.
  struct Pool {
    std::uint32_t memories = 0;
    std::uint32_t instances = 0;  ///< components at once
  };
  static Expected<std::shared_ptr<ComponentEngine>> create(
      FuelMetering fuel, Pool pool, CompileFor processors = CompileFor::this_machine);
  ComponentEngine(FuelMetering fuel, EngineOwner engine, ComponentLinkerOwner linker,
                  std::uint32_t memories);

  const FuelMetering fuel_;
  const int process_id_;
  EngineOwner engine_;
  ComponentLinkerOwner linker_;
  Slots slots_;
  Slots compile_slots_;
  DeadlineWatch deadlines_;
};

}  // namespace omnisandbox::wasm::component
