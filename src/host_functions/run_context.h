#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "egress/http_client.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/policy.h"
#include "policy/compiled_policy.h"
#include "policy/path/path_gate.h"

namespace omnisandbox::host_functions {

/// What was used of the quotas. Safe from several threads.
struct UsedQuotas {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> files_created{0};
};

/// What one run shares between its host functions and its WASI: the policy, the quotas, the
/// deadline, the audit and the list of denials. Safe from several threads. Every decision passes
/// through `granted` or `refused` exactly once.
class RunContext {
 public:
  /// `unavailable` when the policy has audit_required and there is no sink.
  static Expected<std::unique_ptr<RunContext>> create(Policy policy, HostFunctionOptions options);

  const Policy& policy() const noexcept { return policy_; }
  const policy::CompiledPolicy& compiled() const noexcept { return policy_.compiled(); }
  const policy::Limits& limits() const noexcept { return policy_.compiled().limits(); }
  const policy::PathGate& gate() const noexcept { return gate_; }
  const std::string& run_id() const noexcept { return options_.run_id; }
  const HostFunctionOptions& options() const noexcept { return options_; }

  std::chrono::steady_clock::time_point deadline() const noexcept { return *options_.deadline; }
  const std::stop_token& stop() const noexcept { return options_.stop; }
  /// `timeout` after the deadline, `cancelled` after a stop.
  Expected<void> check_time() const;

  /// Goes on counting where an earlier run stopped: the snippets of one session share their
  /// quotas. Before the first call.
  void continue_quotas(std::shared_ptr<UsedQuotas> used) noexcept { used_ = std::move(used); }

  /// Counts one host-function call; `limit` past max_host_calls. Includes check_time.
  Expected<void> begin_call();
  /// Reserves quota before anything is written or created; `limit` when it is used up.
  Expected<void> charge_write(std::uint64_t bytes);
  Expected<void> charge_file_created();

  /// Records a granted decision. An error (only under audit_required, when the record could not be
  /// written) must be passed on: the call is then refused.
  Expected<void> granted(Capability capability, std::string_view operation,
                         std::string_view resource, std::string_view rule);
  /// Records a denial and makes the Error to return.
  Error refused(std::string_view operation, Denial denial);
  /// What a command of this run was refused belongs to the run. Whoever ran it has recorded it.
  void add_denials_of(const Result& command);
  /// `error` as it is; recorded first when it is a denial. For errors that come from PathGate.
  Error pass_on(std::string_view operation, Error error);

  /// Kept connections for http_fetch; another run never uses them.
  egress::HttpClientPool& http_clients() noexcept { return http_clients_; }

  std::vector<Denial> denials() const;
  std::uint64_t denial_count() const noexcept {
    return denial_count_.load(std::memory_order_relaxed);
  }

 private:
  RunContext(Policy policy, HostFunctionOptions options);
  Expected<void> record(const AuditRecord& record);

  Policy policy_;
  HostFunctionOptions options_;
  policy::PathGate gate_;
  egress::HttpClientPool http_clients_;
  std::shared_ptr<UsedQuotas> used_ = std::make_shared<UsedQuotas>();
  std::atomic<std::uint64_t> denial_count_{0};
  mutable std::mutex denials_mutex_;
  std::vector<Denial> denials_;
};

}  // namespace omnisandbox::host_functions
