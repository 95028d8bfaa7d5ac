#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "wasm/component/compiled_component.h"
#include "wasm/component/component_run.h"
#include "wasm/component/values.h"
#include "wasm/engine/wasmtime_extensions.h"
#include "wasm/run/guest_execution.h"

namespace omnisandbox::wasm::component {

/// One instance of a component with its store, alive from one call to the next. Used by one thread
/// at a time; the thread needs component_stack_bytes and host_call_stack_bytes of stack.
class ComponentInstance {
 public:
  /// `run` and `engine` must outlive the instance.
  ComponentInstance(ComponentEngine& engine, ComponentRun& run, std::uint64_t memory_limit_bytes);
  ComponentInstance(const ComponentInstance&) = delete;
  ComponentInstance& operator=(const ComponentInstance&) = delete;

  /// Makes the instance ahead of its first call. Nothing bounds the time of that, so it is for
  /// components that are trusted. False, and no harm done, where it cannot be made.
  bool prepare(const CompiledComponent& component);

  /// Makes the instance where there is none yet, and calls the exported function with `args`; later
  /// calls use the same instance. Deadline and stop are those of the run. The result, if the
  /// function has one, is in `result`.
  Execution call(const CompiledComponent& component,
                 const wasmtime_component_export_index_t* function,
                 const std::vector<wasmtime_component_val_t>& args, Value* result,
                 std::chrono::milliseconds timeout);

 private:
  CallFailure instantiate(const CompiledComponent& component);
  CallFailure call_function(const wasmtime_component_export_index_t* function,
                            const std::vector<wasmtime_component_val_t>& args, Value* result);

  ComponentEngine& engine_;
  ComponentRun& run_;
  omnisandbox_store_usage usage_{};
  StoreOwner store_;  // refers to usage_
  std::optional<wasmtime_component_instance_t> instance_;
};

}  // namespace omnisandbox::wasm::component
