#pragma once

#include <cstddef>
#include <string>

#include "wasm/component/types.h"
#include "wasm/exported_type.h"

namespace omnisandbox::wasm::component {

/// How many parts may still be described.
using PartBudget = std::size_t;

/// A type as a plain value. Types that a component gave a name are written out, because the name is
/// not kept. What is nested too deeply, or beyond the budget, is `unknown`.
Type describe(const ValueType& type, PartBudget& left);
/// The same without a name.
FunctionType describe(const wasmtime_component_func_type_t* function, PartBudget& left);

/// As WIT writes it: `record { id: u32 }`.
std::string wit_text(const ValueType& type);

}  // namespace omnisandbox::wasm::component
