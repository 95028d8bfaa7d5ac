#include "wasm/run/guest_execution.h"

#include <string_view>

#include "base/error.h"
#include "wasm/engine/wasmtime_extensions.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

// From one advance of the epoch to the next, whichever run it is meant for.
constexpr std::uint64_t next_advance = 1;

// Called in the guest's thread, at a loop or a function's start, after the deadline watch has
// advanced the epoch.
wasmtime_error_t* on_epoch(wasmtime_context_t*, void* data, std::uint64_t* delta,
                           wasmtime_update_deadline_kind_t* kind) noexcept {
  auto& run = *static_cast<GuestRun*>(data);
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

CallFailure call_plain(wasmtime_context_t* context, const wasmtime_instance_t& instance,
                       std::string_view name) {
  CallFailure failure;
  wasmtime_extern_t entry;
  if (!wasmtime_instance_export_get(context, &instance, name.data(), name.size(), &entry)) {
    failure.error.reset(wasmtime_error_new("the entry function is missing"));
    return failure;
  }
  wasm_trap_t* trap = nullptr;
  failure.error.reset(wasmtime_func_call(context, &entry.of.func, nullptr, 0, nullptr, 0, &trap));
  failure.trap.reset(trap);
  return failure;
}

CallFailure run_entry(wasmtime_context_t* context, const CompiledModule& module,
                      const GuestAction& action) {
  using Entry = CompiledModule::Entry;
  CallFailure failure;
  wasmtime_instance_t instance;
  wasm_trap_t* trap = nullptr;
  failure.error.reset(
      wasmtime_instance_pre_instantiate(module.instance_pre(), context, &instance, &trap));
  failure.trap.reset(trap);
  if (!failure && module.entry() == Entry::reactor) {
    failure = call_plain(context, instance, "_initialize");
  }
  if (!failure && action) {
    return action(context, instance);
  }
  if (!failure && module.entry() == Entry::command) {
    failure = call_plain(context, instance, "_start");
  }
  return failure;
}

void set_fuel(wasmtime_context_t* context, std::uint64_t fuel) {
  // Fails only where the engine does not meter, and this one does.
  const ErrorOwner error(wasmtime_context_set_fuel(context, fuel));
}

}  // namespace

Execution execute_guest(Engine& engine, const CompiledModule& module, GuestRun& run,
                        std::uint64_t memory_limit_bytes, std::chrono::milliseconds timeout,
                        const GuestAction& action) {
  omnisandbox_store_usage usage{};
  usage.memory_limit_bytes = memory_limit_bytes;
  usage.table_elements_limit = max_table_elements;
  const StoreOwner store(wasmtime_store_new(engine.get(), &run, nullptr));
  wasmtime_context_t* context = wasmtime_store_context(store.get());
  omnisandbox_store_limit(store.get(), &usage);
  const bool metered = static_cast<bool>(engine.fuel());
  const std::uint64_t fuel = run.context.limits().fuel.value_or(0);
  if (metered) {
    set_fuel(context, fuel);
  }
  wasmtime_store_epoch_deadline_callback(store.get(), &on_epoch, &run, nullptr);
  wasmtime_context_set_epoch_deadline(context, next_advance);

  Execution execution;
  if (auto watching = engine.deadlines().start(); !watching) {
    execution.ending = ending_of(std::move(watching).error());
    return execution;
  }
  {
    const DeadlineWatch::Entry watched(engine.deadlines(), run.context.deadline(),
                                       run.context.stop());
    const CallFailure failure = run_entry(context, module, action);
    execution.ending = ending_of(run, failure, usage, timeout);
  }
  execution.peak_memory_bytes = usage.memory_bytes;
  if (metered) {
    std::uint64_t left = 0;
    const ErrorOwner error(wasmtime_context_get_fuel(context, &left));
    execution.fuel_consumed = error == nullptr && left <= fuel ? fuel - left : fuel;
  }
  return execution;
}

}  // namespace omnisandbox::wasm
