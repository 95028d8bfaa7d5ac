#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "omnisandbox/expected.h"
#include "wasm/engine/engine.h"
#include "wasm/module/compiled_module.h"

namespace omnisandbox::wasm {

/// CompiledModule::compile that answers at the deadline or soon after a stop, whatever the module:
/// a function of 64 KiB can keep the compiler busy for minutes, and nothing interrupts it.
/// Compiling has a thread of its own, which is then left to finish, and its work thrown away; how
/// many there may be at once is bounded (Engine::compile_slots), and what they cost meanwhile is
/// not: that takes a process of its own. `input` must own its bytes. Further errors: `timeout`,
/// `cancelled`, `unavailable`.
Expected<std::shared_ptr<const CompiledModule>> compile_until(
    std::shared_ptr<Engine> engine, ModuleInput input, std::uint64_t memory_limit_bytes,
    std::shared_ptr<const ModuleCache> cache, std::chrono::steady_clock::time_point deadline,
    const std::stop_token& stop);

}  // namespace omnisandbox::wasm
