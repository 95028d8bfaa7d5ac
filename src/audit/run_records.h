#pragma once

#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

/// What every sandbox does with the audit around a run.
namespace omnisandbox::audit {

/// Before anything runs. Error: `unavailable` where the policy demands an audit and `sink` is null.
Expected<void> require_sink(const Config& config, const AuditSink* sink);

/// The outcome of a run, as far as its Result says it; the caller adds the operation, the resource
/// and the reason.
AuditRecord outcome_record(const Result& result);

/// What a run was refused by its layers, one record an entry of the report: operation
/// "refused.path" and its like. Those of the proxy are recorded when it decides.
std::vector<AuditRecord> refusal_records(const Result& result);

}  // namespace omnisandbox::audit
