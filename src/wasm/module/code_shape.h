#pragma once

#include <cstdint>
#include <variant>

#include "wasm/component/component_shape.h"
#include "wasm/module/module_shape.h"

namespace omnisandbox::wasm {

/// Of a core module or of a component.
using CodeShape = std::variant<ModuleShape, component::ComponentShape>;

/// Errors as for the two functions that it stands for.
inline Expected<void> check_shape(const CodeShape& shape, std::uint64_t memory_limit_bytes) {
  if (const auto* component = std::get_if<component::ComponentShape>(&shape)) {
    return component::check_start_memory(*component, memory_limit_bytes);
  }
  return check_module_shape(std::get<ModuleShape>(shape), memory_limit_bytes);
}

}  // namespace omnisandbox::wasm
