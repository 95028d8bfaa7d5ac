#include "docker/run_with_copies.h"

#include <utility>
#include <vector>

#include "base/try.h"
#include "docker/host_files.h"
#include "policy/compiled_policy.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {
namespace {

/// The command ran, and what it left is not what was asked for.
void fail(Result& result, Error error) {
  result.status = error.kind == ErrorKind::denied ? Status::denied : Status::failed;
  if (error.denial) {
    result.denials.push_back(*error.denial);
    ++result.denial_count;
  }
  result.error = std::move(error);
}

/// Copies with what the policy makes of their paths in the container.
Expected<std::vector<DockerCopy>> judged(std::vector<DockerCopy> copies) {
  for (DockerCopy& copy : copies) {
    copy.container_path = TRY(policy::judge_container_path(copy.container_path));
  }
  return copies;
}

}  // namespace

CopyLimits copy_limits(const Policy& policy) {
  const auto& limits = policy.compiled().limits();
  return {.max_file_bytes = limits.max_file_bytes,
          .max_total_bytes = limits.max_write_bytes,
          .max_entries = limits.max_files_created};
}

Expected<Result> run_with_copies(const Policy& policy, const std::shared_ptr<AuditSink>& audit,
                                 Container& container, const ContainerJob& contained,
                                 const DockerJob& job) {
  if (job.copy_in.empty() && job.copy_out.empty()) {
    return run_in(container, contained);
  }
  const auto into = TRY(judged(job.copy_in));
  const auto out_of = TRY(judged(job.copy_out));
  const Patience patience{.until = contained.deadline, .stop = contained.stop};
  const CopyLimits limits = copy_limits(policy);
  auto host = TRY(HostFunctions::create(policy, {.audit = audit,
                                                 .run_id = job.run_id,
                                                 .sandbox = "docker",
                                                 .deadline = contained.deadline,
                                                 .stop = contained.stop}));
  for (const auto& [host_path, inside] : into) {
    TRY(copy_in(host, host_path, container, inside, limits, patience));
  }
  ContainerJob between = contained;
  if (!out_of.empty()) {
    between.is_last = IsLast::no;
  }
  Result result = TRY(run_in(container, between));
  if (result.status != Status::ok && result.status != Status::exited) {
    return result;
  }
  for (const auto& [host_path, inside] : out_of) {
    if (auto copied = copy_out(host, host_path, container, inside, limits, patience); !copied) {
      fail(result, std::move(copied).error());
      break;
    }
  }
  return result;
}

}  // namespace omnisandbox::docker
