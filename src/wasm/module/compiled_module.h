#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"
#include "wasm/cache/module_cache.h"
#include "wasm/engine/engine.h"
#include "wasm/engine/owners.h"
#include "wasm/module/module_input.h"
#include "wasm/module/module_shape.h"

namespace omnisandbox::wasm {

/// A module that is compiled, checked against what the host offers, and linked: an instance is one
/// call away. Immutable, and shared by the runs that use it. It must not outlive its Engine.
class CompiledModule {
 public:
  /// Which exported function a run calls.
  enum class Entry : std::uint8_t {
    none,                ///< nothing to run: a library for `call-export`
    start_section_only,  ///< everything happens while the instance is made
    command,             ///< `_start`
    reactor,             ///< `_initialize`
  };

  /// `input` is a binary, the text format, or what `seal` made (where there is a `cache`, whose key
  /// it needs). What `cache` holds is not compiled again; what it lacks is added. It may be null.
  /// Errors as for Runtime::compile; that the cache cannot be written is none.
  static Expected<std::shared_ptr<const CompiledModule>> compile(Engine& engine, ModuleInput& input,
                                                                 std::uint64_t memory_limit_bytes,
                                                                 const ModuleCache* cache);
  /// The module compiled, as a file for `compile`.
  static Expected<std::vector<std::byte>> seal(Engine& engine, std::span<const std::byte> bytes,
                                               const ModuleCache& cache);

  /// A module's code as another process may load it, with the shape that goes with it.
  struct Serialized {
    std::string code;
    ModuleShape shape;
  };
  /// Compiles and checks as `compile` does.
  static Expected<Serialized> compile_for_others(Engine& engine, std::span<const std::byte> bytes,
                                                 std::uint64_t memory_limit_bytes);
  /// `code` must come from `compile_for_others`, unchanged: the engine runs it as it is.
  static Expected<std::shared_ptr<const CompiledModule>> load(Engine& engine,
                                                              std::span<const std::byte> code,
                                                              const ModuleShape& shape);
  /// The same from a file, which is mapped: the caller must know that nobody else can write there.
  static Expected<std::shared_ptr<const CompiledModule>> load(Engine& engine,
                                                              const std::string& path,
                                                              const ModuleShape& shape);

  const wasmtime_instance_pre_t* instance_pre() const noexcept { return instance_pre_.get(); }
  Entry entry() const noexcept { return entry_; }
  /// Whether it came out of a cache.
  CacheUse cache_use() const noexcept { return cache_use_; }
  /// Places that an instance takes in the engine's pool.
  std::uint32_t pool_slots() const noexcept { return pool_slots_; }

 private:
  CompiledModule(InstancePreOwner instance_pre, Entry entry, std::uint32_t pool_slots,
                 CacheUse cache_use)
      : instance_pre_(std::move(instance_pre)),
        entry_(entry),
        pool_slots_(pool_slots),
        cache_use_(cache_use) {}
  static Expected<std::shared_ptr<const CompiledModule>> link(Engine& engine,
                                                              const wasmtime_module_t* module,
                                                              const ModuleShape& shape,
                                                              CacheUse cache_use);

  InstancePreOwner instance_pre_;
  Entry entry_;
  std::uint32_t pool_slots_;
  CacheUse cache_use_;
};

}  // namespace omnisandbox::wasm
