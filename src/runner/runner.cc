#include "runner/runner.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "policy/command/absent_command.h"
#include "policy/compiled_policy.h"
#include "policy/remedy.h"
#include "runner/confined_commands.h"
#include "runner/outcome.h"

namespace omnisandbox::runner {
namespace {

/// A command's rule, or its refusal. In a container names are looked up in the image, not on the
/// host.
tl::expected<std::string, Denial> judge_target(const policy::CompiledPolicy& compiled,
                                               const RunRequest& request) {
  if (request.sandbox == SandboxKind::process) {
    return compiled.judge_command(request.target, request.args).map([](const auto& grant) {
      return std::string(grant.rule);
    });
  }
  if (auto denial = compiled.missing(Capability::exec_run, request.target)) {
    return tl::unexpected(*std::move(denial));
  }
  std::string rule;
  for (const policy::CompiledPolicy* layer = &compiled; layer != nullptr; layer = layer->base()) {
    const auto answer = layer->commands().judge_by_name(request.target, request.args);
    if (!answer.allowed) {
      return tl::unexpected(
          Denial{.capability = Capability::exec_run,
                 .resource = request.target,
                 .rule = std::string(answer.rule),
                 .reason = answer.reason,
                 .remedy = policy::command_remedy(answer, request.target, request.args)});
    }
    if (rule.empty()) {
      rule = answer.rule;
    }
  }
  return rule;
}

Error no_sandbox(SandboxKind kind, std::string_view target) {
  const std::string_view instead =
      kind == SandboxKind::process ? "build the tool as a WebAssembly module and run its .wasm file"
                                   : "run a WebAssembly module (a .wasm file, without --image)";
  return base::make_error(ErrorKind::unavailable,
                          "cannot run {}: this build has no {} sandbox yet; {}",
                          base::printable(target), to_string(kind), instead);
}

/// Asks the policy without doing anything, where the call would first have to wait for its input.
Expected<Result> judge_first(HostFunctions& functions, const CallRequest& request) {
  if (!request.judge_first) {
    return Result{};
  }
  Explanation answer = functions.policy().explain(*request.judge_first, request.resource);
  if (answer.allowed) {
    return Result{};
  }
  return functions.impl().context->refused(request.function,
                                           Denial{.capability = answer.capability,
                                                  .resource = std::move(answer.resource),
                                                  .rule = std::move(answer.rule),
                                                  .reason = std::move(answer.reason),
                                                  .remedy = std::move(answer.remedy)});
}

}  // namespace

Runner::Runner(std::vector<std::unique_ptr<Backend>> backends, std::shared_ptr<AuditSink> audit)
    : backends_(std::move(backends)),
      audit_(std::move(audit)),
      commands_(confined_commands(audit_)),
      snippets_(audit_, commands_) {}

const Backend* Runner::find(SandboxKind kind) const noexcept {
  const auto found = std::find_if(backends_.begin(), backends_.end(),
                                  [&](const auto& backend) { return backend->kind() == kind; });
  return found == backends_.end() ? nullptr : found->get();
}

bool Runner::offers(SandboxKind kind) const noexcept { return find(kind) != nullptr; }

Expected<void> Runner::record(const AuditRecord& record, const Policy& policy) const {
  if (!audit_) {
    return {};
  }
  auto written = audit_->write(record);
  return policy.config().audit_required ? written : Expected<void>{};
}

Expected<void> Runner::judge_command(const Policy& policy, const RunRequest& request,
                                     const std::string& run_id) const {
  auto rule = judge_target(policy.compiled(), request);
  const NetworkMode network = request.container.network_mode;
  if (rule && request.sandbox == SandboxKind::docker && network != NetworkMode::none) {
    if (auto denial = policy.compiled().missing(Capability::net_http,
                                                fmt::format("network {}", to_string(network)))) {
      rule = tl::unexpected(*std::move(denial));
    }
  }
  AuditRecord decision;
  decision.time = std::chrono::system_clock::now();
  decision.run_id = run_id;
  decision.sandbox = to_string(request.sandbox);
  decision.capability = Capability::exec_run;
  decision.operation = "run";
  decision.resource = request.target;
  decision.granted = rule.has_value();
  if (rule) {
    decision.rule = *rule;
    return record(decision, policy);
  }
  decision.capability = rule.error().capability;
  decision.rule = rule.error().rule;
  decision.reason = rule.error().reason;
  TRY(record(decision, policy));
  return policy::refused_command(std::move(rule).error());
}

Expected<Result> Runner::judge_and_run(const Policy& policy, const RunRequest& request,
                                       const std::string& run_id) const {
  if (!audit_ && policy.config().audit_required) {
    return base::make_error(ErrorKind::unavailable,
                            "the policy demands an audit log (audit_required) and there is none; "
                            "name a file with --audit");
  }
  if (request.sandbox != SandboxKind::wasm) {
    TRY(judge_command(policy, request, run_id));
  }
  const Backend* backend = find(request.sandbox);
  if (backend == nullptr) {
    return no_sandbox(request.sandbox, request.target);
  }
  return backend->run(policy, request, audit_);
}

Result Runner::run(const Policy& policy, const RunRequest& request) const {
  const auto start = std::chrono::steady_clock::now();
  RunRequest named = request;
  if (named.run_id.empty()) {
    named.run_id = base::random_id();
  }
  const std::string& run_id = named.run_id;
  auto outcome = judge_and_run(policy, named, run_id);
  if (outcome) {
    return *std::move(outcome);
  }
  Result result = failed_result(std::move(outcome).error(),
                                {.kind = std::string(to_string(request.sandbox)), .layers = {}});
  result.run_id = run_id;
  result.duration = std::chrono::steady_clock::now() - start;
  // The run has failed already; a lost outcome cannot make it fail more.
  static_cast<void>(record(outcome_record(result, "run", request.target), policy));
  return result;
}

Evaluation Runner::evaluate(const Policy& policy, const SnippetRequest& request) const {
  const auto start = std::chrono::steady_clock::now();
  auto outcome = snippets_.evaluate(policy, request);
  if (outcome) {
    return *std::move(outcome);
  }
  Result result = failed_result(std::move(outcome).error(), {.kind = "wasm", .layers = {}});
  result.run_id = base::random_id();
  result.duration = std::chrono::steady_clock::now() - start;
  static_cast<void>(
      record(outcome_record(result, "eval", std::string(to_string(request.language))), policy));
  return {.result = std::move(result)};
}

ExportCall Runner::call_export(const Policy& policy, const ExportRequest& request) const {
  const auto start = std::chrono::steady_clock::now();
  auto outcome = runner::call_export(policy, request, audit_);
  if (outcome) {
    return *std::move(outcome);
  }
  Result result = failed_result(std::move(outcome).error(), {.kind = "wasm", .layers = {}});
  result.run_id = base::random_id();
  result.duration = std::chrono::steady_clock::now() - start;
  static_cast<void>(record(outcome_record(result, "call-export", request.module_file), policy));
  return {.result = std::move(result)};
}

Expected<ModuleExports> Runner::load_exports(const Policy& policy,
                                             const ExportsToLoad& what) const {
  return runner::load_exports(policy, what, audit_, commands_);
}

Result Runner::call(const Policy& policy, const CallRequest& request,
                    const std::function<Expected<Result>(HostFunctions&)>& work) const {
  const auto start = std::chrono::steady_clock::now();
  const SandboxDescription sandbox{.kind = "call", .layers = {"app-permissions"}};
  auto functions = HostFunctions::create(policy, HostFunctionOptions{.audit = audit_,
                                                                     .commands = commands_,
                                                                     .run_id = base::random_id(),
                                                                     .deadline = request.deadline,
                                                                     .stop = request.stop});
  if (!functions) {
    return failed_result(std::move(functions).error(), sandbox);
  }
  auto outcome = judge_first(*functions, request);
  if (outcome) {
    outcome = work(*functions);
  }
  Result result =
      outcome ? *std::move(outcome) : failed_result(std::move(outcome).error(), sandbox);
  if (result.sandbox.kind.empty()) {
    result.sandbox = sandbox;
  }
  result.run_id = functions->run_id();
  if (functions->denial_count() > 0) {
    result.denials = functions->denials();
    result.denial_count = functions->denial_count();
  }
  result.duration = std::chrono::steady_clock::now() - start;
  if (auto written = record(outcome_record(result, request.function, request.resource), policy);
      !written && !result.error) {
    return failed_result(std::move(written).error(), sandbox);
  }
  return result;
}

}  // namespace omnisandbox::runner
