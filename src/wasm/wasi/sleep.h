#pragma once

#include <chrono>

#include "host_functions/run_context.h"

namespace omnisandbox::wasm::wasi {

/// Sleeps until `until`, the run's deadline or a stop, whichever comes first.
void sleep_until(const host_functions::RunContext& context,
                 std::chrono::steady_clock::time_point until);

}  // namespace omnisandbox::wasm::wasi
