#include "docker/run_preparation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "docker/image/ready_image.h"
#include "docker/init/protocol.h"
#include "docker/recorded_run.h"
#include "policy/compiled_policy.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

// Past the deadline of its run a container is nobody's; this much is for removing it.
constexpr std::chrono::seconds expiry_margin{60};
// Where somebody changes what is mounted all the time, no container fits.
constexpr int max_made = 3;

Error changed_meanwhile(const std::string& image) {
  return Error::from_denial({.capability = Capability::exec_run,
                             .resource = image,
                             .rule = "docker.mounts",
                             .reason = "what is mounted, or what the policy hides in it, changed "
                                       "each time while the container was made",
                             .remedy = "run it again when nothing renames or makes such files"});
}

}  // namespace

Expected<ImageFacts> RunPreparation::image_from(Engine& engine) {
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

Expected<void> RunPreparation::record_fetching(std::string_view operation) const {
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

Expected<std::unique_ptr<Container>> RunPreparation::ready_container(
    WarmOrder& order, const policy::ContainerBounds& bounds) const {
  const std::string key = warm_key(order);
  while (auto warm = machinery_.pool().take(key)) {
    auto checked = warm->check_again(*order.grant, patience());
    if (checked) {
      return warm;
    }
    machinery_.pool().dispose(std::move(warm));
    if (checked.error().kind == ErrorKind::timeout ||
        checked.error().kind == ErrorKind::cancelled) {
      return std::move(checked).error();
    }
  }
  machinery_.pool().want(order, key);
  return new_container(order, bounds);
}

Expected<std::unique_ptr<Container>> RunPreparation::new_container(
    WarmOrder& order, const policy::ContainerBounds& bounds,
    std::optional<std::chrono::milliseconds> time_to_live) const {
  for (int made_before = 0;; ++made_before) {
    auto container = make(order, time_to_live);
    auto grant = policy::judge_container(policy_.compiled(), docker_, bounds);
    if (!grant) {
      TRY(record_grant(grant));
      return std::move(grant).error();
    }
    WarmOrder now = order;
    now.grant = std::make_shared<const policy::ContainerGrant>(*std::move(grant));
    const bool is_as_planned = warm_key(now) == warm_key(order);
    if (container && is_as_planned) {
      if (auto checked = (*container)->check_again(*now.grant, patience()); !checked) {
        container = std::move(checked).error();
      }
    } else if (container) {
      container = changed_meanwhile(docker_.image);
    }
    if (is_as_planned || made_before + 1 == max_made) {
      return container;
    }
    TRY(record_mounts(*now.grant));
    order = std::move(now);
  }
}

Expected<std::unique_ptr<Container>> RunPreparation::make(
    const WarmOrder& order, std::optional<std::chrono::milliseconds> time_to_live) const {
  using std::chrono::system_clock;
  const auto lives = std::chrono::duration_cast<system_clock::duration>(deadline_ - Clock::now());
  return Container::prepare(
      {.engine = order.engine,
       .init_program = order.init_program,
       .run_id = job_.run_id,
       .expiry = system_clock::now() + (time_to_live ? *time_to_live : lives) + expiry_margin},
      *order.grant, order.image, patience());
}

Expected<ContainerJob> RunPreparation::job_for(const policy::ContainerCommand& command,
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

Expected<void> RunPreparation::write(AuditRecord record) const {
  return write_record(policy_, machinery_.audit().get(), std::move(record), job_.run_id);
}

Expected<void> RunPreparation::record_grant(const Expected<policy::ContainerGrant>& grant) const {
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
  return record_mounts(*grant);
}

Expected<void> RunPreparation::record_mounts(const policy::ContainerGrant& grant) const {
  AuditRecord record;
  record.granted = true;
  for (const policy::PinnedMount& mount : grant.mounts) {
    record.capability = mount.is_read_only ? Capability::fs_read : Capability::fs_write;
    record.operation = "container.mount";
    record.resource = mount.source;
    record.rule = mount.rule;
    TRY(write(record));
  }
  if (grant.network != NetworkMode::none) {
    record.capability = Capability::net_http;
    record.operation = "container.network";
    record.resource = to_string(grant.network);
    record.rule = "docker.network_mode";
    TRY(write(record));
  }
  return {};
}

}  // namespace omnisandbox::docker
