#pragma once

#include <memory>

#include "docker/contained_run.h"
#include "docker/container.h"
#include "docker/container_run.h"
#include "docker/file_stream.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

/// The limits of the policy for one copy.
CopyLimits copy_limits(const Policy& policy);

/// As run_in, with the copies of the job before and after it, in the job's own time. The audit may
/// be null.
Expected<Result> run_with_copies(const Policy& policy, const std::shared_ptr<AuditSink>& audit,
                                 Container& container, const ContainerJob& contained,
                                 const DockerJob& job);

}  // namespace omnisandbox::docker
