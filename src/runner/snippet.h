#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/policy.h"
#include "runner/isolation.h"

namespace omnisandbox::runner {

struct Snippet {
  std::string code;
  std::string name;  ///< as tracebacks show it
  std::string stdin_data;
};

/// A piece of code to evaluate, as a front end asks for it.
struct SnippetRequest {
  Language language = Language::python;
  IsolationChoice isolation = IsolationChoice::automatic;
  std::vector<std::string> args{};
  std::map<std::string, std::string> environment{};  ///< added to the policy's
  std::function<Expected<Snippet>()> read{};         ///< called once, after the policy is loaded
  std::chrono::steady_clock::time_point deadline{};  ///< never later than the policy's own
  /// The caller's own limit, shorter than the policy's. The deadline is what holds; this is its
  /// name.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
};

/// Evaluates snippets, each in a fresh interpreter. What takes long to load is kept: for each
/// language and isolation the compiled interpreter, under the policy that it was last used with.
/// Thread rule: `evaluate` may be called from several threads.
class SnippetRunner {
 public:
  /// Both may be null.
  SnippetRunner(std::shared_ptr<AuditSink> audit, std::shared_ptr<CommandRunner> commands)
      : audit_(std::move(audit)), commands_(std::move(commands)) {}

  /// Writes the run's audit records when it returns an Evaluation; an Error says that the code
  /// never started.
  Expected<Evaluation> evaluate(const Policy& policy, const SnippetRequest& request) const;

 private:
  struct Kept {
    std::optional<Policy> policy;
    std::shared_ptr<Interpreter> interpreter;  // shared with the evaluations under way
  };
  Expected<std::shared_ptr<Interpreter>> interpreter(const Policy& policy, Language language,
                                                     IsolationChoice isolation) const;

  const std::shared_ptr<AuditSink> audit_;         // shared with the runner
  const std::shared_ptr<CommandRunner> commands_;  // shared with the runner
  mutable std::mutex mutex_;
  mutable std::map<std::pair<Language, IsolationChoice>, Kept> kept_;  // guarded by mutex_
};

}  // namespace omnisandbox::runner
