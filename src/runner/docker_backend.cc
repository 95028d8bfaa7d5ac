#include "runner/docker_backend.h"

#include <utility>

#include "base/try.h"
#include "docker/image/local_image.h"
#include "policy/container/container_grant.h"
#include "runner/outcome.h"

namespace omnisandbox::runner {

bool may_fetch_image(const DockerConfig& docker) {
  // A name that is wrong is told by the run.
  const auto local = docker::parse_local_image(docker.image);
  return docker.pull != PullPolicy::never || (local && local->has_value());
}

// Its connections, what it knows of the engine, and the containers that wait serve all runs.
Expected<std::shared_ptr<docker::DockerMachinery>> DockerBackend::machinery(
    const std::shared_ptr<AuditSink>& audit) const {
  const std::lock_guard lock(mutex_);
  if (machinery_ == nullptr || machinery_->audit() != audit) {
    machinery_ = TRY(docker::DockerMachinery::create(
        {.audit = audit, .warm_containers = warm_containers_, .removal = removal_}));
  }
  return machinery_;
}

Expected<Result> DockerBackend::run(const Policy& policy, const RunRequest& request,
                                    std::shared_ptr<AuditSink> audit) const {
  docker::DockerJob job{.command = request.target,
                        .args = request.args,
                        .stdin_data = {},
                        .environment = request.environment,
                        .working_dir = {},
                        .deadline = request.deadline,
                        .stop = request.stop,
                        .stop_grace = request.stop_grace,
                        .on_stdout = request.on_stdout,
                        .on_stderr = request.on_stderr,
                        .run_id = request.run_id,
                        .on_pull = request.on_pull,
                        .on_new_deadline = request.on_new_deadline,
                        .copy_in = request.copy_in,
                        .copy_out = request.copy_out};
  const auto machinery = this->machinery(audit);
  if (!machinery || request.read_stdin) {
    // What the policy refuses of the container is told before anything of the machine is missed, or
    // input is waited for. The run judges again.
    TRY(policy::judge_container(policy.compiled(), request.container));
  }
  if (!machinery) {
    return machinery.error();
  }
  if (request.read_stdin) {
    job.stdin_data = TRY(request.read_stdin());
  }
  Result result = TRY(docker::run_contained(policy, request.container, **machinery, job));
  if (audit != nullptr) {
    auto written = audit->write(outcome_record(result, "run", request.target));
    if (!written && policy.config().audit_required) {
      return std::move(written).error();
    }
  }
  return result;
}

}  // namespace omnisandbox::runner
