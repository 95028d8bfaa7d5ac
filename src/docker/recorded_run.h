#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "docker/contained_run.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

/// A caller's command as a job, with a run id of its own and the policy's deadline.
DockerJob job_of(std::string_view command, std::vector<std::string> args, DockerRunOptions options,
                 const Policy& policy);

/// Judges the command of a job, records that, does the work where the policy agrees, and records
/// how it ended. `audit` may be null.
Expected<Result> recorded_run(const Policy& policy, AuditSink* audit, const DockerJob& job,
                              const std::function<Expected<Result>()>& work);

/// Writes a record of a container's run. An error only where the policy says that nothing may go
/// unrecorded.
Expected<void> write_record(const Policy& policy, AuditSink* audit, AuditRecord record,
                            const std::string& run_id);

}  // namespace omnisandbox::docker
