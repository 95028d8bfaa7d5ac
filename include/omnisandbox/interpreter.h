#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "omnisandbox/runtime.h"

namespace omnisandbox {

enum class Language : std::uint8_t { python, javascript };

/// "python" or "javascript".
std::string_view to_string(Language language) noexcept;

/// What a snippet came to.
struct Evaluation {
  Result result;
  /// The value of the snippet's last expression, as the language shows it (Python's repr); unset
  /// where there is none, or it is None or undefined. Of more than max_output_bytes the first are
  /// kept, up to the end of a character.
  std::optional<std::string> value{};
  bool value_truncated = false;
};

struct EvaluateOptions {
  std::vector<std::string> args{};  ///< sys.argv[1:], scriptArgs[1:]
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};  ///< added to the Config's
  std::string name = "<snippet>";                    ///< in tracebacks, and argv[0]
  /// Shortens the policy's, never lengthens it.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
  /// As in RunOptions.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

struct InterpreterOptions {
  /// As in RuntimeOptions. A worker has the interpreter mapped, and the next evaluation's instance
  /// made, before its snippet comes; a session has a worker of its own.
  Isolation isolation = Isolation::in_process;
  std::shared_ptr<AuditSink> audit{};
  std::shared_ptr<CommandRunner> commands{};  ///< none: exec_run answers `unavailable`
  /// Where the compiled interpreters are. Empty: beside the program, or where they were installed.
  /// The engine trusts what it finds, so the folder and its files must belong to this user or root,
  /// and nobody else may write there.
  std::string folder{};
  std::string worker_program{};  ///< as in RuntimeOptions
};

/// An interpreter of one language under one policy, in the WebAssembly sandbox. The policy's files
/// are visible as files; everything else comes through the module `omnisandbox`. A policy without a
/// memory limit gives an evaluation 128 MB. Thread rule: `evaluate` and `open_session` may be
/// called from any thread.
class Interpreter {
 public:
  /// Errors: `unavailable` when the interpreter is not installed, or not safely.
  static Expected<Interpreter> create(Policy policy, Language language,
                                      InterpreterOptions options = {});
  Interpreter(Interpreter&&) noexcept;
  Interpreter& operator=(Interpreter&&) noexcept;
  ~Interpreter();  // evaluations and sessions must have ended

  /// Runs `code` in a fresh interpreter that nothing of an earlier evaluation reaches. An exception
  /// that the snippet does not catch is on stderr, and the exit code is 1. How it ended (deadline,
  /// limits) is in the Result. Errors: `invalid_argument` for code that is not UTF-8 or holds a
  /// NUL, `too_large`.
  Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options = {});

  /// An interpreter that keeps its variables from one snippet to the next (of JavaScript the global
  /// ones: `let`, `const` and `class` end with their snippet). Every snippet has the
  /// policy's timeout, and input, environment, denials and output of its own; files, memory and
  /// quotas (max_write_bytes, max_files_created, max_host_calls) are those of the whole session. A
  /// snippet that ends by a deadline, a trap or `os._exit` ends the session. Used by one thread at
  /// a time.
  class Session {
   public:
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session();  // before its Interpreter

    /// Error `unavailable` once the session has ended.
    Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options = {});
    bool has_ended() const noexcept;

    class Impl;

   private:
    friend class Interpreter;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  Expected<Session> open_session();

  Language language() const noexcept;

  class Impl;

 private:
  explicit Interpreter(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the sessions
};

}  // namespace omnisandbox
