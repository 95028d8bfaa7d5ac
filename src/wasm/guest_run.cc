#include "wasm/guest_run.h"

#include "wasm/abi/handle_table.h"
#include "wasm/wasi/fd_table.h"

namespace omnisandbox::wasm {

GuestRun::GuestRun(HostFunctions& functions, host_functions::RunContext& run_context)
    : host_functions(functions),
      context(run_context),
      stdout_capture(run_context.limits().max_output_bytes),
      stderr_capture(run_context.limits().max_output_bytes) {}

GuestRun::~GuestRun() = default;

}  // namespace omnisandbox::wasm
