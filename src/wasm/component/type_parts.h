#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "wasm/component/types.h"

/// What types are made of, as C++ values. Each takes a type of the kind that it is named after.
namespace omnisandbox::wasm::component {

std::vector<NamedType> record_fields(const ValueType& type);
std::vector<NamedType> variant_cases(const ValueType& type);
std::vector<ValueType> tuple_items(const ValueType& type);
std::vector<std::string_view> enum_names(const ValueType& type);
std::vector<std::string_view> flag_names(const ValueType& type);
ValueType list_element(const ValueType& type);
ValueType option_value(const ValueType& type);
std::optional<ValueType> result_ok(const ValueType& type);
std::optional<ValueType> result_error(const ValueType& type);

std::vector<NamedType> parameters(const wasmtime_component_func_type_t* function);
std::optional<ValueType> result_of(const wasmtime_component_func_type_t* function);

}  // namespace omnisandbox::wasm::component
