#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "egress/proxy/limits.h"
#include "egress/proxy/name_resolver.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/policy.h"
#include "policy/compiled_policy.h"

namespace omnisandbox::egress {

/// What the connections of one run share: its policy, its counters and its denials. Thread rule:
/// the proxy's own thread alone; after that has ended, whoever owns it.
class ProxyRun {
 public:
  ProxyRun(Policy policy, std::shared_ptr<AuditSink> audit, std::string run_id,
           std::string sandbox);

  const policy::CompiledPolicy& compiled() const noexcept { return policy_.compiled(); }

  /// Counts one request; the Denial past the run's max_host_calls.
  std::optional<Denial> count_request(std::string_view asked_as);
  /// Counts moved bytes; false past max_bytes_per_run.
  bool count_bytes(std::uint64_t bytes);
  /// Of one response, or of what one tunnel brings; empty where the policy sets none. (The default
  /// of max_response_bytes is meant for bodies that are kept in memory, and these are not.)
  std::optional<std::uint64_t> max_response_bytes() const noexcept { return max_response_bytes_; }

  /// Records a decision. Each goes through one of these once. An answer of `granted` is a denial:
  /// under audit_required what cannot be recorded is refused.
  std::optional<Denial> granted(std::string_view operation, std::string_view resource,
                                std::string_view rule);
  void denied(std::string_view operation, const Denial& denial);

  std::vector<Denial> take_denials() { return std::move(denials_); }
  std::uint64_t denial_count() const noexcept { return denial_count_; }

 private:
  bool record(const AuditRecord& record);

  Policy policy_;
  std::shared_ptr<AuditSink> audit_;  // shared with the other runs; may be null
  std::string run_id_;
  std::string sandbox_;
  std::optional<std::uint64_t> max_response_bytes_;
  std::uint64_t requests_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<Denial> denials_;
  std::uint64_t denial_count_ = 0;
};

/// What a connection works with. All of it outlives the connections.
struct ProxyContext {
  ProxyRun& run;
  boost::asio::io_context& io;
  NameResolver& names;
};

}  // namespace omnisandbox::egress
