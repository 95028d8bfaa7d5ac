#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "docker/container.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

/// One command for a container that waits for it. It has been judged.
struct ContainerJob {
  std::string command;
  std::vector<std::string> args{};
  std::string working_dir = "/";
  std::map<std::string, std::string> environment{};
  std::string_view stdin_data{};
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
  std::chrono::milliseconds stop_grace{};
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  std::uint64_t max_output_bytes = 0;
  std::optional<std::chrono::milliseconds> cpu_time{};
  std::uint64_t memory_bytes = 0;   ///< of the container, for messages
  std::uint32_t max_processes = 0;  ///< the same
};

/// Gives the job to the container, serves its streams and waits for its end, at most until shortly
/// after the deadline. The Result has everything but duration, run id and denials. The container is
/// used up. Errors: `too_large` for arguments and environment, those of the engine.
Expected<Result> run_in(Container& container, const ContainerJob& job);

}  // namespace omnisandbox::docker
