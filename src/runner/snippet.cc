#include "runner/snippet.h"

#include <utility>

#include "base/try.h"

namespace omnisandbox::runner {

Expected<std::shared_ptr<Interpreter>> SnippetRunner::interpreter(const Policy& policy,
                                                                  Language language,
                                                                  IsolationChoice isolation) const {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[{language, isolation}];
  if (kept.interpreter == nullptr || &kept.policy->compiled() != &policy.compiled()) {
    auto made = TRY(Interpreter::create(
        policy, language,
        InterpreterOptions{
            .isolation = isolation_of(isolation), .audit = audit_, .commands = commands_}));
    kept = {.policy = policy, .interpreter = std::make_shared<Interpreter>(std::move(made))};
  }
  return kept.interpreter;
}

Expected<Evaluation> SnippetRunner::evaluate(const Policy& policy,
                                             const SnippetRequest& request) const {
  Snippet snippet = TRY(request.read());
  const auto evaluator = TRY(interpreter(policy, request.language, request.isolation));
  return evaluator->evaluate(snippet.code, {.args = request.args,
                                            .stdin_data = std::move(snippet.stdin_data),
                                            .environment = request.environment,
                                            .name = std::move(snippet.name),
                                            .timeout = request.timeout,
                                            .stop = request.stop,
                                            .deadline = request.deadline});
}

}  // namespace omnisandbox::runner
