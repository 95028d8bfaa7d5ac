#include "wasm/worker/workers.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/memory_file.h"
#include "policy/compiled_policy.h"
#include "wasm/component/compiled_component.h"
#include "wasm/component/limits.h"
#include "wasm/engine/engine.h"
#include "wasm/limits.h"
#include "wasm/worker/worker_program.h"

namespace omnisandbox::wasm::worker {
namespace {

// Of a runner, beside the guest's own memory: the engine, compiled code while it is loaded, stdin,
// output on its way, stacks. It is the backstop behind the guest's limit.
constexpr std::uint64_t runner_data_bytes = 384 * mebibyte;
// What the compiler may take for one module; a function at its size limit can take more, and is
// refused then.
constexpr std::uint64_t compiler_data_bytes = 2048 * mebibyte;

std::uint64_t next_module_number() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

Configure settings_of(const Policy& policy, Guests guests, std::uint64_t memory_limit_bytes) {
  const policy::Limits& limits = policy.compiled().limits();
  return {.role = Role::runner,
          .guests = guests,
          .metered = limits.fuel.has_value(),
          .memory_limit_bytes = memory_limit_bytes,
          .max_output_bytes = limits.max_output_bytes,
          .max_file_bytes = limits.max_file_bytes,
          .max_response_bytes = limits.max_response_bytes,
          .fuel = limits.fuel.value_or(0),
          .timeout_ms = static_cast<std::uint64_t>(limits.timeout.count()),
          .data_bytes = memory_limit_bytes + runner_data_bytes +
                        (guests == Guests::modules ? 0 : component::worker_table_bytes)};
}

Configure compiler_settings(Configure settings) {
  settings.role = Role::compiler;
  settings.data_bytes = compiler_data_bytes;
  return settings;
}

// More is not sent ahead: it must fit into the worker's socket together with a row's other runs.
constexpr std::size_t max_shared_input_bytes = std::size_t{8} * 1024;

bool may_share(const Task& task, const GuestRun& guest) {
  if (task.code == nullptr || !task.code->history->is_short()) {
    return false;
  }
  std::size_t bytes = task.text.size() + guest.stdin_data.size();
  for (const auto* texts : {&guest.args, &guest.environment, &task.arguments_json}) {
    for (const std::string& text : *texts) {
      bytes += text.size();
    }
  }
  return bytes <= max_shared_input_bytes;
}

std::shared_ptr<const ModuleCode> from_cache(linux_::Fd code, const CodeShape& shape) {
  return std::make_shared<const ModuleCode>(ModuleCode{.number = next_module_number(),
                                                       .code = std::move(code),
                                                       .shape = shape,
                                                       .cache_use = CacheUse::hit});
}

}  // namespace

Workers::Workers(const Configure& settings, linux_::Fd program, linux_::Fd compiler_program,
                 linux_::Fd interpreter, std::uint32_t max_workers,
                 std::shared_ptr<const ModuleCache> cache)
    : settings_(settings),
      program_(std::move(compiler_program)),
      cache_(std::move(cache)),
      compile_slots_(std::max(min_compile_slots, std::thread::hardware_concurrency())),
      pool_(std::move(program), settings, std::move(interpreter), max_workers) {}

Expected<std::unique_ptr<Workers>> Workers::create(const Policy& policy, Guests guests,
                                                   std::uint64_t memory_limit_bytes,
                                                   const std::string& program,
                                                   std::shared_ptr<const ModuleCache> cache) {
  linux_::Fd for_pool = TRY(open_worker_program(program));
  linux_::Fd for_compiler = TRY(open_worker_program(program));
  return std::unique_ptr<Workers>(new Workers(
      settings_of(policy, guests, memory_limit_bytes), std::move(for_pool), std::move(for_compiler),
      linux_::Fd(), policy.compiled().limits().max_concurrent_runs, std::move(cache)));
}

Expected<std::unique_ptr<Workers>> Workers::create(const Policy& policy,
                                                   std::uint64_t memory_limit_bytes,
                                                   const std::string& program,
                                                   InterpreterCode interpreter) {
  linux_::Fd for_pool = TRY(open_worker_program(program));
  Configure settings = settings_of(policy, Guests::interpreter, memory_limit_bytes);
  settings.interpreter = interpreter.shape;
  std::unique_ptr<Workers> workers(
      new Workers(settings, std::move(for_pool), linux_::Fd(), std::move(interpreter.code),
                  policy.compiled().limits().max_concurrent_runs, nullptr));
  workers->pool_.expect_run();
  return workers;
}

// Code that a worker compiled is not for use in a process that is not confined: a module may have
// taken over its compiler. So the two kinds have different names in the cache.
Digest Workers::engine_digest() const {
  const FuelMetering fuel(settings_.metered);
  const std::string text = "compiled in a worker; " + (settings_.guests == Guests::components
                                                           ? component::component_fingerprint(fuel)
                                                           : engine_fingerprint(fuel));
  return sha256(std::as_bytes(std::span(text)));
}

Expected<std::shared_ptr<const ModuleCode>> Workers::compile(
    ModuleInput& input, std::chrono::steady_clock::time_point deadline,
    const std::stop_token& stop) {
  pool_.expect_run();
  if (input.is_sealed()) {
    return load_sealed(TRY(input.bytes()));
  }
  CacheKey key;
  if (cache_ != nullptr) {
    key = {.module = input.digest(), .engine = engine_digest()};
    if (auto found = cache_->find(key)) {
      TRY(check_shape(found->shape, settings_.memory_limit_bytes));
      if (!found->file.is_open()) {
        found->file = TRY(linux_::make_sealed_file("omnisandbox-code", found->code()));
      }
      return from_cache(std::move(found->file), found->shape);
    }
  }
  const auto bytes = TRY(input.bytes());
  TRY(check_module_size(bytes.size()));
  if (bytes.empty()) {
    return base::make_error(ErrorKind::invalid_argument, "the module is empty");
  }
  auto code = TRY(compile_anew(bytes, deadline, stop));
  if (cache_ != nullptr) {
    // A file may have been read only now, and be another one than it was known as.
    key.module = input.digest();
    // That the cache cannot be written is nobody's failure.
    if (const auto mapping = linux_::FileMapping::create(code->code, max_cache_entry_bytes)) {
      static_cast<void>(
          cache_->store({.key = key, .shape = code->shape, .code = mapping->bytes()}));
    }
  }
  return code;
}

Expected<std::shared_ptr<const ModuleCode>> Workers::load_sealed(
    std::span<const std::byte> bytes) const {
  if (cache_ == nullptr) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the module is compiled already, and without a module cache nothing "
                            "says that it can be trusted; use the .wasm file");
  }
  const CacheEntry entry = TRY(cache_->unseal(bytes));
  if (entry.key.engine != engine_digest()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the module was compiled for another engine, isolation or policy "
                            "(fuel_limit); compile the .wasm file again");
  }
  TRY(check_shape(entry.shape, settings_.memory_limit_bytes));
  return from_cache(TRY(linux_::make_sealed_file("omnisandbox-code", entry.code)), entry.shape);
}

Expected<std::shared_ptr<const ModuleCode>> Workers::compile_anew(
    std::span<const std::byte> bytes, std::chrono::steady_clock::time_point deadline,
    const std::stop_token& stop) {
  const auto place = TRY(compile_slots_.take(1, "modules that compile at once", deadline, stop));
  const linux_::Fd input = TRY(linux_::make_sealed_file("omnisandbox-module", bytes));
  linux_::Fd output = TRY(linux_::make_memory_file("omnisandbox-code"));
  CodeShape shape;
  {
    // A process for each module: what one leaves behind, no other finds. It has ended before its
    // output is sealed.
    const Configure settings = compiler_settings(settings_);
    const auto compiler =
        TRY(Worker::start({.program = program_, .settings = settings}, deadline, stop));
    shape = TRY(compiler->compile(input, output, deadline, stop));
  }
  TRY(linux_::seal_memory_file(output));
  const struct stat status = TRY(linux_::stat_of(output));
  if (static_cast<std::uint64_t>(status.st_size) > max_cache_entry_bytes) {
    return base::make_error(ErrorKind::too_large, "the module's compiled code is too large");
  }
  TRY(check_shape(shape, settings_.memory_limit_bytes));
  return std::make_shared<const ModuleCode>(
      ModuleCode{.number = next_module_number(),
                 .code = std::move(output),
                 .shape = shape,
                 .cache_use = cache_ == nullptr ? CacheUse::none : CacheUse::miss});
}

Expected<std::vector<std::byte>> Workers::seal(std::span<const std::byte> bytes,
                                               std::chrono::steady_clock::time_point deadline) {
  if (cache_ == nullptr) {
    return base::make_error(ErrorKind::invalid_argument,
                            "a module is compiled for a module cache, whose key it is sealed "
                            "with; set RuntimeOptions::module_cache");
  }
  const auto code = TRY(compile_anew(bytes, deadline, {}));
  const auto mapping = TRY(linux_::FileMapping::create(code->code, max_cache_entry_bytes));
  return cache_->seal({.key = {.module = sha256(bytes), .engine = engine_digest()},
                       .shape = code->shape,
                       .code = mapping.bytes()});
}

Expected<WorkerPool::Lease> Workers::borrow(std::chrono::steady_clock::time_point deadline,
                                            const std::stop_token& stop) {
  for (;;) {
    auto lease = TRY(pool_.take(deadline, stop));
    if (lease.worker().is_quiet()) {
      layers_.store(lease.worker().layers(), std::memory_order_relaxed);
      return lease;
    }
    // It says something that nobody asked for; the lease's end ends it.
  }
}

Expected<WorkerPool::Lease> Workers::borrow_for_session(
    std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) {
  auto lease = TRY(borrow(deadline, stop));
  pool_.give_away(lease);
  return lease;
}

Expected<TaskResult> Workers::execute(const Task& task, GuestRun& guest,
                                      std::chrono::milliseconds timeout) {
  QueuedRun run{
      .task = task, .guest = guest, .timeout = timeout, .may_share = may_share(task, guest)};
  for (;;) {
    auto turn = pool_.take_for(run, guest.context.deadline(), guest.context.stop());
    if (!turn) {
      return TaskResult{{.ending = ending_of(std::move(turn).error())}};
    }
    if (!*turn) {
      return *std::move(run.result);  // another thread's lease did it
    }
    const WorkerPool::Lease lease = *std::move(*turn);
    if (!lease.worker().is_quiet()) {
      continue;
    }
    layers_.store(lease.worker().layers(), std::memory_order_relaxed);
    std::vector<QueuedRun*> row = lease.others();
    if (row.empty()) {
      return execute_alone(lease.worker(), task, guest, timeout);
    }
    row.push_back(&run);
    const auto start = std::chrono::steady_clock::now();
    lease.worker().run_in_a_row(row, start + WorkerPool::row_time);
    if (lease.worker().is_usable()) {
      task.code->history->note((std::chrono::steady_clock::now() - start) / row.size());
    } else {
      task.code->history->forget();
    }
    if (run.result) {
      return *std::move(run.result);
    }
    run.may_share = false;
  }
}

Expected<TaskResult> Workers::execute_alone(Worker& worker, const Task& task, GuestRun& guest,
                                            std::chrono::milliseconds timeout) {
  const auto start = std::chrono::steady_clock::now();
  auto result = execute_by(worker, task, guest, timeout);
  if (task.code != nullptr) {
    if (worker.is_usable() && !worker.called_its_parent()) {
      task.code->history->note(std::chrono::steady_clock::now() - start);
    } else {
      task.code->history->forget();
    }
  }
  return result;
}

Expected<TaskResult> Workers::execute_by(Worker& worker, const Task& task, GuestRun& guest,
                                         std::chrono::milliseconds timeout) {
  return worker.run(task, guest, timeout, pool_.spin());
}

Expected<std::vector<FunctionType>> Workers::list(const ModuleCode& code,
                                                  std::chrono::steady_clock::time_point deadline) {
  return TRY(borrow(deadline, {})).worker().list(code, deadline);
}

SandboxDescription Workers::description() const {
  SandboxDescription description{.kind = "wasm", .layers = {"app-permissions", "wasm:worker"}};
  const std::uint32_t layers = layers_.load(std::memory_order_relaxed);
  if ((layers & layer_seccomp) != 0) {
    description.layers.emplace_back("seccomp");
  }
  if ((layers & layer_landlock) != 0) {
    description.layers.emplace_back("landlock");
  }
  if ((layers & layer_memory) != 0) {
    description.layers.emplace_back("memory-rlimit");
  }
  description.layers.insert(description.layers.end(), {"memory-limit", "deadline"});
  if (settings_.metered) {
    description.layers.emplace_back("fuel");
  }
  return description;
}

}  // namespace omnisandbox::wasm::worker
