#include "wasm/run/run_report.h"

#include <utility>

#include "audit/run_records.h"
#include "base/error.h"

namespace omnisandbox::wasm {

Result report_run(GuestRun& run, Execution execution, const SandboxDescription& sandbox) {
  Result result;
  result.status = execution.ending.status;
  result.exit_code = execution.ending.exit_code;
  result.error = std::move(execution.ending.error);
  result.stdout_bytes = run.stdout_capture.total_bytes();
  result.stdout_truncated = run.stdout_capture.truncated();
  result.stdout_data = run.stdout_capture.take();
  result.stderr_bytes = run.stderr_capture.total_bytes();
  result.stderr_truncated = run.stderr_capture.truncated();
  result.stderr_data = run.stderr_capture.take();
  result.peak_memory_bytes = execution.peak_memory_bytes;
  result.fuel_consumed = execution.fuel_consumed;
  result.sandbox = sandbox;
  result.denial_count = run.context.denial_count();
  if (result.denial_count > 0) {
    result.denials = run.context.denials();
  }
  result.run_id = run.context.run_id();
  return result;
}

void record_outcome(AuditSink* audit, const Config& config, Result& result) {
  if (audit == nullptr) {
    return;
  }
  auto written = audit->write(audit::outcome_record(result));
  if (!written && config.audit_required) {
    result.status = Status::failed;
    result.error =
        base::make_error(ErrorKind::unavailable,
                         "the run ended, and its outcome could not be recorded although the "
                         "policy says audit_required: true: {}",
                         written.error().message);
  }
}

}  // namespace omnisandbox::wasm
