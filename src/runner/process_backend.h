#pragma once

#include <memory>
#include <mutex>

#include "omnisandbox/process_sandbox.h"
#include "process/command_run.h"
#include "runner/backend.h"

namespace omnisandbox::runner {

/// Native commands under the kernel's confinement.
class ProcessBackend final : public Backend {
 public:
  SandboxKind kind() const noexcept override { return SandboxKind::process; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;

 private:
  /// What every run needs, prepared by the first one.
  struct Prepared {
    std::shared_ptr<AuditSink> audit;  // shared with the runner; may be null
    std::shared_ptr<process::EgressServer> egress;
    std::unique_ptr<process::RunMachinery> machinery;  // last: it uses the others
  };
  Expected<std::shared_ptr<const Prepared>> prepared(std::shared_ptr<AuditSink> audit) const;

  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Prepared> prepared_;  // guarded by mutex_; shared with the runs
};

}  // namespace omnisandbox::runner
