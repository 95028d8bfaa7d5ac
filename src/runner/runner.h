#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "runner/backend.h"
#include "runner/export_call.h"
#include "runner/snippet.h"

namespace omnisandbox::runner {

/// A use of one host function outside of any sandbox.
struct CallRequest {
  std::string function;  ///< "fs_read", …; with `resource` for the audit log
  std::string resource;
  /// Set where the input is read from a slow source: a call that the policy refuses is then refused
  /// before that.
  std::optional<Capability> judge_first{};
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
};

/// The flow request → policy → backend → result + audit. What takes long to prepare is kept for the
/// next request. Safe to use from several threads.
class Runner {
 public:
  /// `audit` may be null: no records, and a policy with audit_required runs nothing.
  Runner(std::vector<std::unique_ptr<Backend>> backends, std::shared_ptr<AuditSink> audit);

  bool offers(SandboxKind kind) const noexcept;

  /// Judges and runs. The policy answers first: what it refuses is `denied` even where this build
  /// has no sandbox for it.
  Result run(const Policy& policy, const RunRequest& request) const;

  /// Evaluates a snippet in a fresh interpreter; needs no capability of its own.
  Evaluation evaluate(const Policy& policy, const SnippetRequest& request) const;

  /// Calls a function that a module exports; needs no capability of its own. Its list is the
  /// Result's stdout where no function is named.
  ExportCall call_export(const Policy& policy, const ExportRequest& request) const;

  /// Loads exports that the caller keeps; what they do is audited as the runner's own.
  Expected<ModuleExports> load_exports(const Policy& policy, const ExportsToLoad& what) const;

  /// `work` makes the call and fills in the Result's output;
  /// what it does not do itself (status of an error, denials, duration, the audit's outcome record)
  /// is added here.
  Result call(const Policy& policy, const CallRequest& request,
              const std::function<Expected<Result>(HostFunctions&)>& work) const;

 private:
  const Backend* find(SandboxKind kind) const noexcept;
  Expected<Result> judge_and_run(const Policy& policy, const RunRequest& request,
                                 const std::string& run_id) const;
  Expected<void> judge_command(const Policy& policy, const RunRequest& request,
                               const std::string& run_id) const;
  Expected<void> record(const AuditRecord& record, const Policy& policy) const;

  std::vector<std::unique_ptr<Backend>> backends_;
  std::shared_ptr<AuditSink> audit_;         // shared: the front end reports what it lost
  std::shared_ptr<CommandRunner> commands_;  // shared with the runs under way
  SnippetRunner snippets_;
};

}  // namespace omnisandbox::runner
