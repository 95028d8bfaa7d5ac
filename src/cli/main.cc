#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "linux/signals.h"
#include "linux/standard_streams.h"

namespace omnisandbox::cli {
namespace {

int dispatch(const Options& options) {
  constexpr std::array<std::pair<std::string_view, int (*)(const Options&)>, 17> commands = {{
      {"run", &run_command},
      {"eval", &eval_command},
      {"call-export", &call_export_command},
      {"policy check", &policy_check_command},
      {"policy lint", &policy_lint_command},
      {"policy explain", &policy_explain_command},
      {"policy schema", &policy_schema_command},
      {"cache ls", &cache_list_command},
      {"cache clear", &cache_clear_command},
      {"compile", &compile_command},
      {"audit tail", &audit_tail_command},
      {"audit query", &audit_query_command},
      {"audit stats", &audit_stats_command},
      {"mcp", &mcp_command},
      {"doctor", &doctor_command},
      {"completion", &completion_command},
      {"version", &version_command},
  }};
  for (const auto& [name, command] : commands) {
    if (options.command == name) {
      return command(options);
    }
  }
  return call_command(options);
}

int run_main(const std::vector<std::string>& arguments) {
  if (const auto ready = linux_::occupy_standard_streams(); !ready) {
    return exit_unavailable;
  }
  if (const auto ready = linux_::ignore_broken_pipes(); !ready) {
    print_problem(ready.error().message);
    return exit_unavailable;
  }
  const ParsedCommandLine parsed = parse_command_line(arguments);
  if (const auto* help = std::get_if<HelpText>(&parsed)) {
    return print(help->text) ? exit_ok : exit_call_failed;
  }
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    return report_usage_error(error->message, error->json);
  }
  const auto& options = std::get<Options>(parsed);
  try {
    return dispatch(options);
  } catch (const std::exception& error) {
    // Out of memory, or a defect; a library's exceptions end where the library is called.
    return report_error(
        base::make_error(ErrorKind::internal, "internal error: {}", base::printable(error.what())),
        exit_unavailable, options.json);
  }
}

}  // namespace
}  // namespace omnisandbox::cli

int main(int argument_count, char** arguments) {
  try {
    // A caller may pass no arguments at all, not even a name (execve(2)).
    return omnisandbox::cli::run_main(
        argument_count > 1 ? std::vector<std::string>(arguments + 1, arguments + argument_count)
                           : std::vector<std::string>());
  } catch (const std::exception& error) {
    omnisandbox::cli::print_problem(error.what());
    return omnisandbox::cli::exit_unavailable;
  }
}
