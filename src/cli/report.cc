#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/units.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "runner/outcome.h"
#include "runner/refusal_text.h"

namespace omnisandbox::cli {
namespace {

// More than a screen of denials helps nobody; --json and the audit log have them all.
constexpr std::size_t max_printed_denials = 5;

void print_cut(std::string_view stream, std::uint64_t kept, std::uint64_t total) {
  print_problem(
      fmt::format("{} was cut: the first {} of {} bytes were kept; to keep more, raise "
                  "max_output_bytes in the policy",
                  stream, kept, total));
}

void print_denials(const Result& result) {
  const std::optional<Denial> printed_already =
      result.error ? result.error->denial : std::optional<Denial>();
  const std::size_t count = std::min(result.denials.size(), max_printed_denials);
  for (std::size_t index = 0; index < count; ++index) {
    if (result.denials[index] != printed_already) {
      print_problem(Error::from_denial(result.denials[index]).message);
    }
  }
  if (result.denial_count > count) {
    print_problem(fmt::format("{} more denials; --json and the audit log show them",
                              result.denial_count - count));
  }
}

// As many lines as a reader takes in; --json has all of them.
constexpr std::size_t max_printed_refusals = 20;

void print_refusals(const RefusalReport& report) {
  if (report.entries.empty()) {
    print_problem("nothing was refused that --explain looks at");
  }
  const std::size_t count = std::min(report.entries.size(), max_printed_refusals);
  for (std::size_t index = 0; index < count; ++index) {
    print_problem(runner::refusal_text(report.entries[index]));
  }
  if (report.entries.size() > count || report.is_cut) {
    print_problem("there is more; --json shows up to a hundred, and the audit log has them");
  }
}

/// Whether all of it was written to standard output.
bool print_text(const Ending& ending, const Options& options) {
  const Result& result = ending.result;
  bool printed = ending.output == OutputState::printed;
  if (ending.output == OutputState::pending) {
    printed = print(ending.response ? ending.response->body : result.stdout_data);
    if (ending.value) {
      printed = print(*ending.value + "\n") && printed;
    }
    static_cast<void>(linux_::write_all(linux_::StandardStream::error, result.stderr_data));
  }
  if (ending.value && ending.value_truncated) {
    print_problem(
        fmt::format("the value was cut: its first {} bytes were kept; to keep more, raise "
                    "max_output_bytes in the policy",
                    ending.value->size()));
  }
  if (result.stdout_truncated) {
    print_cut("standard output", result.stdout_data.size(), result.stdout_bytes);
  }
  if (result.stderr_truncated) {
    print_cut("standard error", result.stderr_data.size(), result.stderr_bytes);
  }
  if (result.status != Status::ok && !result.refusals) {
    print_denials(result);
  }
  if (result.refusals) {
    print_refusals(*result.refusals);
  }
  if (result.error) {
    print_problem(result.error->message);
  }
  if (result.status == Status::denied && !options.policy_file) {
    print_problem("no policy was given, so nothing is allowed; name one with --policy FILE");
  }
  return printed;
}

}  // namespace

int report(const Ending& ending, const Options& options) {
  bool printed = false;
  if (options.json) {
    Json json = runner::result_json(ending.result, ending.exit_code);
    if (ending.response) {
      json["response"] = runner::response_json(*ending.response);
    }
    if (!ending.sandbox_reason.empty()) {
      json["sandbox"]["reason"] = ending.sandbox_reason;
    }
    if (ending.value) {
      runner::add_bytes(json, "value", *ending.value);
      json["value_truncated"] = ending.value_truncated;
    }
    printed = print(to_line(json));
  } else {
    printed = print_text(ending, options);
  }
  // A command that was stopped because nobody took its output failed for that reason, however it
  // took the stop.
  const bool is_lost = ending.output == OutputState::lost;
  return is_lost || (!printed && ending.exit_code == exit_ok) ? exit_call_failed : ending.exit_code;
}

int report_usage_error(std::string_view message, bool json) {
  return report_error(base::make_error(ErrorKind::invalid_argument, "{}", message), exit_usage,
                      json);
}

int report_error(const Error& error, int exit_code, bool json) {
  Options options;
  options.json = json;
  return report({.result = runner::failed_result(error, {}), .exit_code = exit_code}, options);
}

}  // namespace omnisandbox::cli
