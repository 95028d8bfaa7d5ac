#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "cli/audit_watch.h"
#include "cli/deadline_guard.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/progress_display.h"
#include "cli/report.h"
#include "omnisandbox/policy.h"
#include "runner/runner.h"

namespace omnisandbox::cli {

/// The frame of `run` and `call`: deadline and signals, audit log, policy, and one report at the
/// end whatever happens.
class Session {
 public:
  /// What the work is given. References live as long as the work.
  struct Tools {
    const Policy& policy;
    const runner::Runner& runner;
    std::chrono::steady_clock::time_point deadline;
    std::stop_token stop;
    Session& session;
    /// The policy file's `docker:` section, or the defaults.
    const DockerConfig& docker;
  };
  using Work = std::function<Ending(const Tools&)>;

  Session(const Options& options, Activity activity, std::string operation,
          std::string sandbox_kind);

  /// Returns the process's exit code, with everything printed.
  int run(const Work& work);

  /// What is being done now, for the message when time runs out: "while reading standard input".
  void enter_stage(std::string stage);

  /// From now on the process ends at this time at the latest.
  void set_deadline(std::chrono::steady_clock::time_point deadline) {
    guard_->set_deadline(deadline);
  }

  /// Shows on a terminal what is being done, until `hide_progress` or the end.
  void show_progress(std::string what);
  void hide_progress();

  /// How long a first SIGINT or SIGTERM leaves the work (`DeadlineGuard::set_signal_grace`). From
  /// the work's thread.
  void set_signal_grace(std::chrono::milliseconds duration) { guard_->set_signal_grace(duration); }

 private:
  Ending prepare_and_work(const Work& work);
  struct Granted {
    Policy policy;
    DockerConfig docker;
  };
  Expected<Granted> granted_policy() const;
  void last_words(const DeadlineGuard::End& end);
  Ending ended_with(Error error, int exit_code) const;

  const Options& options_;
  const Activity activity_;
  const std::string operation_;
  const std::string sandbox_kind_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::string stage_ = "reading the policy";  // guarded by mutex_
  std::shared_ptr<AuditWatch>
      audit_;  // guarded by mutex_ until the policy is loaded; shared with the runner
  std::shared_ptr<ProgressDisplay> progress_;  // guarded by mutex_; shared with who ends it
  std::unique_ptr<DeadlineGuard> guard_;       // last: its thread uses the others
};

}  // namespace omnisandbox::cli
