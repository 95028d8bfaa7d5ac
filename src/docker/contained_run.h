#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "docker/container_pool.h"
#include "docker/engine/engine.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

/// One command to run in a new container, not judged yet.
struct DockerJob {
  std::string command;
  std::vector<std::string> args{};
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};
  std::string working_dir{};
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
  std::chrono::milliseconds stop_grace{};
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  std::string run_id{};
  std::function<void(const PullProgress&)> on_pull{};
  /// Called when the image is there: where it had to be fetched first, the deadline has moved.
  std::function<void(std::chrono::steady_clock::time_point)> on_new_deadline{};
  std::vector<DockerCopy> copy_in{};
  std::vector<DockerCopy> copy_out{};
};

/// Whether a run's container is gone when its sandbox is, or the engine has only been asked to
/// remove it: for a process that ends with its run, and whose caller waits for that.
enum class Removal : std::uint8_t { awaited, requested };

struct MachineryOptions {
  std::string engine_address{};
  std::string init_program{};
  std::shared_ptr<AuditSink> audit{};
  std::size_t warm_containers = 0;
  std::string registry_config{};
  Removal removal = Removal::awaited;
};

/// What all runs of one sandbox share. Outlives them. Safe from several threads.
class DockerMachinery {
 public:
  /// Finds the program that runs first in containers.
  static Expected<std::unique_ptr<DockerMachinery>> create(const MachineryOptions& options);

  /// Found when it is first asked for, and again after it went away.
  Expected<std::shared_ptr<Engine>> engine(const Patience& patience);
  const std::string& init_program() const noexcept { return init_program_; }   ///< host path
  const std::shared_ptr<AuditSink>& audit() const noexcept { return audit_; }  ///< may be null
  ContainerPool& pool() noexcept { return pool_; }
  Removal removal() const noexcept { return removal_; }
  const std::string& registry_config() const noexcept { return registry_config_; }

 private:
  DockerMachinery(const MachineryOptions& options, std::string init_program)
      : address_(options.engine_address),
        init_program_(std::move(init_program)),
        audit_(options.audit),
        registry_config_(options.registry_config),
        removal_(options.removal),
        pool_(options.warm_containers) {}
  const std::string address_;
  const std::string init_program_;
  const std::shared_ptr<AuditSink> audit_;  // shared with whoever else records
  const std::string registry_config_;
  const Removal removal_;
  std::mutex mutex_;
  std::shared_ptr<Engine> engine_;                      // guarded by mutex_; shared with the runs
  std::chrono::steady_clock::time_point last_sweep_{};  // guarded by mutex_
  std::atomic<bool> is_sweeping_ = false;
  std::jthread sweeper_;
  ContainerPool pool_;
};

/// Begins to fill the pool, where there is one. What goes wrong is told by the first run.
void warm_up(const Policy& policy, const DockerConfig& docker, DockerMachinery& machinery);

/// Fetches the image where it is missing and docker.pull lets it; what it is called by its digest.
Expected<std::string> prepare_image(const Policy& policy, const DockerConfig& docker,
                                    DockerMachinery& machinery, const DockerJob& job);

/// Judges the command and the container, makes it, runs and removes it. Records what is decided of
/// mounts and network; the command's own decision and the outcome are the caller's to record.
Expected<Result> run_contained(const Policy& policy, const DockerConfig& docker,
                               DockerMachinery& machinery, const DockerJob& job);

}  // namespace omnisandbox::docker
