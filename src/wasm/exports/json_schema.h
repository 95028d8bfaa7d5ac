#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "omnisandbox/module_exports.h"
#include "wasm/exported_type.h"

namespace omnisandbox::wasm::exports {

/// A JSON Schema (draft 2020-12) of exactly what component/json_values.h takes for a value of the
/// type, and makes of one. Nothing for what JSON cannot hold.
std::optional<nlohmann::ordered_json> json_schema(const Type& type);

ExportedFunction as_json_function(const FunctionType& function);

}  // namespace omnisandbox::wasm::exports
