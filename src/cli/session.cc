#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "base/units.h"
#include "cli/terminal.h"
#include "runner/outcome.h"
#include "runner/policy_source.h"
#include "runner/standard_backends.h"

namespace omnisandbox::cli {

Session::Session(const Options& options, Activity activity, std::string operation,
                 std::string sandbox_kind)
    : options_(options),
      activity_(activity),
      operation_(std::move(operation)),
      sandbox_kind_(std::move(sandbox_kind)) {}

int Session::run(const Work& work) {
  auto started = DeadlineGuard::start(start_ + options_.timeout.value_or(Config{}.timeout.value()),
                                      [this](const DeadlineGuard::End& end) { last_words(end); });
  if (!started) {
    return report(ended_with(std::move(started).error(), exit_unavailable), options_);
  }
  guard_ = *std::move(started);
  Ending ending = prepare_and_work(work);
  hide_progress();
  guard_->claim_output();
  if (ending.result.status == Status::cancelled && guard_->signal() != 0) {
    ending.exit_code = exit_for_signal(guard_->signal());
  }
  const int exit_code = report(ending, options_);
  if (const auto lost = audit_ ? audit_->lost() : std::nullopt) {
    print_problem(fmt::format("an audit record was lost: {}", lost->message));
  }
  return exit_code;
}

Ending Session::prepare_and_work(const Work& work) {
  if (options_.audit_file) {
    enter_stage("opening the audit log");
    auto sink = open_json_lines_audit(*options_.audit_file, default_audit_file_bytes,
                                      options_.kept_audit_files_or_default());
    if (!sink) {
      return ended_with(std::move(sink).error(), exit_unavailable);
    }
    const std::lock_guard lock(mutex_);
    audit_ = std::make_shared<AuditWatch>(*std::move(sink));
  }
  enter_stage("reading the policy");
  const auto granted = granted_policy();
  if (!granted) {
    return ended_with(granted.error(), exit_usage);
  }
  const auto timeout = granted->policy.config().timeout.value();
  guard_->set_deadline(start_ + std::min(timeout, options_.timeout.value_or(timeout)));
  // This process ends with its work, and whoever waits for that does not wait for the engine.
  const runner::Runner runner(runner::standard_backends(runner::Purpose::one_run), audit_);
  enter_stage("running");
  return work(Tools{.policy = granted->policy,
                    .runner = runner,
                    .deadline = guard_->deadline(),
                    .stop = guard_->stop_token(),
                    .session = *this,
                    .docker = granted->docker});
}

Expected<Session::Granted> Session::granted_policy() const {
  if (!options_.policy_file) {
    return Granted{.policy = TRY(Policy::compile({})), .docker = {}};
  }
  runner::LoadedPolicy loaded = TRY(runner::load_policy(
      *options_.policy_file,
      runner::audit_files(options_.audit_file, options_.kept_audit_files_or_default())));
  return Granted{.policy = std::move(loaded.policy),
                 .docker = std::move(loaded.file.docker).value_or(DockerConfig{})};
}

void Session::show_progress(std::string what) {
  auto shown = std::make_shared<ProgressDisplay>(std::move(what));
  const std::lock_guard lock(mutex_);
  progress_ = std::move(shown);
}

void Session::hide_progress() {
  std::shared_ptr<ProgressDisplay> shown;
  {
    const std::lock_guard lock(mutex_);
    shown.swap(progress_);
  }
  if (shown) {
    shown->finish();
  }
}

void Session::enter_stage(std::string stage) {
  const std::lock_guard lock(mutex_);
  stage_ = std::move(stage);
}

Ending Session::ended_with(Error error, int exit_code) const {
  Ending ending{
      .result = runner::failed_result(std::move(error), {.kind = sandbox_kind_, .layers = {}}),
      .exit_code = exit_code};
  ending.result.duration = std::chrono::steady_clock::now() - start_;
  return ending;
}

void Session::last_words(const DeadlineGuard::End& end) {
  hide_progress();
  std::string stage;
  std::shared_ptr<AuditWatch> audit;
  {
    const std::lock_guard lock(mutex_);
    stage = stage_;
    audit = audit_;
  }
  const bool timed_out = end.cause == DeadlineGuard::Cause::deadline;
  Error error =
      timed_out ? base::make_error(
                      ErrorKind::timeout,
                      "stopped at the deadline of {} while {}; to give it longer, raise timeout "
                      "in the policy (and --timeout, where it is given)",
                      base::format_duration(end.deadline - start_), stage)
                : base::make_error(ErrorKind::cancelled, "cancelled by a signal while {}", stage);
  Ending ending = ended_with(std::move(error), end.exit_code);
  ending.result.run_id = audit ? audit->run_id() : "";
  if (ending.result.run_id.empty()) {
    ending.result.run_id = base::random_id();
  }
  if (audit) {
    // The process ends now; nobody can act on a record that is lost.
    static_cast<void>(audit->write(runner::outcome_record(
        ending.result, operation_, options_.operands.empty() ? "" : options_.operands.front())));
  }
  static_cast<void>(report(ending, options_));
}

}  // namespace omnisandbox::cli
