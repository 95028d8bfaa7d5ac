#include "omnisandbox/docker_sandbox.h"

#include <utility>

#include "audit/run_records.h"
#include "base/random_id.h"
#include "base/try.h"
#include "docker/contained_run.h"
#include "docker/docker_session.h"
#include "docker/recorded_run.h"
#include "omnisandbox/docker_session.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox {

using Clock = std::chrono::steady_clock;

class DockerSandbox::Impl {
 public:
  Impl(DockerConfig its_docker, Policy its_policy,
       std::shared_ptr<docker::DockerMachinery> its_machinery)
      : docker(std::move(its_docker)),
        policy(std::move(its_policy)),
        machinery(std::move(its_machinery)) {}

  DockerConfig docker;
  Policy policy;
  std::shared_ptr<docker::DockerMachinery> machinery;  // shared with its sessions
};

DockerSandbox::DockerSandbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DockerSandbox::DockerSandbox(DockerSandbox&&) noexcept = default;
DockerSandbox& DockerSandbox::operator=(DockerSandbox&&) noexcept = default;
DockerSandbox::~DockerSandbox() = default;

Expected<DockerSandbox> DockerSandbox::create(DockerConfig docker, Config config,
                                              DockerSandboxOptions options) {
  return create(std::move(docker), TRY(Policy::compile(std::move(config))), std::move(options));
}

Expected<DockerSandbox> DockerSandbox::create(DockerConfig docker, Policy policy,
                                              DockerSandboxOptions options) {
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  // Each run judges anew, for what has changed meanwhile; a wrong configuration is told at once.
  TRY(policy::judge_container(policy.compiled(), docker));
  auto machinery =
      TRY(docker::DockerMachinery::create({.engine_address = std::move(options.engine),
                                           .init_program = std::move(options.init_program),
                                           .audit = std::move(options.audit),
                                           .warm_containers = options.warm_containers,
                                           .registry_config = std::move(options.registry_config)}));
  if (options.warm_containers > 0) {
    docker::warm_up(policy, docker, *machinery);
  }
  return DockerSandbox(
      std::make_unique<Impl>(std::move(docker), std::move(policy), std::move(machinery)));
}

Expected<Result> DockerSandbox::run(std::string_view command, std::vector<std::string> args,
                                    DockerRunOptions options) {
  const docker::DockerJob job =
      docker::job_of(command, std::move(args), std::move(options), impl_->policy);
  return docker::recorded_run(impl_->policy, impl_->machinery->audit().get(), job, [&] {
    return docker::run_contained(impl_->policy, impl_->docker, *impl_->machinery, job);
  });
}

Expected<Result> DockerSandbox::run_shell(std::string_view script, DockerRunOptions options) {
  return run("sh", {"-c", std::string(script)}, std::move(options));
}

Expected<Result> DockerSandbox::run_with_stdin(std::string_view command,
                                               std::vector<std::string> args,
                                               std::string stdin_data, DockerRunOptions options) {
  options.stdin_data = std::move(stdin_data);
  return run(command, std::move(args), std::move(options));
}

Expected<std::string> DockerSandbox::prepare_image(std::function<void(const PullProgress&)> on_pull,
                                                   std::stop_token stop) {
  const docker::DockerJob job{.command = {},
                              .deadline = Clock::now() + impl_->policy.compiled().limits().timeout,
                              .stop = std::move(stop),
                              .run_id = base::random_id(),
                              .on_pull = std::move(on_pull)};
  return docker::prepare_image(impl_->policy, impl_->docker, *impl_->machinery, job);
}

Expected<DockerSession> DockerSandbox::open_session(const DockerSessionOptions& options) {
  return docker::open_session(impl_->policy, impl_->docker, impl_->machinery, options);
}

const Policy& DockerSandbox::policy() const noexcept { return impl_->policy; }

}  // namespace omnisandbox
