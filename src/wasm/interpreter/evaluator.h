#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/policy.h"
#include "wasm/guest_run.h"
#include "wasm/run/guest_execution.h"

/// Where snippets run: in this process, or in workers.
namespace omnisandbox::wasm::interpreter {

/// What came of a snippet.
struct SnippetOutcome {
  Execution execution;
  std::optional<std::string> value{};
  bool value_truncated = false;
  bool can_go_on = false;  ///< of a session: its interpreter can take another snippet
};

/// An interpreter that is kept from one snippet to the next. Used by one thread at a time.
class SessionEvaluator {
 public:
  virtual ~SessionEvaluator() = default;
  /// `guest` is the snippet's; its descriptors are the session's, which the caller keeps in
  /// between.
  virtual SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                                  std::chrono::milliseconds timeout) = 0;
};

/// Thread-safe.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// In a fresh interpreter; blocks until the snippet has ended.
  virtual SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                                  std::chrono::milliseconds timeout) = 0;
  /// Must not outlive its Evaluator.
  virtual std::unique_ptr<SessionEvaluator> open_session() = 0;
  virtual SandboxDescription description() const = 0;
  /// Whether it was made by this process, not before a fork.
  virtual bool belongs_to_this_process() const noexcept = 0;
};

struct EvaluatorSettings {
  const Policy& policy;
  Language language = Language::python;
  std::uint64_t memory_limit_bytes = 0;
  const InterpreterOptions& options;
};

/// Errors: as Interpreter::create.
Expected<std::unique_ptr<Evaluator>> make_evaluator_here(const EvaluatorSettings& settings);
Expected<std::unique_ptr<Evaluator>> make_evaluator_of_workers(const EvaluatorSettings& settings);

}  // namespace omnisandbox::wasm::interpreter
