#include "runner/process_backend.h"

#include <utility>

#include "audit/run_records.h"
#include "base/try.h"
#include "process/egress_server.h"
#include "runner/outcome.h"

namespace omnisandbox::runner {

Expected<std::shared_ptr<const ProcessBackend::Prepared>> ProcessBackend::prepared(
    std::shared_ptr<AuditSink> audit) const {
  const std::lock_guard lock(mutex_);
  if (prepared_ == nullptr || prepared_->audit != audit) {
    auto made = std::make_shared<Prepared>();
    made->egress = make_egress_server(audit);
    made->audit = std::move(audit);
    made->machinery = TRY(process::prepare_machinery({.egress = made->egress.get()}));
    prepared_ = std::move(made);
  }
  return prepared_;
}

Expected<Result> ProcessBackend::run(const Policy& policy, const RunRequest& request,
                                     std::shared_ptr<AuditSink> audit) const {
  const auto machinery = TRY(prepared(audit));
  process::CommandJob job{
      .command = request.target,
      .args = request.args,
      .stdin_data = {},
      .environment = request.environment,
      .deadline = request.deadline,
      .stop = request.stop,
      .on_stdout = request.on_stdout,
      .on_stderr = request.on_stderr,
      .run_id = request.run_id,
      .stop_grace = request.stop_grace,
      .explain = request.explain ? process::Explain::yes : process::Explain::no};
  if (request.read_stdin) {
    job.stdin_data = TRY(request.read_stdin());
  }
  Result result = TRY(process::run_confined(policy, *machinery->machinery, job));
  if (audit != nullptr) {
    for (const AuditRecord& refused : audit::refusal_records(result)) {
      auto recorded = audit->write(refused);
      if (!recorded && policy.config().audit_required) {
        return std::move(recorded).error();
      }
    }
    auto written = audit->write(outcome_record(result, "run", request.target));
    if (!written && policy.config().audit_required) {
      return std::move(written).error();
    }
  }
  return result;
}

}  // namespace omnisandbox::runner
