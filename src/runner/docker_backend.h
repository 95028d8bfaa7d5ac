#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

#include "docker/contained_run.h"
#include "runner/backend.h"

namespace omnisandbox::runner {

/// Commands in containers.
class DockerBackend final : public Backend {
 public:
  /// So many containers stand ready after the first run, for those that are made alike.
  explicit DockerBackend(std::size_t warm_containers = 0) : warm_containers_(warm_containers) {}
  SandboxKind kind() const noexcept override { return SandboxKind::docker; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;

 private:
  Expected<std::shared_ptr<docker::DockerMachinery>> machinery(
      const std::shared_ptr<AuditSink>& audit) const;

  const std::size_t warm_containers_;
  mutable std::mutex mutex_;
  /// Guarded by mutex_; shared with the runs: what one of them still uses outlives a change.
  mutable std::shared_ptr<docker::DockerMachinery> machinery_;
};

}  // namespace omnisandbox::runner
