#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "wasm/component/compiled_component.h"
#include "wasm/component/types.h"
#include "wasm/component/values.h"
#include "wasm/exported_type.h"

namespace omnisandbox::wasm::exports {

/// A function that a component exports, by itself or in an interface.
struct ComponentFunction {
  std::string interface;  ///< empty: exported by itself
  std::string name;
  component::FunctionTypeOwner type;

  /// As `call-export` takes it: "name", or "interface#name".
  std::string full_name() const;
};

/// Error: `too_large` for more than can be listed.
Expected<std::vector<FunctionType>> component_function_types(
    const component::ComponentEngine& engine, const component::CompiledComponent& component);

std::vector<ComponentFunction> component_functions(const component::ComponentEngine& engine,
                                                   const component::CompiledComponent& component);

/// Error: `not_found`.
Expected<ComponentFunction> find_component_function(const component::ComponentEngine& engine,
                                                    const component::CompiledComponent& component,
                                                    std::string_view full_name);

/// Values of the function's parameters. Error: `invalid_argument`.
Expected<std::vector<component::Value>> component_arguments(
    const ComponentFunction& function, std::span<const std::string> arguments_json);

}  // namespace omnisandbox::wasm::exports
