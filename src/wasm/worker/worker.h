#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_bool.h"
#include "linux/child_process.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"
#include "wasm/guest_run.h"
#include "wasm/module/code_shape.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/channel.h"
#include "wasm/worker/run_history.h"

namespace omnisandbox::wasm::worker {

/// A module's compiled code, in a file without a name that nobody can change any more.
struct ModuleCode {
  std::uint64_t number = 0;  ///< of this process; never used twice
  linux_::Fd code;
  CodeShape shape;
  CacheUse cache_use = CacheUse::none;
  std::unique_ptr<RunHistory> history = std::make_unique<RunHistory>();
};

/// What a worker is to do.
struct Task {
  RunKind kind = RunKind::command;
  const ModuleCode* code = nullptr;           ///< null for a snippet
  std::string_view text{};                    ///< the function to call, or the snippet
  std::vector<std::string> arguments_json{};  ///< of a call
};

/// What came of it.
struct TaskResult {
  Execution execution;
  /// JSON of a call, UTF-8 text of a snippet, at most max_output_bytes; unset where nothing was
  /// returned.
  std::optional<std::string> value{};
  bool value_truncated = false;  ///< of a snippet
  bool can_go_on = false;        ///< of a session's snippet: its interpreter can take another one
};

/// A run that waits for a worker.
struct QueuedRun {
  const Task& task;
  GuestRun& guest;
  std::chrono::milliseconds timeout;
  bool may_share = false;  ///< it is likely to be over soon, so it may stand in a row with others
  std::optional<Expected<TaskResult>> result{};
};

using MayCall = base::StrongBool<struct MayCallTag>;

struct StartRequest {
  const linux_::Fd& program;
  const Configure& settings;
  const linux_::Fd* interpreter = nullptr;  ///< its code, for Guests::interpreter
};

/// A worker process as its parent sees it. Whatever it says is checked, whatever it asks for is
/// what a guest may ask for, and it is killed with this object. Used by one thread at a time.
class Worker {
 public:
  /// Starts `program` and waits until it has given up its rights. The calling thread must live as
  /// long as the worker is to. Errors: `unavailable`, with the reason; `timeout`; `cancelled`.
  static Expected<std::unique_ptr<Worker>> start(const StartRequest& request,
                                                 std::chrono::steady_clock::time_point deadline,
                                                 const std::stop_token& stop);

  std::uint32_t layers() const noexcept { return layers_; }

  /// Does the task for `guest`, whose host functions are called here, on the calling thread. Ends
  /// soon after the deadline or the stop in `guest`, whatever the worker does. Errors: `not_found`
  /// and `invalid_argument` where there is nothing to run, or the arguments do not fit.
  Expected<TaskResult> run(const Task& task, GuestRun& guest, std::chrono::milliseconds timeout,
                           std::chrono::microseconds spin);
  /// Does several runs of one module in a row: all are sent at once, and what comes of them is sent
  /// together, so that neither side sleeps between them. Each result is set as by `run`. From the
  /// first run on that fails, calls a host function or is not over at `until`, runs have no result:
  /// nothing that they did has been seen by anybody, so they can be run elsewhere, and this worker
  /// is not usable any more.
  void run_in_a_row(std::span<QueuedRun* const> runs, std::chrono::steady_clock::time_point until);
  /// The guest of the last `run` called a host function of the parent.
  bool called_its_parent() const noexcept { return called_its_parent_; }
  /// What `code` exports.
  Expected<std::vector<FunctionType>> list(const ModuleCode& code,
                                           std::chrono::steady_clock::time_point deadline);
  /// After a run that did not end by itself, or an answer that made no sense: never used again.
  bool is_usable() const noexcept { return usable_; }
  /// It must not be used again, whatever it did.
  void retire() noexcept { usable_ = false; }
  /// Nothing came from it that nobody asked for; otherwise it is not usable any more.
  bool is_quiet();
  /// It ended although nobody ended it.
  bool has_crashed() const noexcept { return has_crashed_; }

  /// For a compiler: compiles what is in `module_bytes` into `output`. Used once.
  Expected<CodeShape> compile(const linux_::Fd& module_bytes, const linux_::Fd& output,
                              std::chrono::steady_clock::time_point deadline,
                              const std::stop_token& stop);

 private:
  Worker(linux_::ChildProcess process, Channel channel, linux_::Fd last_words)
      : process_(std::move(process)),
        channel_(std::move(channel)),
        last_words_(std::move(last_words)) {}
  Expected<TaskResult> conclude(const Task& task, const GuestRun& guest, Finished finished);
  Expected<void> load(const ModuleCode& module, std::chrono::steady_clock::time_point deadline);
  Expected<Finished> talk_until_finished(GuestRun& guest,
                                         std::chrono::steady_clock::time_point deadline,
                                         MayCall may_call);
  Expected<void> answer_call(GuestRun& guest, const Call& call,
                             std::chrono::steady_clock::time_point deadline);
  Expected<void> answer_host_request(GuestRun& guest, std::string_view payload,
                                     std::chrono::steady_clock::time_point deadline);
  Execution failed_run(Error error, const host_functions::RunContext& context,
                       std::chrono::milliseconds timeout);
  Error explain(Error error);
  Error why_it_ended(int signal) const;

  linux_::ChildProcess process_;
  Channel channel_;
  linux_::Fd last_words_;  // its standard error, which the engine writes to when it gives up
  std::uint32_t layers_ = 0;
  bool usable_ = true;
  bool has_crashed_ = false;
  bool called_its_parent_ = false;
  std::list<std::uint64_t> loaded_;  // modules that it has, the one used last first
};

}  // namespace omnisandbox::wasm::worker
