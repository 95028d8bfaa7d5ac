#include "wasm/component/wit_text.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "wasm/component/type_parts.h"

namespace omnisandbox::wasm::component {
namespace {

std::string named_list(std::string_view keyword, const std::vector<std::string_view>& names) {
  return fmt::format("{} {{ {} }}", keyword, fmt::join(names, ", "));
}

std::string variant_text(const ValueType& type) {
  std::vector<std::string> cases;
  for (const NamedType& one : variant_cases(type)) {
    cases.push_back(one.has_type ? fmt::format("{}({})", one.name, wit_text(one.type))
                                 : std::string(one.name));
  }
  return fmt::format("variant {{ {} }}", fmt::join(cases, ", "));
}

std::string result_text(const ValueType& type) {
  const auto ok = result_ok(type);
  const auto error = result_error(type);
  if (!ok && !error) {
    return "result";
  }
  if (!error) {
    return fmt::format("result<{}>", wit_text(*ok));
  }
  return fmt::format("result<{}, {}>", ok ? wit_text(*ok) : "_", wit_text(*error));
}

std::string fields_text(const std::vector<NamedType>& fields) {
  std::vector<std::string> texts;
  for (const NamedType& field : fields) {
    texts.push_back(fmt::format("{}: {}", field.name, wit_text(field.type)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string tuple_text(const ValueType& type) {
  std::vector<std::string> texts;
  for (const ValueType& item : tuple_items(type)) {
    texts.push_back(wit_text(item));
  }
  return fmt::format("tuple<{}>", fmt::join(texts, ", "));
}

std::string_view plain_text(wasmtime_component_valtype_kind_t kind) {
  switch (kind) {
    case WASMTIME_COMPONENT_VALTYPE_BOOL:
      return "bool";
    case WASMTIME_COMPONENT_VALTYPE_S8:
      return "s8";
    case WASMTIME_COMPONENT_VALTYPE_S16:
      return "s16";
    case WASMTIME_COMPONENT_VALTYPE_S32:
      return "s32";
    case WASMTIME_COMPONENT_VALTYPE_S64:
      return "s64";
    case WASMTIME_COMPONENT_VALTYPE_U8:
      return "u8";
    case WASMTIME_COMPONENT_VALTYPE_U16:
      return "u16";
    case WASMTIME_COMPONENT_VALTYPE_U32:
      return "u32";
    case WASMTIME_COMPONENT_VALTYPE_U64:
      return "u64";
    case WASMTIME_COMPONENT_VALTYPE_F32:
      return "f32";
    case WASMTIME_COMPONENT_VALTYPE_F64:
      return "f64";
    case WASMTIME_COMPONENT_VALTYPE_CHAR:
      return "char";
    case WASMTIME_COMPONENT_VALTYPE_STRING:
      return "string";
    case WASMTIME_COMPONENT_VALTYPE_OWN:
      return "resource";
    case WASMTIME_COMPONENT_VALTYPE_BORROW:
      return "borrow<resource>";
    case WASMTIME_COMPONENT_VALTYPE_FUTURE:
      return "future";
    case WASMTIME_COMPONENT_VALTYPE_STREAM:
      return "stream";
    default:
      return "unknown";
  }
}

}  // namespace

std::string wit_text(const ValueType& type) {
  switch (type.kind()) {
    case WASMTIME_COMPONENT_VALTYPE_LIST:
      return fmt::format("list<{}>", wit_text(list_element(type)));
    case WASMTIME_COMPONENT_VALTYPE_RECORD:
      return fmt::format("record {{ {} }}", fields_text(record_fields(type)));
    case WASMTIME_COMPONENT_VALTYPE_TUPLE:
      return tuple_text(type);
    case WASMTIME_COMPONENT_VALTYPE_VARIANT:
      return variant_text(type);
    case WASMTIME_COMPONENT_VALTYPE_ENUM:
      return named_list("enum", enum_names(type));
    case WASMTIME_COMPONENT_VALTYPE_FLAGS:
      return named_list("flags", flag_names(type));
    case WASMTIME_COMPONENT_VALTYPE_OPTION:
      return fmt::format("option<{}>", wit_text(option_value(type)));
    case WASMTIME_COMPONENT_VALTYPE_RESULT:
      return result_text(type);
    default:
      return std::string(plain_text(type.kind()));
  }
}

std::string wit_text(const wasmtime_component_func_type_t* function) {
  const auto result = result_of(function);
  return fmt::format("func({}){}", fields_text(parameters(function)),
                     result ? " -> " + wit_text(*result) : "");
}

}  // namespace omnisandbox::wasm::component
