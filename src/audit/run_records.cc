#include "audit/run_records.h"

#include <chrono>

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

}  // namespace omnisandbox::audit
