#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "linux/child_process.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"
#include "wasm/guest_run.h"
#include "wasm/module/module_shape.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/channel.h"

namespace omnisandbox::wasm::worker {

/// A module's compiled code, in a file without a name that nobody can change any more.
struct ModuleCode {
  std::uint64_t number = 0;  ///< of this process; never used twice
  linux_::Fd code;
  ModuleShape shape;
  CacheUse cache_use = CacheUse::none;
};

/// A worker process as its parent sees it. Whatever it says is checked, whatever it asks for is
/// what a guest may ask for, and it is killed with this object. Used by one thread at a time.
class Worker {
 public:
  /// Starts `program` and waits until it has given up its rights. The calling thread must live as
  /// long as the worker is to. Errors: `unavailable`, with the reason; `timeout`; `cancelled`.
  static Expected<std::unique_ptr<Worker>> start(const linux_::Fd& program,
                                                 const Configure& settings,
                                                 std::chrono::steady_clock::time_point deadline,
                                                 const std::stop_token& stop);

  std::uint32_t layers() const noexcept { return layers_; }

  /// Runs `module` for `guest`, whose host functions are called here, on the calling thread. Ends
  /// soon after the deadline or the stop in `guest`, whatever the worker does.
  Execution run(const ModuleCode& module, GuestRun& guest, std::chrono::milliseconds timeout,
                std::chrono::microseconds spin);
  /// After a run that did not end by itself, or an answer that made no sense: never used again.
  bool is_usable() const noexcept { return usable_; }
  /// Nothing came from it that nobody asked for; otherwise it is not usable any more.
  bool is_quiet();
  /// It ended although nobody ended it.
  bool has_crashed() const noexcept { return has_crashed_; }

  /// For a compiler: compiles what is in `module_bytes` into `output`. Used once.
  Expected<ModuleShape> compile(const linux_::Fd& module_bytes, const linux_::Fd& output,
                                std::chrono::steady_clock::time_point deadline,
                                const std::stop_token& stop);

 private:
  Worker(linux_::ChildProcess process, Channel channel)
      : process_(std::move(process)), channel_(std::move(channel)) {}
  Expected<void> load(const ModuleCode& module, std::chrono::steady_clock::time_point deadline);
  Expected<Finished> talk_until_finished(GuestRun& guest,
                                         std::chrono::steady_clock::time_point deadline);
  Expected<void> answer_call(GuestRun& guest, const Call& call,
                             std::chrono::steady_clock::time_point deadline);
  Error explain(Error error);

  linux_::ChildProcess process_;
  Channel channel_;
  std::uint32_t layers_ = 0;
  bool usable_ = true;
  bool has_crashed_ = false;
  std::list<std::uint64_t> loaded_;  // modules that it has, the one used last first
};

}  // namespace omnisandbox::wasm::worker
