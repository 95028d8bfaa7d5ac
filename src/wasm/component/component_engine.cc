#include "wasm/component/component_engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/component/host/interfaces.h"
#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"
#include "wasm/engine/engine_config.h"
#include "wasm/engine/wasmtime_extensions.h"

namespace omnisandbox::wasm::component {
namespace {

omnisandbox_pool_settings pool_of(std::uint32_t memories, std::uint32_t instances) {
  omnisandbox_pool_settings pool = make_pool_settings();
  pool.total_component_instances = instances;
  pool.total_instances = instances * max_core_instances_per_component;
  pool.total_memories = memories;
  pool.total_tables = instances * max_tables_per_component;
  pool.max_instances_per_component = max_core_instances_per_component;
  pool.max_memories_per_component = max_memories_per_component;
  pool.max_tables_per_component = max_tables_per_component;
  pool.max_component_instance_bytes = max_component_instance_bytes;
  pool.memory_keep_resident_bytes = component_keep_resident_bytes;
  return pool;
}

Expected<ComponentLinkerOwner> make_linker(const wasm_engine_t* engine) {
  ComponentLinkerOwner linker(wasmtime_component_linker_new(engine));
  for (const auto interfaces :
       {wasi02::cli_interfaces(), wasi02::clock_interfaces(), wasi02::io_interfaces(),
        wasi02::filesystem_interfaces(), wasi02::socket_interfaces(), host::interfaces()}) {
    for (const Interface& interface : interfaces) {
      TRY(define(linker.get(), interface));
    }
  }
  return linker;
}

}  // namespace

ComponentEngine::ComponentEngine(FuelMetering fuel, EngineOwner engine, ComponentLinkerOwner linker,
                                 std::uint32_t memories)
    : fuel_(fuel),
      process_id_(getpid()),
      engine_(std::move(engine)),
      linker_(std::move(linker)),
      slots_(memories),
      compile_slots_(std::max(min_compile_slots, std::thread::hardware_concurrency())),
      deadlines_(engine_.get()) {}

bool ComponentEngine::belongs_to_this_process() const noexcept { return getpid() == process_id_; }

Expected<std::shared_ptr<ComponentEngine>> ComponentEngine::create(FuelMetering fuel, Pool pool,
                                                                   CompileFor processors) {
  std::array<char, 512> message{};
  for (; pool.memories >= smallest_pool_memories; pool.memories /= 4, pool.instances /= 4) {
    const ConfigOwner config = make_engine_config(fuel, processors);
    wasmtime_config_wasm_component_model_set(config.get(), true);
    wasmtime_config_max_wasm_stack_set(config.get(), component_stack_bytes);
    const omnisandbox_pool_settings settings = pool_of(pool.memories, pool.instances);
    EngineOwner engine(
        omnisandbox_engine_new(config.get(), &settings, message.data(), message.size()));
    if (engine == nullptr) {
      continue;
    }
    ComponentLinkerOwner linker = TRY(make_linker(engine.get()));
    return std::shared_ptr<ComponentEngine>(
        new ComponentEngine(fuel, std::move(engine), std::move(linker), pool.memories));
  }
  return base::make_error(
      ErrorKind::unavailable,
      "the WebAssembly engine cannot reserve its address space for components ({} GiB at least; is "
      "there a limit such as `ulimit -v`?): {}",
      smallest_pool_memories * memory_reservation_bytes / (1024 * mebibyte),
      base::printable(message.data()));
}

Expected<std::shared_ptr<ComponentEngine>> ComponentEngine::create_for_worker(FuelMetering fuel) {
  return create(fuel,
                {.memories = smallest_pool_memories, .instances = worker_component_instances});
}

Expected<std::shared_ptr<ComponentEngine>> ComponentEngine::create_for_shipping(FuelMetering fuel) {
  return create(fuel, {.memories = smallest_pool_memories, .instances = smallest_pool_memories},
                CompileFor::many_processors);
}

Expected<std::shared_ptr<ComponentEngine>> ComponentEngine::shared(FuelMetering fuel) {
  // As for core modules: address space is a resource of the process.
  static std::mutex mutex;
  static std::map<std::pair<bool, pid_t>, std::weak_ptr<ComponentEngine>> engines;
  const std::lock_guard lock(mutex);
  auto& known = engines[{static_cast<bool>(fuel), getpid()}];
  if (auto engine = known.lock()) {
    return engine;
  }
  auto engine = TRY(create(fuel, {.memories = pool_memories, .instances = pool_memories}));
  known = engine;
  return engine;
}

}  // namespace omnisandbox::wasm::component
