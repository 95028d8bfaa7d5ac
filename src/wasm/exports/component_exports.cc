#include "wasm/exports/component_exports.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/component/json_values.h"
#include "wasm/component/type_description.h"
#include "wasm/component/type_parts.h"

namespace omnisandbox::wasm::exports {
namespace {

using component::FunctionTypeOwner;

/// Owns an item that the C API gave out.
class Item {
 public:
  Item() = default;
  ~Item() {
    if (filled_) {
      wasmtime_component_item_delete(&item_);
    }
  }
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;
  template <class Get>
  bool fill(Get get) {
    filled_ = get(&item_);
    return filled_;
  }
  const wasmtime_component_item_t& get() const { return item_; }

 private:
  wasmtime_component_item_t item_{};
  bool filled_ = false;
};

void add_function(std::vector<ComponentFunction>& functions, std::string_view interface,
                  std::string_view name, const wasmtime_component_item_t& item) {
  if (item.kind != WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC) {
    return;
  }
  functions.push_back(
      {std::string(interface), std::string(name),
       FunctionTypeOwner(wasmtime_component_func_type_clone(item.of.component_func))});
}

}  // namespace

std::string ComponentFunction::full_name() const {
  return interface.empty() ? name : interface + "#" + name;
}

std::vector<ComponentFunction> component_functions(const component::ComponentEngine& engine,
                                                   const component::CompiledComponent& compiled) {
  std::vector<ComponentFunction> functions;
  const component::ComponentTypeOwner type(wasmtime_component_type(compiled.get()));
  const std::size_t exports = wasmtime_component_type_export_count(type.get(), engine.get());
  for (std::size_t index = 0; index < exports; ++index) {
    const char* data = nullptr;
    std::size_t size = 0;
    Item item;
    if (!item.fill([&](wasmtime_component_item_t* out) {
          return wasmtime_component_type_export_nth(type.get(), engine.get(), index, &data, &size,
                                                    out);
        })) {
      continue;
    }
    const std::string_view name(data, size);
    add_function(functions, "", name, item.get());
    if (item.get().kind != WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE) {
      continue;
    }
    const auto* instance = item.get().of.component_instance;
    const std::size_t inner_count =
        wasmtime_component_instance_type_export_count(instance, engine.get());
    for (std::size_t inner = 0; inner < inner_count; ++inner) {
      Item member;
      if (member.fill([&](wasmtime_component_item_t* out) {
            return wasmtime_component_instance_type_export_nth(instance, engine.get(), inner, &data,
                                                               &size, out);
          })) {
        add_function(functions, name, {data, size}, member.get());
      }
    }
  }
  return functions;
}

Expected<std::vector<FunctionType>> component_function_types(
    const component::ComponentEngine& engine, const component::CompiledComponent& compiled) {
  std::vector<FunctionType> types;
  component::PartBudget total = max_type_parts;
  for (const ComponentFunction& function : component_functions(engine, compiled)) {
    component::PartBudget left = std::min(total, max_function_type_parts);
    const component::PartBudget before = left;
    FunctionType type = component::describe(function.type.get(), left);
    total -= before - left;
    type.name = function.full_name();
    types.push_back(std::move(type));
  }
  TRY(check_count(types));
  return types;
}

Expected<ComponentFunction> find_component_function(const component::ComponentEngine& engine,
                                                    const component::CompiledComponent& compiled,
                                                    std::string_view full_name) {
  for (ComponentFunction& function : component_functions(engine, compiled)) {
    if (function.full_name() == full_name) {
      return std::move(function);
    }
  }
  return base::make_error(ErrorKind::not_found,
                          "the component exports no function named \"{}\"; call-export without a "
                          "name lists those that it has",
                          base::printable(full_name));
}

Expected<std::vector<component::Value>> component_arguments(
    const ComponentFunction& function, std::span<const std::string> arguments_json) {
  const auto parameters = component::parameters(function.type.get());
  component::PartBudget left = max_function_type_parts;
  if (arguments_json.size() != parameters.size()) {
    return base::make_error(
        ErrorKind::invalid_argument, "\"{}\" takes {} arguments, and {} are given: it is {}",
        base::printable(function.full_name()), parameters.size(), arguments_json.size(),
        base::printable(wit_text(component::describe(function.type.get(), left))));
  }
  std::vector<component::Value> arguments;
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    arguments.push_back(
        TRY(component::value_from_json(arguments_json[index], parameters[index].type,
                                       fmt::format("the argument {}", parameters[index].name))));
  }
  return arguments;
}

}  // namespace omnisandbox::wasm::exports
