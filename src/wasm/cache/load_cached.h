#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "linux/fd.h"
#include "wasm/cache/module_cache.h"

namespace omnisandbox::wasm {

/// Compiled code that an engine has loaded, and what it needs.
template <class Owner, class Shape>
struct LoadedCode {
  Owner code;
  Shape shape;
};

/// What `cache` has under `key`: `map` loads it from its file, or `load` from its bytes, also where
/// the file cannot be mapped (without /proc, for instance). Both give null for what their engine
/// refuses. Nothing where there is none, or one of another Shape.
template <class Shape, class Map, class Load>
auto load_cached(const ModuleCache& cache, const CacheKey& key, Map map, Load load) {
  using Owner = std::invoke_result_t<Load, std::span<const std::byte>>;
  using Access = ModuleCache::Access;
  std::optional<LoadedCode<Owner, Shape>> loaded;
  for (const Access access : {Access::map_or_read, Access::read}) {
    const auto found = cache.find(key, access);
    const auto* shape = found ? std::get_if<Shape>(&found->shape) : nullptr;
    if (shape == nullptr) {
      break;
    }
    const bool is_mapped = found->file.is_open();
    Owner code = is_mapped ? map(found->file) : load(found->code());
    if (code != nullptr) {
      loaded.emplace(LoadedCode<Owner, Shape>{std::move(code), *shape});
    }
    if (loaded || !is_mapped) {
      break;
    }
  }
  return loaded;
}

}  // namespace omnisandbox::wasm
