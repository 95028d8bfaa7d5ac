#include "runner/snippet.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "runner/confined_commands.h"

namespace omnisandbox::runner {

Expected<Evaluation> evaluate_snippet(const Policy& policy, const SnippetRequest& request,
                                      std::shared_ptr<AuditSink> audit) {
  Snippet snippet = TRY(request.read());
  InterpreterOptions options{.isolation = isolation_of(request.isolation),
                             .audit = audit,
                             .commands = confined_commands(audit)};
  Interpreter interpreter = TRY(Interpreter::create(policy, request.language, std::move(options)));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      request.deadline - std::chrono::steady_clock::now());
  return interpreter.evaluate(snippet.code,
                              {.args = request.args,
                               .stdin_data = std::move(snippet.stdin_data),
                               .environment = request.environment,
                               .name = std::move(snippet.name),
                               .timeout = std::max(left, std::chrono::milliseconds(1)),
                               .stop = request.stop});
}

}  // namespace omnisandbox::runner
