#include "runner/outcome.h"

#include <utility>

#include "audit/run_records.h"

namespace omnisandbox::runner {

Status status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::timeout:
      return Status::timeout;
    case ErrorKind::memory:
      return Status::memory_limit;
    case ErrorKind::fuel:
      return Status::fuel_exhausted;
    case ErrorKind::trap:
      return Status::trap;
    case ErrorKind::denied:
      return Status::denied;
    case ErrorKind::cancelled:
      return Status::cancelled;
    case ErrorKind::output:
    case ErrorKind::invalid_argument:
    case ErrorKind::not_found:
    case ErrorKind::already_exists:
    case ErrorKind::too_large:
    case ErrorKind::limit:
    case ErrorKind::io:
    case ErrorKind::unavailable:
    case ErrorKind::internal:
      return Status::failed;
  }
  return Status::failed;
}

Result failed_result(Error error, SandboxDescription sandbox) {
  Result result;
  result.status = status_of(error.kind);
  result.sandbox = std::move(sandbox);
  if (error.denial) {
    result.denials.push_back(*error.denial);
    result.denial_count = 1;
  }
  result.error = std::move(error);
  return result;
}

AuditRecord outcome_record(const Result& result, std::string operation, std::string resource) {
  AuditRecord record = audit::outcome_record(result);
  record.operation = std::move(operation);
  record.resource = std::move(resource);
  if (result.error) {
    record.reason = result.error->message;
  }
  return record;
}

}  // namespace omnisandbox::runner
