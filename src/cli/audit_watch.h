#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "omnisandbox/audit.h"

namespace omnisandbox::cli {

/// Passes records on, and remembers what the front end must know of them: the run's id, and the
/// first record that was lost.
class AuditWatch final : public AuditSink {
 public:
  explicit AuditWatch(std::shared_ptr<AuditSink> target) : target_(std::move(target)) {}
  Expected<void> write(const AuditRecord& record) override;

  std::string run_id() const;
  std::optional<Error> lost() const;

 private:
  std::shared_ptr<AuditSink> target_;  // shared: as open_json_lines_audit gives it
  mutable std::mutex mutex_;
  std::string run_id_;         // guarded by mutex_
  std::optional<Error> lost_;  // guarded by mutex_
};

}  // namespace omnisandbox::cli
