#include "docker/recorded_run.h"

#include <algorithm>
#include <utility>

#include "audit/run_records.h"
#include "base/random_id.h"
#include "base/try.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {

DockerJob job_of(std::string_view command, std::vector<std::string> args, DockerRunOptions options,
                 const Policy& policy) {
  const auto limit = policy.compiled().limits().timeout;
  return {.command = std::string(command),
          .args = std::move(args),
          .stdin_data = std::move(options.stdin_data),
          .environment = std::move(options.environment),
          .working_dir = std::move(options.working_dir),
          .deadline =
              std::chrono::steady_clock::now() + std::min(options.timeout.value_or(limit), limit),
          .stop = std::move(options.stop),
          .stop_grace = options.stop_grace,
          .on_stdout = std::move(options.on_stdout),
          .on_stderr = std::move(options.on_stderr),
          .run_id = base::random_id(),
          .on_pull = std::move(options.on_pull),
          .copy_in = std::move(options.copy_in),
          .copy_out = std::move(options.copy_out)};
}

Expected<void> write_record(const Policy& policy, AuditSink* audit, AuditRecord record,
                            const std::string& run_id) {
  if (audit == nullptr) {
    return {};
  }
  record.time = std::chrono::system_clock::now();
  record.run_id = run_id;
  record.sandbox = "docker";
  auto written = audit->write(record);
  return policy.config().audit_required ? written : Expected<void>{};
}

Expected<Result> recorded_run(const Policy& policy, AuditSink* audit, const DockerJob& job,
                              const std::function<Expected<Result>()>& work) {
  const auto command = policy::judge_container_command(policy.compiled(), job.command, job.args);
  AuditRecord decision;
  decision.capability = Capability::exec_run;
  decision.operation = "run";
  decision.resource = job.command;
  decision.granted = command.has_value();
  decision.rule = command ? command->rule : command.error().rule;
  decision.reason = command ? std::string() : command.error().reason;
  TRY(write_record(policy, audit, std::move(decision), job.run_id));
  if (!command) {
    return Error::from_denial(command.error());
  }
  auto result = work();
  AuditRecord outcome;
  outcome.event = AuditRecord::Event::outcome;
  if (result) {
    outcome = audit::outcome_record(*result);
    outcome.reason = result->error ? result->error->message : std::string();
  } else {
    outcome.status = result.error().kind == ErrorKind::denied ? Status::denied : Status::failed;
    outcome.reason = result.error().message;
  }
  outcome.operation = "run";
  outcome.resource = job.command;
  TRY(write_record(policy, audit, std::move(outcome), job.run_id));
  return result;
}

}  // namespace omnisandbox::docker
