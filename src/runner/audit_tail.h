#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"

namespace omnisandbox::runner {

/// Passes records on, and keeps the last ones for whoever asks what happened lately.
/// Thread rule: every member function may be called from any thread.
class AuditTail final : public AuditSink {
 public:
  /// `target` may be null: then what is kept is all there is, which is no audit log in the sense of
  /// `audit_required`.
  AuditTail(std::shared_ptr<AuditSink> target, std::size_t kept_records)
      : target_(std::move(target)), kept_records_(kept_records) {}

  /// An error is the target's. The record is kept all the same.
  Expected<void> write(const AuditRecord& record) override;

  /// JSON lines, the oldest first.
  std::vector<std::string> lines() const;

 private:
  const std::shared_ptr<AuditSink> target_;  // shared: as open_json_lines_audit gives it
  const std::size_t kept_records_;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // guarded by mutex_
};

}  // namespace omnisandbox::runner
