#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "docker/contained_run.h"
#include "docker/container_pool.h"
#include "docker/container_run.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {

/// The steps from a job to its container that runs and sessions share. Lives as long as one job;
/// what it is made of lives longer.
class RunPreparation {
 public:
  RunPreparation(const Policy& policy, const DockerConfig& docker, DockerMachinery& machinery,
                 const DockerJob& job)
      : policy_(policy),
        docker_(docker),
        machinery_(machinery),
        job_(job),
        deadline_(job.deadline) {}

  /// Of the job; later where its image had to be fetched first, which has a limit of its own.
  std::chrono::steady_clock::time_point deadline() const noexcept { return deadline_; }
  void shorten(std::chrono::steady_clock::time_point deadline) {
    deadline_ = std::min(deadline_, deadline);
  }
  Patience patience() const { return {.until = deadline_, .stop = job_.stop}; }

  /// What the image is called by its digest, or its id where it came from no registry.
  static std::string name_of(const ImageFacts& image) {
    return image.digests.empty() ? image.id : image.digests.front();
  }
  Expected<ImageFacts> image_from(Engine& engine);
  /// One that waits already, else a new one.
  Expected<std::unique_ptr<Container>> ready_container(WarmOrder& order,
                                                       const policy::ContainerBounds& bounds) const;
  /// Anybody of ours may remove it a while after the job's deadline, or after `time_to_live`. What
  /// is mounted may change while it is made: then the order's grant, which `bounds` narrow, is
  /// judged anew and another one is made, a few times at most.
  Expected<std::unique_ptr<Container>> new_container(
      WarmOrder& order, const policy::ContainerBounds& bounds,
      std::optional<std::chrono::milliseconds> time_to_live = std::nullopt) const;
  /// The job as the first process of the container gets it.
  Expected<ContainerJob> job_for(const policy::ContainerCommand& command,
                                 const policy::ContainerGrant& grant,
                                 const ImageFacts& image) const;
  /// Records what was decided of mounts and network.
  Expected<void> record_grant(const Expected<policy::ContainerGrant>& grant) const;

 private:
  Expected<std::unique_ptr<Container>> make(
      const WarmOrder& order, std::optional<std::chrono::milliseconds> time_to_live) const;
  Expected<void> record_mounts(const policy::ContainerGrant& grant) const;
  Expected<void> write(AuditRecord record) const;
  Expected<void> record_fetching(std::string_view operation) const;

  const Policy& policy_;
  const DockerConfig& docker_;
  DockerMachinery& machinery_;
  const DockerJob& job_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace omnisandbox::docker
