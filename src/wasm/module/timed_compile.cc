#include "wasm/module/timed_compile.h"

#include <utility>
#include <vector>

#include "base/try.h"
#include "wasm/module/timed_work.h"

namespace omnisandbox::wasm {

using ModulePointer = std::shared_ptr<const CompiledModule>;

Expected<ModulePointer> compile_until(std::shared_ptr<Engine> engine,
                                      std::span<const std::byte> bytes,
                                      std::uint64_t memory_limit_bytes,
                                      std::shared_ptr<const ModuleCache> cache,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& stop) {
  TRY(check_module_size(bytes.size()));
  auto place = TRY(engine->compile_slots().take(1, "modules that compile at once", deadline, stop));
  return finish_until<ModulePointer>(
      [engine = std::move(engine), own = std::vector(bytes.begin(), bytes.end()),
       memory_limit_bytes, cache = std::move(cache)]() -> Expected<ModulePointer> {
        return CompiledModule::compile(*engine, own, memory_limit_bytes, cache.get());
      },
      std::move(place), deadline, stop);
}

}  // namespace omnisandbox::wasm
