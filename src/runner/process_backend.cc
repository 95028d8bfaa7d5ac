#include "runner/process_backend.h"

#include <utility>

#include "base/try.h"
#include "omnisandbox/process_sandbox.h"
#include "process/command_run.h"
#include "runner/outcome.h"

namespace omnisandbox::runner {

Expected<Result> ProcessBackend::run(const Policy& policy, const RunRequest& request,
                                     std::shared_ptr<AuditSink> audit) const {
  const auto egress = make_egress_server(audit);
  const auto machinery = TRY(process::prepare_machinery({.egress = egress.get()}));
  process::CommandJob job{.command = request.target,
                          .args = request.args,
                          .stdin_data = {},
                          .environment = request.environment,
                          .deadline = request.deadline,
                          .stop = request.stop,
                          .on_stdout = request.on_stdout,
                          .on_stderr = request.on_stderr,
                          .run_id = request.run_id,
                          .stop_grace = request.stop_grace};
  if (request.read_stdin) {
    job.stdin_data = TRY(request.read_stdin());
  }
  Result result = TRY(process::run_confined(policy, *machinery, job));
  if (audit != nullptr) {
    auto written = audit->write(outcome_record(result, "run", request.target));
    if (!written && policy.config().audit_required) {
      return std::move(written).error();
    }
  }
  return result;
}

}  // namespace omnisandbox::runner
