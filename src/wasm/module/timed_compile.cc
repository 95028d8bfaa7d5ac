#include "wasm/module/timed_compile.h"

#include <memory>
#include <utility>

#include "base/try.h"
#include "wasm/module/timed_work.h"

namespace omnisandbox::wasm {

using ModulePointer = std::shared_ptr<const CompiledModule>;

Expected<ModulePointer> compile_until(std::shared_ptr<Engine> engine, ModuleInput input,
                                      std::uint64_t memory_limit_bytes,
                                      std::shared_ptr<const ModuleCache> cache,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& stop) {
  auto place = TRY(engine->compile_slots().take(1, "modules that compile at once", deadline, stop));
  return finish_until<ModulePointer>(
      // Shared, as a function that is copied cannot own what is moved only.
      [engine = std::move(engine), own = std::make_shared<ModuleInput>(std::move(input)),
       memory_limit_bytes, cache = std::move(cache)]() -> Expected<ModulePointer> {
        return CompiledModule::compile(*engine, *own, memory_limit_bytes, cache.get());
      },
      std::move(place), deadline, stop);
}

}  // namespace omnisandbox::wasm
