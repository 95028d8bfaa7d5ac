#pragma once

#include <string>

#include "omnisandbox/audit.h"
#include "omnisandbox/result.h"

namespace omnisandbox::runner {

/// How a run ended that ended with this kind of error.
Status status_of(ErrorKind kind) noexcept;

/// The Result of something that never started.
Result failed_result(Error error, SandboxDescription sandbox);

/// `operation` is "run" or the host function that was called; `resource` is what it was asked to
/// do.
AuditRecord outcome_record(const Result& result, std::string operation, std::string resource);

}  // namespace omnisandbox::runner
