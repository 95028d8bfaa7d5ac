#pragma once

#include <wasmtime.h>
#include <wasmtime/component.h>

#include <memory>

#include "wasm/engine/owners.h"

namespace omnisandbox::wasm::component {

using ComponentOwner = std::unique_ptr<wasmtime_component_t, Destroy<&wasmtime_component_delete>>;
using ComponentLinkerOwner =
    std::unique_ptr<wasmtime_component_linker_t, Destroy<&wasmtime_component_linker_delete>>;
using ComponentTypeOwner =
    std::unique_ptr<wasmtime_component_type_t, Destroy<&wasmtime_component_type_delete>>;
using ExportIndexOwner = std::unique_ptr<wasmtime_component_export_index_t,
                                         Destroy<&wasmtime_component_export_index_delete>>;
using FunctionTypeOwner =
    std::unique_ptr<wasmtime_component_func_type_t, Destroy<&wasmtime_component_func_type_delete>>;

}  // namespace omnisandbox::wasm::component
