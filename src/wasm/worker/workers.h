#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "wasm/cache/module_cache.h"
#include "wasm/engine/slots.h"
#include "wasm/guest_run.h"
#include "wasm/module/module_input.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/worker_pool.h"

namespace omnisandbox::wasm::worker {

/// Where the interpreter's compiled code is, for workers that run snippets. It is trusted, as a
/// program is.
struct InterpreterCode {
  linux_::Fd code;
  component::ComponentShape shape;
};

/// Worker processes for one policy: compiling and running, each in a process that has given up its
/// rights. No module's bytes and no compiled code are ever looked at by the engine in this process.
/// Thread-safe.
class Workers {
 public:
  /// `program`: the worker's; empty: where it is installed. `cache` may be null. Errors:
  /// `unavailable` without the program.
  static Expected<std::unique_ptr<Workers>> create(const Policy& policy, Guests guests,
                                                   std::uint64_t memory_limit_bytes,
                                                   const std::string& program,
                                                   std::shared_ptr<const ModuleCache> cache);
  /// For snippets, which need no compiling.
  static Expected<std::unique_ptr<Workers>> create(const Policy& policy,
                                                   std::uint64_t memory_limit_bytes,
                                                   const std::string& program,
                                                   InterpreterCode interpreter);

  /// Errors as for Runtime::compile; `timeout` and `cancelled` too.
  Expected<std::shared_ptr<const ModuleCode>> compile(
      ModuleInput& input, std::chrono::steady_clock::time_point deadline,
      const std::stop_token& stop);
  /// Compiled, as a file for `compile`. `invalid_argument` without a cache.
  Expected<std::vector<std::byte>> seal(std::span<const std::byte> bytes,
                                        std::chrono::steady_clock::time_point deadline);

  /// Blocks until the run has ended; the guest's host functions are called on this thread. Where
  /// more runs wait than there are cores, short ones share a worker's turn: see
  /// Worker::run_in_a_row. Errors: see Worker::run.
  Expected<TaskResult> execute(const Task& task, GuestRun& guest,
                               std::chrono::milliseconds timeout);
  Expected<std::vector<FunctionType>> list(const ModuleCode& code,
                                           std::chrono::steady_clock::time_point deadline);

  /// A worker that serves nobody else until its lease ends. Errors: see WorkerPool::take.
  Expected<WorkerPool::Lease> borrow(std::chrono::steady_clock::time_point deadline,
                                     const std::stop_token& stop);
  /// The same, beside those that runs use, and ended with its lease.
  Expected<WorkerPool::Lease> borrow_for_session(std::chrono::steady_clock::time_point deadline,
                                                 const std::stop_token& stop);
  /// As execute, by a worker that `borrow` gave.
  Expected<TaskResult> execute_by(Worker& worker, const Task& task, GuestRun& guest,
                                  std::chrono::milliseconds timeout);

  /// What confines a run; without what no worker has confirmed yet.
  SandboxDescription description() const;

 private:
  Workers(const Configure& settings, linux_::Fd program, linux_::Fd compiler_program,
          linux_::Fd interpreter, std::uint32_t max_workers,
          std::shared_ptr<const ModuleCache> cache);
  Expected<TaskResult> execute_alone(Worker& worker, const Task& task, GuestRun& guest,
                                     std::chrono::milliseconds timeout);
  Expected<std::shared_ptr<const ModuleCode>> load_sealed(std::span<const std::byte> bytes) const;
  Expected<std::shared_ptr<const ModuleCode>> compile_anew(
      std::span<const std::byte> bytes, std::chrono::steady_clock::time_point deadline,
      const std::stop_token& stop);
  Digest engine_digest() const;

  const Configure settings_;
  const linux_::Fd program_;
  const std::shared_ptr<const ModuleCache> cache_;  // shared with the Runtime
  Slots compile_slots_;
  std::atomic<std::uint32_t> layers_{0};
  WorkerPool pool_;
};

}  // namespace omnisandbox::wasm::worker
