#include "cli/audit_watch.h"

namespace omnisandbox::cli {

Expected<void> AuditWatch::write(const AuditRecord& record) {
  {
    const std::lock_guard lock(mutex_);
    run_id_ = record.run_id;
  }
  // Outside of the lock: the target may block, and the deadline's guard asks for the id.
  auto written = target_->write(record);
  if (!written) {
    const std::lock_guard lock(mutex_);
    if (!lost_) {
      lost_ = written.error();
    }
  }
  return written;
}

std::string AuditWatch::run_id() const {
  const std::lock_guard lock(mutex_);
  return run_id_;
}

std::optional<Error> AuditWatch::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace omnisandbox::cli
