#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

#include "docker/contained_run.h"
#include "omnisandbox/docker_config.h"
#include "runner/backend.h"

namespace omnisandbox::runner {

/// Whether a run with this configuration may take the time of a download, or of loading an image
/// from a file, before its command begins.
bool may_fetch_image(const DockerConfig& docker);

/// Commands in containers.
class DockerBackend final : public Backend {
 public:
  /// So many containers stand ready after the first run, for those that are made alike.
  explicit DockerBackend(std::size_t warm_containers = 0,
                         docker::Removal removal = docker::Removal::awaited)
      : warm_containers_(warm_containers), removal_(removal) {}
  SandboxKind kind() const noexcept override { return SandboxKind::docker; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;

 private:
  Expected<std::shared_ptr<docker::DockerMachinery>> machinery(
      const std::shared_ptr<AuditSink>& audit) const;

  const std::size_t warm_containers_;
  const docker::Removal removal_;
  mutable std::mutex mutex_;
  /// Guarded by mutex_; shared with the runs: what one of them still uses outlives a change.
  mutable std::shared_ptr<docker::DockerMachinery> machinery_;
};

}  // namespace omnisandbox::runner
