#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "wasm/engine/engine.h"
#include "wasm/exported_type.h"
#include "wasm/guest_run.h"
#include "wasm/module/compiled_module.h"
#include "wasm/run/guest_execution.h"

namespace omnisandbox::wasm::exports {

/// Error: `too_large` for more than can be listed.
Expected<std::vector<FunctionType>> core_function_types(const CompiledModule& module);

/// Arguments that fit the function's type. Errors: `not_found`, `invalid_argument`.
Expected<std::vector<wasmtime_val_t>> core_arguments(const CompiledModule& module,
                                                     std::string_view function,
                                                     std::span<const std::string> arguments_json);

/// Makes an instance, initialises it where it is a reactor, and calls the function. `value_json` is
/// set where it returned something.
Execution call_core_function(Engine& engine, const CompiledModule& module, GuestRun& run,
                             std::string_view function, std::vector<wasmtime_val_t> arguments,
                             std::uint64_t memory_limit_bytes, std::chrono::milliseconds timeout,
                             std::optional<std::string>& value_json);

}  // namespace omnisandbox::wasm::exports
