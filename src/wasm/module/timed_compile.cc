#include "wasm/module/timed_compile.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

using ModulePointer = std::shared_ptr<const CompiledModule>;

/// Shared by the caller and the compiling thread, as either may be the last to leave.
struct Job {
  Job(std::shared_ptr<Engine> job_engine, Slots::Lease job_place)
      : engine(std::move(job_engine)), place(std::move(job_place)) {}
  // In this order: the place is given back, and what was compiled is freed, before the engine may
  // go.
  std::shared_ptr<Engine> engine;
  Slots::Lease place;
  std::vector<std::byte> bytes;
  std::uint64_t memory_limit_bytes = 0;
  std::shared_ptr<const ModuleCache> cache;
  std::mutex mutex;
  std::condition_variable_any done;
  std::optional<Expected<ModulePointer>> result;
};

Expected<ModulePointer> compile_now(const Job& job) {
  try {
    return CompiledModule::compile(*job.engine, job.bytes, job.memory_limit_bytes, job.cache.get());
  } catch (const std::exception& error) {
    return base::make_error(ErrorKind::unavailable, "the module could not be compiled: {}",
                            base::printable(error.what()));
  }
}

void* run_job(void* argument) {
  const std::unique_ptr<std::shared_ptr<Job>> job(static_cast<std::shared_ptr<Job>*>(argument));
  auto result = compile_now(**job);
  {
    const std::lock_guard lock((*job)->mutex);
    (*job)->result = std::move(result);
  }
  (*job)->done.notify_all();
  return nullptr;
}

Expected<void> start_thread(const std::shared_ptr<Job>& job) {
  auto argument = std::make_unique<std::shared_ptr<Job>>(job);
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error == 0) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_attr_setstacksize(&attributes, compiler_stack_bytes);
    // The thread inherits the mask: the program's signal handlers do not expect to run on it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    if (error == 0) {
      error = pthread_create(&thread, &attributes, &run_job, argument.get());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
  }
  if (error != 0) {
    Error failure = Error::from_errno(error, "pthread_create", "");
    failure.kind = ErrorKind::unavailable;
    return failure;
  }
  argument.release();  // the thread's now
  return {};
}

}  // namespace

Expected<ModulePointer> compile_until(std::shared_ptr<Engine> engine,
                                      std::span<const std::byte> bytes,
                                      std::uint64_t memory_limit_bytes,
                                      std::shared_ptr<const ModuleCache> cache,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& stop) {
  TRY(check_module_size(bytes.size()));
  const auto job = std::make_shared<Job>(
      engine, TRY(engine->compile_slots().take(1, "modules that compile at once", deadline, stop)));
  job->bytes.assign(bytes.begin(), bytes.end());
  job->memory_limit_bytes = memory_limit_bytes;
  job->cache = std::move(cache);
  TRY(start_thread(job));

  std::unique_lock lock(job->mutex);
  job->done.wait_until(lock, stop, deadline, [&] { return job->result.has_value(); });
  if (job->result) {
    return std::move(*job->result);
  }
  return stop.stop_requested()
             ? base::make_error(ErrorKind::cancelled,
                                "the run was cancelled while its module was compiled")
             : base::make_error(ErrorKind::timeout,
                                "the deadline passed while the module was compiled");
}

}  // namespace omnisandbox::wasm
