#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "omnisandbox/version.h"
#include "runner/standard_backends.h"

namespace omnisandbox::cli {

int version_command(const Options& options) {
  const std::string text =
      options.json
          ? to_line({{"version", version()}, {"wasm_engine", runner::wasm_engine_version()}})
          : fmt::format("omnisandbox {} ({})\n", version(), runner::wasm_engine_version());
  return print(text) ? exit_ok : exit_call_failed;
}

}  // namespace omnisandbox::cli
