#pragma once

#include <cstdint>
#include <optional>

#include "docker/init/protocol.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

struct ContainerJob;

/// Why a run was ended from outside; `none`: it ended by itself.
enum class RunEnd : std::uint8_t { none, deadline, stopped };

/// What is known of a run's end.
struct RunFacts {
  const ContainerJob& job;
  RunEnd end = RunEnd::none;
  std::optional<init::Ending> ending{};  ///< what the container's first process said
  // Where it could say nothing, what the engine says:
  int engine_exit_code = 0;
  bool memory_flag = false;   ///< OOMKilled of its description
  bool memory_event = false;  ///< an `oom` event
};

/// Sets status, exit code, error, peak memory and CPU time. An exit code of 126 or 127 with status
/// `failed` says that the command was never run.
void set_outcome(Result& result, const RunFacts& facts);

}  // namespace omnisandbox::docker
