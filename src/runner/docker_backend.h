#pragma once

#include "runner/backend.h"

namespace omnisandbox::runner {

/// Commands in containers.
class DockerBackend final : public Backend {
 public:
  SandboxKind kind() const noexcept override { return SandboxKind::docker; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;
};

}  // namespace omnisandbox::runner
