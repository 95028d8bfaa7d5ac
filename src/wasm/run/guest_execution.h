#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "wasm/engine/engine.h"
#include "wasm/guest_run.h"
#include "wasm/module/compiled_module.h"
#include "wasm/run/call_failure.h"
#include "wasm/run/ending.h"

namespace omnisandbox::wasm {

/// What one execution measured.
struct Execution {
  Ending ending;
  std::uint64_t peak_memory_bytes = 0;
  bool memory_refused = false;                   ///< the guest asked for more than its limit
  std::optional<std::uint64_t> fuel_consumed{};  ///< set when fuel was metered
};

/// What to do with an instance instead of running its `_start`.
using GuestAction =
    std::function<CallFailure(wasmtime_context_t* context, const wasmtime_instance_t& instance)>;

/// Makes a fresh store and instance, runs the module's entry (or, after a reactor's `_initialize`,
/// `action` where there is one), and drops both. Blocks until the guest has ended. `run` carries
/// the input, the deadline and the stop, and takes the output. The thread needs guest_stack_bytes
/// and host_call_stack_bytes of stack.
Execution execute_guest(Engine& engine, const CompiledModule& module, GuestRun& run,
                        std::uint64_t memory_limit_bytes, std::chrono::milliseconds timeout,
                        const GuestAction& action = {});

}  // namespace omnisandbox::wasm
