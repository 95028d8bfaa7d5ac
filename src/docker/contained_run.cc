#include "docker/contained_run.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/container.h"
#include "docker/container_init_program.h"
#include "docker/engine/engine.h"
#include "docker/run_preparation.h"
#include "docker/run_with_copies.h"
#include "docker/sweep.h"
#include "egress/proxy/proxy.h"
#include "linux/file_handles.h"
#include "linux/threads.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

// How long an engine may take to say that it is there.
constexpr std::chrono::seconds greeting_time{10};
// Containers of owners that are gone are looked for this often, while there are runs.
constexpr std::chrono::seconds sweep_interval{5};
constexpr std::chrono::seconds sweep_time{10};

class ContainedRun {
 public:
  ContainedRun(const Policy& policy, const DockerConfig& docker, DockerMachinery& machinery,
               const DockerJob& job)
      : policy_(policy),
        docker_(docker),
        machinery_(machinery),
        job_(job),
        preparation_(policy, docker, machinery, job) {}

  Expected<std::string> prepare_image() {
    TRY(policy::judge_container(policy_.compiled(), docker_));
    const auto engine = TRY(machinery_.engine(preparation_.patience()));
    return RunPreparation::name_of(TRY(preparation_.image_from(*engine)));
  }

  Expected<Result> run() {
    auto command = policy::judge_container_command(policy_.compiled(), job_.command, job_.args);
    if (!command) {
      return Error::from_denial(std::move(command).error());
    }
    const auto limit = policy_.compiled().limits().timeout;
    preparation_.shorten(start_ + std::min(limit, command->timeout.value_or(limit)));
    auto grant = policy::judge_container(policy_.compiled(), docker_, command->bounds);
    TRY(preparation_.record_grant(grant));
    return run_granted(*command,
                       std::make_shared<const policy::ContainerGrant>(TRY(std::move(grant))));
  }

 private:
  Expected<Result> run_granted(const policy::ContainerCommand& command,
                               std::shared_ptr<const policy::ContainerGrant> grant) {
    const auto engine = TRY(machinery_.engine(preparation_.patience()));
    ImageFacts image = TRY(preparation_.image_from(*engine));
    WarmOrder order{.engine = engine,
                    .grant = std::move(grant),
                    .image = std::move(image),
                    .init_program = machinery_.init_program()};
    const ContainerJob contained = TRY(preparation_.job_for(command, *order.grant, order.image));
    auto container = TRY(preparation_.ready_container(order, command.bounds));
    std::unique_ptr<egress::Proxy> proxy;
    if (container->listener().is_open()) {
      proxy = TRY(egress::Proxy::start(policy_, std::move(container->listener()),
                                       {.audit = machinery_.audit(),
                                        .run_id = job_.run_id,
                                        .sandbox = "docker",
                                        .deadline = preparation_.deadline()}));
    }
    auto result = run_with_copies(policy_, machinery_.audit(), *container, contained, job_);
    const egress::ProxyReport refused = proxy ? proxy->stop() : egress::ProxyReport{};
    const bool may_be_left = result && machinery_.removal() == Removal::requested;
    if (!may_be_left || !container->request_removal()) {
      // No run has to wait for it.
      machinery_.pool().dispose(std::move(container));
    }
    if (!result) {
      return result;
    }
    result->denials.insert(result->denials.begin(), refused.denials.begin(), refused.denials.end());
    result->denial_count += refused.denial_count;
    result->run_id = job_.run_id;
    result->duration = Clock::now() - start_;
    return result;
  }

  const Policy& policy_;
  const DockerConfig& docker_;
  DockerMachinery& machinery_;
  const DockerJob& job_;
  RunPreparation preparation_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

Expected<std::unique_ptr<DockerMachinery>> DockerMachinery::create(
    const MachineryOptions& options) {
  const linux_::Fd program = TRY(open_container_init(options.init_program));
  std::string path = TRY(linux_::path_of(program));
  return std::unique_ptr<DockerMachinery>(new DockerMachinery(options, std::move(path)));
}

Expected<std::shared_ptr<Engine>> DockerMachinery::engine(const Patience& patience) {
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) {
    engine_ =
        TRY(Engine::find(address_, {.until = std::min(patience.until, Clock::now() + greeting_time),
                                    .stop = patience.stop}));
  }
  if (!is_sweeping_ && Clock::now() - last_sweep_ > sweep_interval) {
    last_sweep_ = Clock::now();
    is_sweeping_ = true;
    auto started = linux_::start_thread("to remove abandoned containers", [this, engine = engine_] {
      // What cannot be removed now is found by the next one.
      static_cast<void>(sweep(*engine, {.until = Clock::now() + sweep_time, .stop = {}}));
      is_sweeping_ = false;
    });
    if (started) {
      sweeper_ = std::move(*started);
    } else {
      is_sweeping_ = false;  // the next run tries it again, after the interval
    }
  }
  return engine_;
}

void warm_up(const Policy& policy, const DockerConfig& docker, DockerMachinery& machinery) {
  const Patience patience{.until = Clock::now() + greeting_time, .stop = {}};
  auto grant = policy::judge_container(policy.compiled(), docker);
  const auto engine = machinery.engine(patience);
  if (!grant || !engine) {
    return;
  }
  auto image = (*engine)->image(docker.image, patience);
  if (!image) {
    return;
  }
  WarmOrder order{.engine = *engine,
                  .grant = std::make_shared<const policy::ContainerGrant>(*std::move(grant)),
                  .image = *std::move(image),
                  .init_program = machinery.init_program()};
  std::string key = warm_key(order);
  machinery.pool().want(std::move(order), std::move(key));
}

Expected<std::string> prepare_image(const Policy& policy, const DockerConfig& docker,
                                    DockerMachinery& machinery, const DockerJob& job) {
  return ContainedRun(policy, docker, machinery, job).prepare_image();
}

Expected<Result> run_contained(const Policy& policy, const DockerConfig& docker,
                               DockerMachinery& machinery, const DockerJob& job) {
  return ContainedRun(policy, docker, machinery, job).run();
}

}  // namespace omnisandbox::docker
