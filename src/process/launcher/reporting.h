#pragma once

#include <cerrno>
#include <cstdint>

#include "process/launch_plan.h"

namespace omnisandbox::process::launcher {

/// A step that failed. Steps return true, or fill this in and return false: the launcher has no
/// heap of error objects, and every failure ends it.
struct Failure {
  int error_number = 0;
  const char* call = "";
  char subject[80] = {};
  SetupCause cause = SetupCause::plan;
};

/// Counts the steps, so that a test can make any of them fail.
class StepCounter {
 public:
  explicit StepCounter(std::uint32_t failing_step) : failing_step_(failing_step) {}
  /// Whether the step that begins now is to fail; errno says EIO then.
  bool fails_here() {
    if (++count_ == failing_step_) {
      errno = EIO;
      return true;
    }
    return false;
  }

 private:
  std::uint32_t count_ = 0;
  std::uint32_t failing_step_;
};

/// Notes errno, the call and what it was about.
bool fail(Failure& failure, const char* call, const char* subject);

void send_report(const Report& report);
/// With a descriptor, which the receiver gets a copy of.
void send_report(const Report& report, int descriptor);
[[noreturn]] void report_and_exit(Report::Kind kind, const Failure& failure);

}  // namespace omnisandbox::process::launcher
