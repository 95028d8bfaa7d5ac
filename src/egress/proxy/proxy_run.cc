#include "egress/proxy/proxy_run.h"

#include <utility>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

bool sets_max_response_bytes(const policy::CompiledPolicy& policy) {
  for (const policy::CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    if (layer->config().max_response_bytes) return true;
  }
  return false;
}

}  // namespace

ProxyRun::ProxyRun(Policy policy, std::shared_ptr<AuditSink> audit, std::string run_id,
                   std::string sandbox)
    : policy_(std::move(policy)),
      audit_(std::move(audit)),
      run_id_(std::move(run_id)),
      sandbox_(std::move(sandbox)) {
  if (sets_max_response_bytes(compiled()))
    max_response_bytes_ = compiled().limits().max_response_bytes;
}

std::optional<Denial> ProxyRun::count_request(std::string_view asked_as) {
  const std::uint64_t limit = compiled().limits().max_host_calls;
  if (++requests_ <= limit) return std::nullopt;
  return Denial{.capability = Capability::net_http,
                .resource = std::string(asked_as),
                .rule = "max_host_calls",
                .reason = fmt::format("the run has made its {} requests", limit),
                .remedy = "max_host_calls: a larger number"};
}

bool ProxyRun::count_bytes(std::uint64_t bytes) {
  bytes_ += bytes;
  return bytes_ <= max_bytes_per_run;
}

std::optional<Denial> ProxyRun::granted(std::string_view operation, std::string_view resource,
                                        std::string_view rule) {
  AuditRecord entry;
  entry.operation = operation;
  entry.resource = resource;
  entry.rule = rule;
  entry.granted = true;
  if (record(entry) || !policy_.config().audit_required) return std::nullopt;
  return Denial{.capability = Capability::net_http,
                .resource = std::string(resource),
                .rule = "audit_required",
                .reason = "the audit record could not be written",
                .remedy = {}};
}

void ProxyRun::denied(std::string_view operation, const Denial& denial) {
  ++denial_count_;
  if (denials_.size() < max_reported_denials) denials_.push_back(denial);
  AuditRecord entry;
  entry.operation = operation;
  entry.resource = denial.resource;
  entry.rule = denial.rule;
  entry.reason = denial.reason;
  record(entry);  // a refusal stands, recorded or not
}

bool ProxyRun::record(const AuditRecord& record) {
  if (audit_ == nullptr) return true;
  AuditRecord entry = record;
  entry.event = AuditRecord::Event::decision;
  entry.time = std::chrono::system_clock::now();
  entry.run_id = run_id_;
  entry.sandbox = sandbox_;
  entry.capability = Capability::net_http;
  return audit_->write(entry).has_value();
}

}  // namespace omnisandbox::egress
