#pragma once

#include <string>

#include "wasm/component/types.h"

namespace omnisandbox::wasm::component {

/// A type as WIT writes it. Types that a component gave a name are written out, because the name is
/// not kept: `record { id: u32 }`.
std::string wit_text(const ValueType& type);
/// `func(id: u32) -> string`.
std::string wit_text(const wasmtime_component_func_type_t* function);

}  // namespace omnisandbox::wasm::component
