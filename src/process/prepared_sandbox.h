#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "linux/child_process.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "process/launch_plan.h"
#include "process/run_cgroup.h"

namespace omnisandbox::process {

/// A launcher that puts up the walls of its plan and waits for the one command that it will run.
/// Ends with all its processes on destruction, which takes a while: SandboxReaper does it for those
/// whose processes have ended.
class PreparedSandbox {
 public:
  /// What the command gets as its standard streams.
  enum class Streams : std::uint8_t { pipes, terminal };

  /// Starts the launcher and tells it the plan; does not wait for the walls: the launcher's reports
  /// come over `control`. An Error carries errno of what was refused.
  /// `command`: what to run at once, or null where `start_command` says it later.
  static Expected<std::unique_ptr<PreparedSandbox>> start(const linux_::Fd& launcher,
                                                          RunCgroup cgroup, LaunchPlan plan,
                                                          Streams streams,
                                                          const CommandStart* command);
  ~PreparedSandbox();
  PreparedSandbox(const PreparedSandbox&) = delete;
  PreparedSandbox& operator=(const PreparedSandbox&) = delete;

  /// Tells the command. A launcher that has ended already is no error: its report says why.
  void start_command(const CommandStart& start) const;
  /// Asks the launcher to end everything inside, and itself. Where it does not within
  /// `patience_with_launcher`, kill it: with namespaces that ends everything, too.
  void end() const noexcept;

  const LaunchPlan& plan() const noexcept { return plan_; }
  const RunCgroup& cgroup() const noexcept { return cgroup_; }

  /// Keeps its mounts after its end, so that it does not wait for their end: whoever destroys this
  /// object does.
  linux_::Fd mounts{};
  linux_::ChildProcess launcher{};
  linux_::Fd control{};  ///< reports come here; its end ends the run
  linux_::Fd signals{};  ///< each byte is a signal for the command
  linux_::Fd input{};    ///< the command's stdin, or its terminal
  linux_::Fd output{};   ///< its stdout, or its terminal
  linux_::Fd errors{};   ///< its stderr; not open with a terminal
  std::chrono::steady_clock::time_point started_at{};

 private:
  PreparedSandbox(RunCgroup cgroup, LaunchPlan plan)
      : plan_(std::move(plan)), cgroup_(std::move(cgroup)) {}
  Expected<void> spawn(const linux_::Fd& program, Streams streams, std::string_view messages);

  const LaunchPlan plan_;
  const RunCgroup cgroup_;  // removed after the processes are gone: the destructor sees to it
};

// Ending a tree takes it a millisecond or two.
inline constexpr std::chrono::milliseconds patience_with_launcher{40};
// A tree that was killed is gone within milliseconds; beyond this the kernel is at fault.
inline constexpr std::chrono::milliseconds patience_after_kill{5000};

}  // namespace omnisandbox::process
