#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/result.h"
#include "runner/result_json.h"

namespace omnisandbox::cli {

using runner::Json;
using runner::to_line;

/// Whether the guest's output still waits to be printed.
enum class OutputState : std::uint8_t {
  pending,
  printed,  ///< piece by piece, as it came
  lost,     ///< our own standard output took no more of it
};

/// How a command ended: what `run` and `call` print, and the process's exit code.
struct Ending {
  Result result;
  int exit_code = 0;
  std::optional<HttpResponse> response{};  ///< of `call http_fetch`
  std::optional<std::string> value{};      ///< of `eval` and `call-export`
  bool value_truncated = false;            ///< of `eval`
  OutputState output = OutputState::pending;
  std::string sandbox_reason{};  ///< why this sandbox was chosen, where it was
};

/// Prints the ending, as one JSON object or as the output itself with "omnisandbox: …" lines on
/// standard error. Returns the exit code; another one where standard output could not be written.
int report(const Ending& ending, const Options& options);

/// Wrong arguments: prints `message` and returns the exit code for it.
int report_usage_error(std::string_view message, bool json);

/// For commands that run nothing: the error, as JSON with status "failed" or as a line. Returns
/// `exit_code`.
int report_error(const Error& error, int exit_code, bool json);

}  // namespace omnisandbox::cli
