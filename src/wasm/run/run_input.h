#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/runtime.h"

namespace omnisandbox::wasm {

/// What a guest gets as its arguments and environment.
struct GuestInput {
  std::vector<std::string> args;         ///< the program's name first
  std::vector<std::string> environment;  ///< "NAME=value"
};

/// The Config's environment with the run's laid over it. Errors: `invalid_argument` for what C
/// strings cannot carry.
Expected<GuestInput> make_guest_input(std::string_view program, const Config& config,
                                      const RunOptions& options);

/// The policy's timeout, or the run's where that is shorter.
std::chrono::milliseconds effective_timeout(const Policy& policy, const RunOptions& options);
/// When a run that began at `started` ends: after that time, or at its own deadline.
std::chrono::steady_clock::time_point effective_deadline(
    const Policy& policy, const RunOptions& options, std::chrono::steady_clock::time_point started);

/// The host functions of that run: as `options` say, and ended by its deadline and its stop.
Expected<HostFunctions> make_host_functions(const Policy& policy, const RunOptions& run,
                                            std::chrono::steady_clock::time_point started,
                                            HostFunctionOptions options);

}  // namespace omnisandbox::wasm
