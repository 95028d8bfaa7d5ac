#pragma once

#include "runner/backend.h"

namespace omnisandbox::runner {

/// Native commands under the kernel's confinement.
class ProcessBackend final : public Backend {
 public:
  SandboxKind kind() const noexcept override { return SandboxKind::process; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;
};

}  // namespace omnisandbox::runner
