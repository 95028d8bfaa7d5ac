#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
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
  std::stop_token stop{};
};

/// Evaluates in a fresh interpreter. Writes the run's audit records when it returns an Evaluation;
/// an Error says that the code never started. `audit` may be null.
Expected<Evaluation> evaluate_snippet(const Policy& policy, const SnippetRequest& request,
                                      std::shared_ptr<AuditSink> audit);

}  // namespace omnisandbox::runner
