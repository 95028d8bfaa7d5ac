#include "omnisandbox/process_sandbox.h"

#include <utility>

#include "audit/run_records.h"
#include "base/random_id.h"
#include "base/try.h"
#include "policy/command/absent_command.h"
#include "policy/compiled_policy.h"
#include "process/command_run.h"
#include "process/command_signals.h"

namespace omnisandbox {

using Clock = std::chrono::steady_clock;

namespace {

process::MachineryOptions machinery_options(const ProcessSandboxOptions& options) {
  return {.launcher = options.launcher,
          .egress = options.egress.get(),
          .warm_sandboxes = options.warm_sandboxes};
}

}  // namespace

class ProcessSandbox::Impl {
 public:
  Impl(Policy its_policy, ProcessSandboxOptions its_options,
       std::unique_ptr<process::RunMachinery> its_machinery)
      : policy(std::move(its_policy)),
        options(std::move(its_options)),
        machinery(std::move(its_machinery)) {}

  /// An error only where the policy says that nothing may go unrecorded.
  Expected<void> record(AuditRecord entry, const std::string& run_id) const {
    if (options.audit == nullptr) {
      return {};
    }
    entry.time = std::chrono::system_clock::now();
    entry.run_id = run_id;
    entry.sandbox = "process";
    if (entry.operation.empty()) {
      entry.operation = "run";
    }
    auto written = options.audit->write(entry);
    return policy.config().audit_required ? written : Expected<void>{};
  }

  Expected<void> judge(std::string_view command, const std::vector<std::string>& args,
                       const std::string& run_id) const {
    auto grant = policy.compiled().judge_command(command, args);
    AuditRecord decision;
    decision.capability = Capability::exec_run;
    decision.resource = command;
    decision.granted = grant.has_value();
    decision.rule = grant ? std::string(grant->rule) : grant.error().rule;
    decision.reason = grant ? std::string() : grant.error().reason;
    TRY(record(std::move(decision), run_id));
    return grant ? Expected<void>{} : policy::refused_command(std::move(grant).error());
  }

  Policy policy;
  ProcessSandboxOptions options;
  std::unique_ptr<process::RunMachinery> machinery;
};

ProcessSandbox::ProcessSandbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessSandbox::ProcessSandbox(ProcessSandbox&&) noexcept = default;
ProcessSandbox& ProcessSandbox::operator=(ProcessSandbox&&) noexcept = default;
ProcessSandbox::~ProcessSandbox() = default;

Expected<ProcessSandbox> ProcessSandbox::create(Config config, ProcessSandboxOptions options) {
  return create(TRY(Policy::compile(std::move(config))), std::move(options));
}

Expected<ProcessSandbox> ProcessSandbox::create(Policy policy, ProcessSandboxOptions options) {
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  auto machinery = TRY(process::prepare_machinery(machinery_options(options)));
  process::warm_up(policy, *machinery);
  return ProcessSandbox(
      std::make_unique<Impl>(std::move(policy), std::move(options), std::move(machinery)));
}

Expected<Result> ProcessSandbox::run(std::string_view command, std::vector<std::string> args,
                                     ProcessRunOptions options) {
  const std::string run_id = base::random_id();
  TRY(impl_->judge(command, args, run_id));
  const auto limit = impl_->policy.compiled().limits().timeout;
  process::CommandJob job{
      .command = std::string(command),
      .args = std::move(args),
      .stdin_data = std::move(options.stdin_data),
      .environment = std::move(options.environment),
      .deadline = Clock::now() + std::min(options.timeout.value_or(limit), limit),
      .stop = std::move(options.stop),
      .on_stdout = std::move(options.on_stdout),
      .on_stderr = std::move(options.on_stderr),
      .run_id = run_id,
      .streams = options.streams,
      .signals = process::signal_source(options.signals),
      .stop_grace = options.stop_grace,
      .explain = options.explain ? process::Explain::yes : process::Explain::no};
  auto result = process::run_confined(impl_->policy, *impl_->machinery, job);
  AuditRecord outcome;
  outcome.event = AuditRecord::Event::outcome;
  if (result) {
    outcome = audit::outcome_record(*result);
    outcome.reason = result->error ? result->error->message : std::string();
  } else {
    outcome.status = Status::failed;
    outcome.reason = result.error().message;
  }
  outcome.resource = job.command;
  if (result) {
    for (AuditRecord& refused : audit::refusal_records(*result)) {
      TRY(impl_->record(std::move(refused), run_id));
    }
  }
  TRY(impl_->record(std::move(outcome), run_id));
  return result;
}

Expected<Result> ProcessSandbox::run(std::string_view command, std::vector<std::string> args,
                                     std::string stdin_data, std::stop_token stop) {
  return run(command, std::move(args),
             ProcessRunOptions{.stdin_data = std::move(stdin_data), .stop = std::move(stop)});
}

const Policy& ProcessSandbox::policy() const noexcept { return impl_->policy; }

namespace {

class ProcessCommandRunner final : public CommandRunner {
 public:
  ProcessCommandRunner(std::shared_ptr<process::EgressServer> egress,
                       std::unique_ptr<process::RunMachinery> machinery)
      : egress_(std::move(egress)), machinery_(std::move(machinery)) {}

  Expected<Result> run(const Policy& policy, const CommandRequest& request,
                       Clock::time_point deadline, std::stop_token stop) override {
    return process::run_confined(
        policy, *machinery_,
        process::CommandJob{.command = request.command,
                            .args = request.args,
                            .stdin_data = request.stdin_data,
                            .environment = {},
                            .deadline = deadline,
                            .stop = std::move(stop),
                            .on_stdout = {},
                            .on_stderr = {},
                            .run_id = request.run_id.empty() ? base::random_id() : request.run_id});
  }

 private:
  // Shared with whoever else sends commands through it.
  std::shared_ptr<process::EgressServer> egress_;
  std::unique_ptr<process::RunMachinery> machinery_;
};

}  // namespace

Expected<std::shared_ptr<CommandRunner>> make_process_command_runner(
    ProcessSandboxOptions options) {
  auto machinery = TRY(process::prepare_machinery(machinery_options(options)));
  return std::shared_ptr<CommandRunner>(
      std::make_shared<ProcessCommandRunner>(std::move(options.egress), std::move(machinery)));
}

ProcessSandboxProbe probe_process_sandbox(const ProcessSandboxOptions& options) {
  ProcessSandboxProbe probe;
  const auto attempt = [&]() -> Expected<Result> {
    auto sandbox = TRY(ProcessSandbox::create(Config{.capabilities = {Capability::exec_run},
                                                     .timeout = std::chrono::seconds(5),
                                                     .allowed_commands = {"true"}},
                                              options));
    return sandbox.run("true", {});
  };
  const auto result = attempt();
  if (!result) {
    probe.missing.push_back(result.error().message);
    return probe;
  }
  probe.available = result->status == Status::ok;
  probe.layers = result->sandbox.layers;
  if (result->error) {
    probe.missing.push_back(result->error->message);
  }
  for (const std::string& layer : probe.layers) {
    if (layer.find("weaker") != std::string::npos) {
      probe.missing.push_back(layer +
                              "; run as root, or in a delegated cgroup (systemd: Delegate=yes)");
    }
  }
  return probe;
}

}  // namespace omnisandbox
