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

#include "base/strong_bool.h"
#include "docker/container.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

namespace omnisandbox::docker {

/// Whether a container serves another job after this one.
using IsLast = base::StrongBool<struct IsLastTag>;

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
  IsLast is_last = IsLast::yes;
};

/// Gives the job to the container, serves its streams and waits for its end, at most until shortly
/// after the deadline. The Result has everything but duration, run id and denials. After the last
/// job, and where it is not `is_in_step`, the container is used up. Errors: `too_large` for
/// arguments and environment, those of the engine.
Expected<Result> run_in(Container& container, const ContainerJob& job);

}  // namespace omnisandbox::docker
