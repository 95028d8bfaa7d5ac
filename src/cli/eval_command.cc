#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/standard_input.h"
#include "runner/input_file.h"

namespace omnisandbox::cli {
namespace {

// As in the Runtime: what is larger than this is data, and belongs in a file.
constexpr std::uint64_t max_code_bytes = 4 * 1024 * 1024;
constexpr std::string_view typed_code_name = "<snippet>";

struct Code {
  std::string text;
  std::string name;
};

bool code_is_on_stdin(const Options& options) {
  return !options.code_file && options.operands.front() == "-";
}

std::optional<std::string> problem_with(const Options& options) {
  if (!options.code_file && options.operands.empty()) {
    return "eval needs CODE, -f FILE or - (standard input)";
  }
  if (code_is_on_stdin(options) && options.stdin_from == "-") {
    return "the code and the snippet's input cannot both come from standard input; put the code "
           "into a file (-f FILE)";
  }
  return std::nullopt;
}

Expected<Code> read_code(const Options& options) {
  if (options.code_file) {
    return Code{TRY(runner::read_regular_file(*options.code_file, "the code", max_code_bytes)),
                *options.code_file};
  }
  if (code_is_on_stdin(options)) {
    return Code{TRY(read_own_stdin(max_code_bytes)), "<stdin>"};
  }
  return Code{options.operands.front(), std::string(typed_code_name)};
}

Expected<std::string> read_input(const Options& options) {
  if (!options.stdin_from) {
    return std::string();
  }
  return *options.stdin_from == "-" ? read_own_stdin(runner::max_stdin_bytes)
                                    : read_stdin_file(*options.stdin_from);
}

}  // namespace

int eval_command(const Options& options) {
  if (const auto problem = problem_with(options)) {
    return report_usage_error(*problem, options.json);
  }
  Session session(options, Activity::run, "eval", "wasm");
  return session.run([&](const Session::Tools& tools) {
    runner::SnippetRequest request{.language = options.language,
                                   .isolation = options.isolation,
                                   .environment = options.environment,
                                   .deadline = tools.deadline,
                                   .timeout = options.timeout,
                                   .stop = tools.stop};
    request.read = [&]() -> Expected<runner::Snippet> {
      tools.session.enter_stage("reading the code");
      Code code = TRY(read_code(options));
      tools.session.enter_stage("reading standard input");
      std::string input = TRY(read_input(options));
      tools.session.enter_stage("running the code");
      return runner::Snippet{.code = std::move(code.text),
                             .name = std::move(code.name),
                             .stdin_data = std::move(input)};
    };
    request.args.assign(options.operands.begin() + (options.code_file ? 0 : 1),
                        options.operands.end());
    Evaluation evaluation = tools.runner.evaluate(tools.policy, request);
    Ending ending{.result = std::move(evaluation.result),
                  .value = std::move(evaluation.value),
                  .value_truncated = evaluation.value_truncated};
    ending.exit_code = exit_code_of(ending.result, Activity::run);
    return ending;
  });
}

}  // namespace omnisandbox::cli
