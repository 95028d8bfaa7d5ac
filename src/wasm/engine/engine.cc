#include "wasm/engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/engine/engine_config.h"
#include "wasm/engine/wasmtime_extensions.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

// To be raised with every change of what modules may use, or of what is checked when one is
// compiled.
constexpr int settings_revision = 1;

omnisandbox_pool_settings pool_of(std::uint32_t slots) {
  omnisandbox_pool_settings pool = make_pool_settings();
  pool.total_instances = slots;
  pool.total_memories = slots;
  pool.total_tables = slots;
  pool.memory_keep_resident_bytes = memory_keep_resident_bytes;
  return pool;
}

Expected<void> define(wasmtime_linker_t* linker, const HostModule& module) {
  for (const HostFunctionEntry& function : module.functions) {
    const FunctionTypeOwner type(function.make_type());
    const ErrorOwner error(wasmtime_linker_define_func_unchecked(
        linker, module.name.data(), module.name.size(), function.name.data(), function.name.size(),
        type.get(), function.callback, function.data, nullptr));
    if (error != nullptr) {
      ByteVector message;
      wasmtime_error_message(error.get(), message.out());
      return base::make_error(ErrorKind::internal, "cannot offer {}.{} to guests: {}", module.name,
                              function.name, base::printable(message.text()));
    }
  }
  return {};
}

}  // namespace

std::span<const HostModule* const> offered_modules() {
  static const std::array modules{&wasi::preview1_module(), &abi::omnisandbox_v1_module()};
  return modules;
}

Engine::Engine(FuelMetering fuel, EngineOwner engine, LinkerOwner linker, std::uint32_t slots)
    : fuel_(fuel),
      process_id_(getpid()),
      engine_(std::move(engine)),
      linker_(std::move(linker)),
      slots_(slots),
      compile_slots_(std::max(min_compile_slots, std::thread::hardware_concurrency())),
      deadlines_(engine_.get()) {}

std::string engine_fingerprint(FuelMetering fuel) {
  // The engine itself compares the processor's features and its own settings when it loads code;
  // this keeps apart what it would refuse, and what only OmniSandbox tells apart.
  return fmt::format("wasmtime {}; OmniSandbox settings {}; fuel {}", WASMTIME_VERSION,
                     settings_revision, static_cast<bool>(fuel) ? "metered" : "not metered");
}

bool Engine::belongs_to_this_process() const noexcept { return getpid() == process_id_; }

Expected<std::shared_ptr<Engine>> Engine::create(const EngineSettings& settings) {
  const ConfigOwner config = make_engine_config(settings.fuel);
  std::array<char, 512> message{};
  const std::uint32_t smallest = std::min(smallest_pool_slots, settings.slots);
  for (std::uint32_t slots = settings.slots; slots >= smallest && slots > 0; slots /= 4) {
    const omnisandbox_pool_settings pool = pool_of(slots);
    EngineOwner engine(omnisandbox_engine_new(config.get(), &pool, message.data(), message.size()));
    if (engine == nullptr) {
      continue;
    }
    LinkerOwner linker(wasmtime_linker_new(engine.get()));
    for (const HostModule* module : settings.modules) {
      TRY(define(linker.get(), *module));
    }
    return std::shared_ptr<Engine>(
        new Engine(settings.fuel, std::move(engine), std::move(linker), slots));
  }
  return base::make_error(ErrorKind::unavailable,
                          "the WebAssembly engine cannot reserve its address space ({} GiB at "
                          "least; is there a limit such "
                          "as `ulimit -v`?): {}",
                          smallest_pool_slots * memory_reservation_bytes / (1024 * mebibyte),
                          base::printable(message.data()));
}

Expected<std::shared_ptr<Engine>> Engine::shared(FuelMetering fuel) {
  // The one process-wide state of this library: address space is a resource of the process. It owns
  // nothing, so an engine goes away with its last Runtime.
  static std::mutex mutex;
  static std::map<std::pair<bool, pid_t>, std::weak_ptr<Engine>> engines;
  const std::lock_guard lock(mutex);
  auto& known = engines[{static_cast<bool>(fuel), getpid()}];
  if (auto engine = known.lock()) {
    return engine;
  }
  auto engine = TRY(create({.fuel = fuel, .slots = pool_slots, .modules = offered_modules()}));
  known = engine;
  return engine;
}

}  // namespace omnisandbox::wasm
