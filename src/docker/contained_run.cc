#include "docker/contained_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/container.h"
#include "docker/container_run.h"
#include "docker/engine/engine.h"
#include "docker/image/ready_image.h"
#include "docker/sweep.h"
#include "egress/proxy/proxy.h"
#include "linux/file_handles.h"
#include "linux/helper_program.h"
#include "linux/signals.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

// How long an engine may take to say that it is there.
constexpr std::chrono::seconds greeting_time{10};
// Past the deadline of its run a container is nobody's; this much is for removing it.
constexpr std::chrono::seconds expiry_margin{60};
// Containers of owners that are gone are looked for this often, while there are runs.
constexpr std::chrono::seconds sweep_interval{5};
constexpr std::chrono::seconds sweep_time{10};

class ContainedRun {
 public:
  ContainedRun(const Policy& policy, const DockerConfig& docker, DockerMachinery& machinery,
               const DockerJob& job)
      : policy_(policy), docker_(docker), machinery_(machinery), job_(job) {}

  Expected<std::string> prepare_image() {
    deadline_ = job_.deadline;
    TRY(policy::judge_container(policy_.compiled(), docker_));
    const auto engine = TRY(machinery_.engine(patience()));
    return name_of(TRY(image_from(*engine)));
  }

  Expected<Result> run() {
    auto command = policy::judge_container_command(policy_.compiled(), job_.command, job_.args);
    if (!command) {
      return Error::from_denial(std::move(command).error());
    }
    const auto limit = policy_.compiled().limits().timeout;
    deadline_ = std::min(job_.deadline, start_ + std::min(limit, command->timeout.value_or(limit)));
    auto grant = policy::judge_container(policy_.compiled(), docker_, command->bounds);
    TRY(record_grant(grant));
    return run_granted(*command,
                       std::make_shared<const policy::ContainerGrant>(TRY(std::move(grant))));
  }

 private:
  Patience patience() const { return {.until = deadline_, .stop = job_.stop}; }

  Expected<Result> run_granted(const policy::ContainerCommand& command,
                               std::shared_ptr<const policy::ContainerGrant> grant) {
    const auto engine = TRY(machinery_.engine(patience()));
    ImageFacts image = TRY(image_from(*engine));
    WarmOrder order{.engine = engine,
                    .grant = std::move(grant),
                    .image = std::move(image),
                    .init_program = machinery_.init_program()};
    const ContainerJob contained = TRY(job_for(command, *order.grant, order.image));
    auto container = TRY(ready_container(order));
    std::unique_ptr<egress::Proxy> proxy;
    if (container->listener().is_open()) {
      proxy = TRY(egress::Proxy::start(policy_, std::move(container->listener()),
                                       {.audit = machinery_.audit(),
                                        .run_id = job_.run_id,
                                        .sandbox = "docker",
                                        .deadline = deadline_}));
    }
    auto result = run_in(*container, contained);
    const egress::ProxyReport refused = proxy ? proxy->stop() : egress::ProxyReport{};
    // Nobody has to wait for its removal.
    machinery_.pool().dispose(std::move(container));
    if (!result) {
      return result;
    }
    result->denials = refused.denials;
    result->denial_count = refused.denial_count;
    result->run_id = job_.run_id;
    result->duration = Clock::now() - start_;
    return result;
  }

  static std::string name_of(const ImageFacts& image) {
    return image.digests.empty() ? image.id : image.digests.front();
  }

  Expected<ImageFacts> image_from(Engine& engine) {
    const auto asked = Clock::now();
    ReadyImage ready = TRY(
        ready_image(engine,
                    {.docker = docker_,
                     .registry_config = machinery_.registry_config(),
                     .on_progress = job_.on_pull,
                     .before_fetching =
                         [this](std::string_view operation) { return record_fetching(operation); }},
                    patience()));
    if (ready.was_fetched) {
      // That has a limit of its own: the command's time begins when its image is there.
      deadline_ += Clock::now() - asked;
    }
    if (job_.on_new_deadline) {
      job_.on_new_deadline(deadline_);
    }
    return std::move(ready.facts);
  }

  Expected<void> record_fetching(std::string_view operation) const {
    AuditRecord record;
    record.capability = Capability::exec_run;
    record.operation = operation;
    record.resource = docker_.image;
    record.granted = true;
    record.rule = operation == "container.pull"
                      ? fmt::format("docker.pull {}", to_string(docker_.pull))
                      : "docker.image";
    return write(std::move(record));
  }

  /// One that waits already, else a new one.
  Expected<std::unique_ptr<Container>> ready_container(const WarmOrder& order) {
    const std::string key = warm_key(order);
    if (auto warm = machinery_.pool().take(key)) {
      return warm;
    }
    machinery_.pool().want(order, key);
    return Container::prepare(
        {.engine = order.engine,
         .init_program = order.init_program,
         .run_id = job_.run_id,
         .expiry = std::chrono::system_clock::now() +
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline_ -
                                                                                   Clock::now()) +
                   expiry_margin},
        *order.grant, order.image, patience());
  }

  Expected<ContainerJob> job_for(const policy::ContainerCommand& command,
                                 const policy::ContainerGrant& grant,
                                 const ImageFacts& image) const {
    ContainerJob job{.command = job_.command,
                     .args = job_.args,
                     .stdin_data = job_.stdin_data,
                     .deadline = deadline_,
                     .stop = job_.stop,
                     .stop_grace = job_.stop_grace,
                     .on_stdout = job_.on_stdout,
                     .on_stderr = job_.on_stderr,
                     .max_output_bytes = policy_.compiled().limits().max_output_bytes,
                     .cpu_time = policy_.compiled().limits().cpu_time,
                     .memory_bytes = grant.memory_bytes,
                     .max_processes = grant.max_processes};
    std::string folder = job_.working_dir.empty() ? command.working_dir : job_.working_dir;
    if (folder.empty()) {
      folder = image.working_dir.empty() ? "/" : image.working_dir;
    }
    job.working_dir = TRY(policy::judge_container_folder(folder));
    if (grant.network == NetworkMode::bridge) {
      const std::string url = fmt::format("http://127.0.0.1:{}", init::proxy_port);
      for (const char* name :
           {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}) {
        job.environment[name] = url;
      }
    }
    const auto add = [&job](const std::map<std::string, std::string>& more) {
      for (const auto& [name, value] : more) {
        job.environment[name] = value;
      }
    };
    add(docker_.env);
    add(command.environment);
    add(job_.environment);
    return job;
  }

  Expected<void> write(AuditRecord record) const {
    if (machinery_.audit() == nullptr) {
      return {};
    }
    record.time = std::chrono::system_clock::now();
    record.run_id = job_.run_id;
    record.sandbox = "docker";
    auto written = machinery_.audit()->write(record);
    return policy_.config().audit_required ? written : Expected<void>{};
  }

  Expected<void> record_grant(const Expected<policy::ContainerGrant>& grant) const {
    AuditRecord record;
    record.operation = "container";
    if (!grant) {
      if (!grant.error().denial) {
        return {};
      }
      const Denial& denial = *grant.error().denial;
      record.capability = denial.capability;
      record.resource = denial.resource;
      record.rule = denial.rule;
      record.reason = denial.reason;
      return write(record);
    }
    record.granted = true;
    for (const policy::PinnedMount& mount : grant->mounts) {
      record.capability = mount.is_read_only ? Capability::fs_read : Capability::fs_write;
      record.operation = "container.mount";
      record.resource = mount.source;
      record.rule = mount.rule;
      TRY(write(record));
    }
    if (grant->network != NetworkMode::none) {
      record.capability = Capability::net_http;
      record.operation = "container.network";
      record.resource = to_string(grant->network);
      record.rule = "docker.network_mode";
      TRY(write(record));
    }
    return {};
  }

  const Policy& policy_;
  const DockerConfig& docker_;
  DockerMachinery& machinery_;
  const DockerJob& job_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point deadline_{};
};

}  // namespace

Expected<std::unique_ptr<DockerMachinery>> DockerMachinery::create(
    const MachineryOptions& options) {
  const linux_::Fd program = TRY(linux_::open_helper_program(
      "omnisandbox-container-init", {.chosen = options.init_program,
                                     .installed = OMNISANDBOX_CONTAINER_INIT_INSTALLED,
                                     .purpose = "commands cannot be run in containers"}));
  return std::unique_ptr<DockerMachinery>(
      new DockerMachinery(options, TRY(linux_::path_of(program))));
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
    const linux_::SignalsBlocked blocked;  // they are for the program's own threads
    sweeper_ = std::jthread([this, engine = engine_] {
      // What cannot be removed now is found by the next one.
      static_cast<void>(sweep(*engine, {.until = Clock::now() + sweep_time, .stop = {}}));
      is_sweeping_ = false;
    });
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
