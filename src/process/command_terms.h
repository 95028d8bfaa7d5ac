#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "policy/compiled_policy.h"
#include "process/command_run.h"
#include "process/launch_plan.h"
#include "process/run_cgroup.h"
#include "process/view_builder.h"

namespace omnisandbox::process {

// The port of the proxy inside: any would do, the namespace is empty.
inline constexpr std::uint16_t proxy_port = 3128;

/// What the policy says about this command, all layers taken together.
struct JudgedCommand {
  ProgramFile program;
  policy::CompiledPolicy::CommandTerms terms;
  std::uint64_t memory_bytes = 0;
  std::chrono::steady_clock::time_point deadline;
  bool wants_network = false;
};

/// Asks the policy; the Error is its denial, or `not_found` for what "*" does not find.
Expected<JudgedCommand> judge_job(const Policy& policy, const CommandJob& job);

/// "NAME=value" of the policy, the command's rule and the job, over a few that every program
/// expects; nothing of this process's own.
std::vector<std::string> environment_of(const Policy& policy, const JudgedCommand& judged,
                                        const CommandJob& job, bool has_proxy,
                                        const std::string& home);

/// What is bounded for each process.
std::vector<ResourceLimit> resource_limits(const policy::Limits& limits, std::uint64_t memory_bytes,
                                           CgroupReach reach, Tier tier);

}  // namespace omnisandbox::process
