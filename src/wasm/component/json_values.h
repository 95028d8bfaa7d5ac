#pragma once

#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "wasm/component/types.h"
#include "wasm/component/values.h"

/// JSON ↔ component values, as include/omnisandbox/module_exports.h describes it.
namespace omnisandbox::wasm::component {

/// Of one argument.
inline constexpr std::size_t max_json_bytes = std::size_t{8} * 1024 * 1024;

/// A value of the type. `what` names it in messages ("the argument a"). Error: `invalid_argument`,
/// which says where in the value something does not fit; `too_large`.
Expected<Value> value_from_json(std::string_view json, const ValueType& type,
                                std::string_view what);

/// Error: `invalid_argument` for what JSON cannot hold (a resource's handle).
Expected<std::string> value_to_json(const wasmtime_component_val_t& value, const ValueType& type);

}  // namespace omnisandbox::wasm::component
