#include "wasm/component/type_parts.h"

#include <utility>

namespace omnisandbox::wasm::component {
namespace {

// The C API's functions for names differ in their type alone.
template <class T, class Count, class Get>
std::vector<std::string_view> names_of(const T* type, Count count, Get get) {
  std::vector<std::string_view> names;
  const std::size_t total = count(type);
  for (std::size_t index = 0; index < total; ++index) {
    const char* name = nullptr;
    std::size_t size = 0;
    if (get(type, index, &name, &size)) {
      names.emplace_back(name, size);
    }
  }
  return names;
}

template <class T, class Count, class Get>
std::vector<NamedType> named_types(const T* type, Count count, Get get) {
  std::vector<NamedType> parts;
  const std::size_t total = count(type);
  for (std::size_t index = 0; index < total; ++index) {
    const char* name = nullptr;
    std::size_t size = 0;
    NamedType part;
    if (get(type, index, &name, &size, part.type.out())) {
      part.name = {name, size};
      parts.push_back(std::move(part));
    } else {
      part.type.forget();
    }
  }
  return parts;
}

template <class T>
std::optional<ValueType> payload(const T* type,
                                 bool (*get)(const T*, wasmtime_component_valtype_t*)) {
  ValueType part;
  if (!get(type, part.out())) {
    part.forget();
    return std::nullopt;
  }
  return part;
}

}  // namespace

std::vector<NamedType> record_fields(const ValueType& type) {
  return named_types(type.get().of.record, &wasmtime_component_record_type_field_count,
                     &wasmtime_component_record_type_field_nth);
}

std::vector<NamedType> variant_cases(const ValueType& type) {
  const auto* variant = type.get().of.variant;
  std::vector<NamedType> cases;
  const std::size_t total = wasmtime_component_variant_type_case_count(variant);
  for (std::size_t index = 0; index < total; ++index) {
    const char* name = nullptr;
    std::size_t size = 0;
    NamedType one;
    if (!wasmtime_component_variant_type_case_nth(variant, index, &name, &size, &one.has_type,
                                                  one.type.out())) {
      one.type.forget();
      continue;
    }
    if (!one.has_type) {
      one.type.forget();
    }
    one.name = {name, size};
    cases.push_back(std::move(one));
  }
  return cases;
}

std::vector<ValueType> tuple_items(const ValueType& type) {
  const auto* tuple = type.get().of.tuple;
  std::vector<ValueType> items;
  const std::size_t total = wasmtime_component_tuple_type_types_count(tuple);
  for (std::size_t index = 0; index < total; ++index) {
    ValueType item;
    if (wasmtime_component_tuple_type_types_nth(tuple, index, item.out())) {
      items.push_back(std::move(item));
    } else {
      item.forget();
    }
  }
  return items;
}

std::vector<std::string_view> enum_names(const ValueType& type) {
  return names_of(type.get().of.enum_, &wasmtime_component_enum_type_names_count,
                  &wasmtime_component_enum_type_names_nth);
}

std::vector<std::string_view> flag_names(const ValueType& type) {
  return names_of(type.get().of.flags, &wasmtime_component_flags_type_names_count,
                  &wasmtime_component_flags_type_names_nth);
}

ValueType list_element(const ValueType& type) {
  ValueType element;
  wasmtime_component_list_type_element(type.get().of.list, element.out());
  return element;
}

ValueType option_value(const ValueType& type) {
  ValueType value;
  wasmtime_component_option_type_ty(type.get().of.option, value.out());
  return value;
}

std::optional<ValueType> result_ok(const ValueType& type) {
  return payload<wasmtime_component_result_type_t>(type.get().of.result,
                                                   &wasmtime_component_result_type_ok);
}

std::optional<ValueType> result_error(const ValueType& type) {
  return payload<wasmtime_component_result_type_t>(type.get().of.result,
                                                   &wasmtime_component_result_type_err);
}

std::vector<NamedType> parameters(const wasmtime_component_func_type_t* function) {
  return named_types(function, &wasmtime_component_func_type_param_count,
                     &wasmtime_component_func_type_param_nth);
}

std::optional<ValueType> result_of(const wasmtime_component_func_type_t* function) {
  return payload<wasmtime_component_func_type_t>(function, &wasmtime_component_func_type_result);
}

}  // namespace omnisandbox::wasm::component
