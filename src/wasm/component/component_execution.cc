#include "wasm/component/component_execution.h"

#include <utility>

#include "base/error.h"
#include "wasm/component/limits.h"

namespace omnisandbox::wasm::component {
namespace {

// From one advance of the epoch to the next, whichever run it is meant for.
constexpr std::uint64_t next_advance = 1;
constexpr int trap_exit_code = 134;

// Called in the guest's thread, at a loop or a function's start, after the deadline watch has
// advanced the epoch.
wasmtime_error_t* on_epoch(wasmtime_context_t*, void* data, std::uint64_t* delta,
                           wasmtime_update_deadline_kind_t* kind) noexcept {
  GuestRun& run = *static_cast<ComponentRun*>(data)->guest;
  if (run.context.stop().stop_requested()) {
    run.ended_by = GuestCall::End::cancelled;
  } else if (std::chrono::steady_clock::now() >= run.context.deadline()) {
    run.ended_by = GuestCall::End::timeout;
  } else {
    *delta = next_advance;
    *kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
    return nullptr;
  }
  return wasmtime_error_new("ended by the host");
}

}  // namespace

ComponentInstance::ComponentInstance(ComponentEngine& engine, ComponentRun& run,
                                     std::uint64_t memory_limit_bytes)
    : engine_(engine), run_(run), store_(wasmtime_store_new(engine.get(), &run, nullptr)) {
  usage_.memory_limit_bytes = memory_limit_bytes;
  usage_.table_elements_limit = max_table_elements;
  if (static_cast<bool>(engine.fuel())) {
    // Fails only where the engine does not meter, and this one does.
    const ErrorOwner error(wasmtime_context_set_fuel(wasmtime_store_context(store_.get()),
                                                     run.guest->context.limits().fuel.value_or(0)));
  }
  wasmtime_store_epoch_deadline_callback(store_.get(), &on_epoch, &run, nullptr);
}

// The limit over all memories counts growth, and cannot be in force while the core instances are
// made. Until then each memory is held to what it begins with and a little more, and all of that is
// counted as used from the start.
CallFailure ComponentInstance::instantiate(const CompiledComponent& component) {
  const ComponentShape& shape = component.shape();
  wasmtime_store_limiter(store_.get(), static_cast<std::int64_t>(shape.start_limit_bytes()),
                         static_cast<std::int64_t>(max_table_elements),
                         max_core_instances_per_component, max_tables_per_component,
                         static_cast<std::int64_t>(shape.memory_count));
  usage_.memory_bytes = shape.start_memory_bytes();
  CallFailure failure;
  wasmtime_component_instance_t instance;
  failure.error.reset(wasmtime_component_linker_instantiate(
      engine_.linker(), wasmtime_store_context(store_.get()), component.get(), &instance));
  if (!failure) {
    instance_ = instance;
    omnisandbox_store_limit(store_.get(), &usage_);
  }
  return failure;
}

CallFailure ComponentInstance::call_function(const wasmtime_component_export_index_t* function,
                                             const std::vector<wasmtime_component_val_t>& args,
                                             Value* result) {
  wasmtime_context_t* context = wasmtime_store_context(store_.get());
  CallFailure failure;
  wasmtime_component_func_t callee;
  if (!wasmtime_component_instance_get_func(&*instance_, context, function, &callee)) {
    failure.error.reset(wasmtime_error_new("the exported function is missing"));
    return failure;
  }
  wasmtime_component_val_t returned{};
  failure.error.reset(wasmtime_component_func_call(&callee, context, args.data(), args.size(),
                                                   &returned, result == nullptr ? 0 : 1));
  if (!failure && result != nullptr) {
    *result = Value(returned);
  }
  return failure;
}

bool ComponentInstance::prepare(const CompiledComponent& component) {
  constexpr std::uint64_t never = std::uint64_t{1} << 62U;
  wasmtime_context_set_epoch_deadline(wasmtime_store_context(store_.get()), never);
  return !instantiate(component);
}

Execution ComponentInstance::call(const CompiledComponent& component,
                                  const wasmtime_component_export_index_t* function,
                                  const std::vector<wasmtime_component_val_t>& args, Value* result,
                                  std::chrono::milliseconds timeout) {
  GuestRun& run = *run_.guest;
  wasmtime_context_t* context = wasmtime_store_context(store_.get());
  wasmtime_context_set_epoch_deadline(context, next_advance);
  usage_.memory_refused = false;  // an earlier call's is not this one's
  Execution execution;
  if (auto watching = engine_.deadlines().start(); !watching) {
    execution.ending = ending_of(std::move(watching).error());
    return execution;
  }
  {
    const DeadlineWatch::Entry watched(engine_.deadlines(), run.context.deadline(),
                                       run.context.stop());
    CallFailure failure;
    if (!instance_) {
      failure = instantiate(component);
    }
    if (!failure) {
      failure = call_function(function, args, result);
    }
    execution.ending = ending_of(run, failure, usage_, timeout);
    // What the engine reports once the component runs is the component's doing: a handle that it
    // must not use, more data than may pass at once.
    if (instance_ && execution.ending.status == Status::failed &&
        run.ended_by == GuestCall::End::none) {
      execution.ending.status = Status::trap;
      execution.ending.exit_code = trap_exit_code;
      execution.ending.error->kind = ErrorKind::trap;
    }
  }
  execution.peak_memory_bytes = usage_.memory_bytes;
  execution.memory_refused = usage_.memory_refused;
  if (static_cast<bool>(engine_.fuel())) {
    const std::uint64_t fuel = run.context.limits().fuel.value_or(0);
    std::uint64_t left = 0;
    const ErrorOwner error(wasmtime_context_get_fuel(context, &left));
    execution.fuel_consumed = error == nullptr && left <= fuel ? fuel - left : fuel;
  }
  return execution;
}

}  // namespace omnisandbox::wasm::component
