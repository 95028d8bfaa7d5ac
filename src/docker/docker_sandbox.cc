#include "omnisandbox/docker_sandbox.h"

#include <utility>

#include "audit/run_records.h"
#include "base/random_id.h"
#include "base/try.h"
#include "docker/contained_run.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox {

using Clock = std::chrono::steady_clock;

class DockerSandbox::Impl {
 public:
  Impl(DockerConfig its_docker, Policy its_policy,
       std::unique_ptr<docker::DockerMachinery> its_machinery)
      : docker(std::move(its_docker)),
        policy(std::move(its_policy)),
        machinery(std::move(its_machinery)) {}

  /// An error only where the policy says that nothing may go unrecorded.
  Expected<void> record(AuditRecord entry, const std::string& run_id) const {
    if (machinery->audit() == nullptr) {
      return {};
    }
    entry.time = std::chrono::system_clock::now();
    entry.run_id = run_id;
    entry.sandbox = "docker";
    entry.operation = "run";
    auto written = machinery->audit()->write(entry);
    return policy.config().audit_required ? written : Expected<void>{};
  }

  Expected<void> judge(const docker::DockerJob& job) const {
    const auto command = policy::judge_container_command(policy.compiled(), job.command, job.args);
    AuditRecord decision;
    decision.capability = Capability::exec_run;
    decision.resource = job.command;
    decision.granted = command.has_value();
    decision.rule = command ? command->rule : command.error().rule;
    decision.reason = command ? std::string() : command.error().reason;
    TRY(record(std::move(decision), job.run_id));
    return command ? Expected<void>{} : Error::from_denial(command.error());
  }

  DockerConfig docker;
  Policy policy;
  std::unique_ptr<docker::DockerMachinery> machinery;
};

DockerSandbox::DockerSandbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DockerSandbox::DockerSandbox(DockerSandbox&&) noexcept = default;
DockerSandbox& DockerSandbox::operator=(DockerSandbox&&) noexcept = default;
DockerSandbox::~DockerSandbox() = default;

Expected<DockerSandbox> DockerSandbox::create(DockerConfig docker, Config config,
                                              DockerSandboxOptions options) {
  return create(std::move(docker), TRY(Policy::compile(std::move(config))), std::move(options));
}

Expected<DockerSandbox> DockerSandbox::create(DockerConfig docker, Policy policy,
                                              DockerSandboxOptions options) {
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  // Each run judges anew, for what has changed meanwhile; a wrong configuration is told at once.
  TRY(policy::judge_container(policy.compiled(), docker));
  auto machinery =
      TRY(docker::DockerMachinery::create({.engine_address = std::move(options.engine),
                                           .init_program = std::move(options.init_program),
                                           .audit = std::move(options.audit),
                                           .warm_containers = options.warm_containers,
                                           .registry_config = std::move(options.registry_config)}));
  if (options.warm_containers > 0) {
    docker::warm_up(policy, docker, *machinery);
  }
  return DockerSandbox(
      std::make_unique<Impl>(std::move(docker), std::move(policy), std::move(machinery)));
}

Expected<Result> DockerSandbox::run(std::string_view command, std::vector<std::string> args,
                                    DockerRunOptions options) {
  const auto limit = impl_->policy.compiled().limits().timeout;
  const docker::DockerJob job{
      .command = std::string(command),
      .args = std::move(args),
      .stdin_data = std::move(options.stdin_data),
      .environment = std::move(options.environment),
      .working_dir = std::move(options.working_dir),
      .deadline = Clock::now() + std::min(options.timeout.value_or(limit), limit),
      .stop = std::move(options.stop),
      .stop_grace = options.stop_grace,
      .on_stdout = std::move(options.on_stdout),
      .on_stderr = std::move(options.on_stderr),
      .run_id = base::random_id(),
      .on_pull = std::move(options.on_pull)};
  TRY(impl_->judge(job));
  auto result = docker::run_contained(impl_->policy, impl_->docker, *impl_->machinery, job);
  AuditRecord outcome;
  outcome.event = AuditRecord::Event::outcome;
  if (result) {
    outcome = audit::outcome_record(*result);
    outcome.reason = result->error ? result->error->message : std::string();
  } else {
    outcome.status = result.error().kind == ErrorKind::denied ? Status::denied : Status::failed;
    outcome.reason = result.error().message;
  }
  outcome.resource = job.command;
  TRY(impl_->record(std::move(outcome), job.run_id));
  return result;
}

Expected<Result> DockerSandbox::run_shell(std::string_view script, DockerRunOptions options) {
  return run("sh", {"-c", std::string(script)}, std::move(options));
}

Expected<Result> DockerSandbox::run_with_stdin(std::string_view command,
                                               std::vector<std::string> args,
                                               std::string stdin_data, DockerRunOptions options) {
  options.stdin_data = std::move(stdin_data);
  return run(command, std::move(args), std::move(options));
}

Expected<std::string> DockerSandbox::prepare_image(std::function<void(const PullProgress&)> on_pull,
                                                   std::stop_token stop) {
  const docker::DockerJob job{.command = {},
                              .deadline = Clock::now() + impl_->policy.compiled().limits().timeout,
                              .stop = std::move(stop),
                              .run_id = base::random_id(),
                              .on_pull = std::move(on_pull)};
  return docker::prepare_image(impl_->policy, impl_->docker, *impl_->machinery, job);
}

const Policy& DockerSandbox::policy() const noexcept { return impl_->policy; }

}  // namespace omnisandbox
