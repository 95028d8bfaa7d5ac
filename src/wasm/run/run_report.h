#pragma once

#include "omnisandbox/audit.h"
#include "omnisandbox/result.h"
#include "wasm/guest_run.h"
#include "wasm/run/guest_execution.h"

namespace omnisandbox::wasm {

/// What a Result says of a run, all but its duration. Takes the run's output.
Result report_run(GuestRun& run, Execution execution, const SandboxDescription& sandbox);

/// Writes the run's outcome to `audit`, which may be null. Where the policy demands the record and
/// it cannot be written, the result says `failed`.
void record_outcome(AuditSink* audit, const Config& config, Result& result);

}  // namespace omnisandbox::wasm
