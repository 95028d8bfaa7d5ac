#pragma once

#include <cstdint>

#include "omnisandbox/result.h"

/// The exit codes of the command line. Scripts depend on them.
namespace omnisandbox::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_call_failed =
    1;  ///< an allowed call failed; findings of `policy lint`; a lack that doctor found
inline constexpr int exit_usage = 2;      ///< wrong arguments or a bad policy file
inline constexpr int exit_timeout = 124;  ///< deadline or fuel
inline constexpr int exit_unavailable =
    125;  ///< the sandbox could not start, or the module is not valid
inline constexpr int exit_denied = 126;
inline constexpr int exit_not_found = 127;  ///< no such command, module or image
inline constexpr int exit_cancelled = 130;
inline constexpr int exit_trap = 134;
inline constexpr int exit_memory_limit = 137;

/// 128 and the signal's number, as shells count: 130 for SIGINT, 143 for SIGTERM.
constexpr int exit_for_signal(int signal) {
  constexpr int signal_base = 128;
  return signal_base + signal;
}

/// What was being done; the same error of a file means "no such module" for one and "the call
/// failed" for the other.
enum class Activity : std::uint8_t { run, call };

/// The guest's own code where it ended by itself. Codes that do not fit in the 8 bits of a
/// process's code become 255.
int exit_code_of(const Result& result, Activity activity);

}  // namespace omnisandbox::cli
