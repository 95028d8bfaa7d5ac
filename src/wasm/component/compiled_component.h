#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"
#include "wasm/cache/module_cache.h"
#include "wasm/component/component_engine.h"
#include "wasm/component/component_shape.h"
#include "wasm/component/owners.h"
#include "wasm/module/module_input.h"

namespace omnisandbox::wasm::component {

/// A component that is compiled, and whose imports the host offers. Immutable, and shared by the
/// runs that use it. It must not outlive its engine.
class CompiledComponent {
 public:
  /// `bytes` is a binary or the text format. Errors as for Runtime::compile.
  static Expected<std::shared_ptr<const CompiledComponent>> compile(
      const ComponentEngine& engine, std::span<const std::byte> bytes,
      std::uint64_t memory_limit_bytes);
  /// The same, but what `cache` holds is not compiled again; what it lacks is added. It may be
  /// null.
  static Expected<std::shared_ptr<const CompiledComponent>> find_or_compile(
      const ComponentEngine& engine, ModuleInput& input, std::uint64_t memory_limit_bytes,
      const ModuleCache* cache);

  /// `code` must come from `serialize`, unchanged: the engine runs it as it is.
  static Expected<std::shared_ptr<const CompiledComponent>> load(const ComponentEngine& engine,
                                                                 std::span<const std::byte> code,
                                                                 const ComponentShape& shape);
  /// The same from a file, which is mapped: the caller must know that nobody else can write there.
  /// Errors: `not_found`, `invalid_argument` (made by another version or with other settings).
  static Expected<std::shared_ptr<const CompiledComponent>> load(const ComponentEngine& engine,
                                                                 const std::string& path,
                                                                 const ComponentShape& shape);
  Expected<std::string> serialize() const;

  const wasmtime_component_t* get() const noexcept { return component_.get(); }
  const ComponentShape& shape() const noexcept { return shape_; }
  CacheUse cache_use() const noexcept { return cache_use_; }
  /// Places that an instance takes in the engine's pool.
  std::uint32_t pool_slots() const noexcept;
  /// An exported function, in an exported interface where `interface` is not empty. Null where
  /// there is none.
  ExportIndexOwner find_export(std::string_view interface, std::string_view name) const;

 private:
  CompiledComponent(ComponentOwner component, const ComponentShape& shape, CacheUse cache_use)
      : component_(std::move(component)), shape_(shape), cache_use_(cache_use) {}
  static Expected<std::shared_ptr<const CompiledComponent>> compile_as(
      CacheUse use, const ComponentEngine& engine, std::span<const std::byte> bytes,
      std::uint64_t memory_limit_bytes);

  ComponentOwner component_;
  ComponentShape shape_;
  CacheUse cache_use_;
};

/// What code depends on that this engine compiles, for the module cache.
std::string component_fingerprint(FuelMetering fuel);

}  // namespace omnisandbox::wasm::component
