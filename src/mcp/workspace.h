#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "omnisandbox/docker_config.h"
#include "omnisandbox/policy.h"
#include "runner/audit_tail.h"
#include "runner/runner.h"

namespace omnisandbox::mcp {

enum class ExplainRefusals : std::uint8_t { no, yes };

/// What all tools of a server work with: one policy, and the flow that judges and runs under it.
struct Workspace {
  Policy policy;
  /// Of every call; shortens the policy's timeout. Unset: the policy's alone.
  std::optional<std::chrono::milliseconds> timeout{};
  /// How commands run in containers; unset where that cannot be had here.
  std::optional<DockerConfig> container{};
  /// Whether whoever calls run_command is told what the command was refused, and with it which
  /// files this machine has. The operator's choice, never a client's.
  ExplainRefusals explain = ExplainRefusals::no;
  std::shared_ptr<runner::AuditTail> audit;  // shared with the runner; never null
  std::shared_ptr<runner::Runner> runner;  // shared with calls that outlive the server; never null
};

}  // namespace omnisandbox::mcp
