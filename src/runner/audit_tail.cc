#include "runner/audit_tail.h"

namespace omnisandbox::runner {

Expected<void> AuditTail::write(const AuditRecord& record) {
  std::string line = to_json_line(record);
  {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    if (lines_.size() > kept_records_) {
      lines_.pop_front();
    }
  }
  return target_ == nullptr ? Expected<void>() : target_->write(record);
}

std::vector<std::string> AuditTail::lines() const {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

}  // namespace omnisandbox::runner
