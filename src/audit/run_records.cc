#include "audit/run_records.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/error.h"

namespace omnisandbox::audit {

Expected<void> require_sink(const Config& config, const AuditSink* sink) {
  if (config.audit_required && sink == nullptr) {
    return base::make_error(ErrorKind::unavailable,
                            "the policy says audit_required: true, and no audit sink is set");
  }
  return {};
}

AuditRecord outcome_record(const Result& result) {
  AuditRecord record;
  record.event = AuditRecord::Event::outcome;
  record.time = std::chrono::system_clock::now();
  record.run_id = result.run_id;
  record.sandbox = result.sandbox.kind;
  record.status = result.status;
  record.exit_code = result.exit_code;
  record.duration = result.duration;
  record.peak_memory_bytes = result.peak_memory_bytes;
  record.denial_count = result.denial_count;
  return record;
}

std::vector<AuditRecord> refusal_records(const Result& result) {
  std::vector<AuditRecord> records;
  if (!result.refusals) {
    return records;
  }
  for (const Refusal& refusal : result.refusals->entries) {
    if (refusal.thing == RefusedThing::host) {
      continue;
    }
    AuditRecord record;
    record.time = std::chrono::system_clock::now();
    record.run_id = result.run_id;
    record.sandbox = result.sandbox.kind;
    if (refusal.thing == RefusedThing::path) {
      record.capability = refusal.action == "write" ? Capability::fs_write : Capability::fs_read;
    } else if (refusal.thing == RefusedThing::program) {
      record.capability = Capability::exec_run;
    }
    record.operation = fmt::format("refused.{}", to_string(refusal.thing));
    record.resource = refusal.name;
    record.rule = refusal.rule;
    record.granted = false;
    record.reason = fmt::format("{}: {}", refusal.layer, refusal.reason);
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace omnisandbox::audit
