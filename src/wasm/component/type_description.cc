#include "wasm/component/type_description.h"

#include <utility>
#include <vector>

#include "wasm/component/type_parts.h"

namespace omnisandbox::wasm::component {
namespace {

TypeKind kind_of(wasmtime_component_valtype_kind_t kind) {
  switch (kind) {
    case WASMTIME_COMPONENT_VALTYPE_BOOL:
      return TypeKind::boolean;
    case WASMTIME_COMPONENT_VALTYPE_S8:
      return TypeKind::s8;
    case WASMTIME_COMPONENT_VALTYPE_S16:
      return TypeKind::s16;
    case WASMTIME_COMPONENT_VALTYPE_S32:
      return TypeKind::s32;
    case WASMTIME_COMPONENT_VALTYPE_S64:
      return TypeKind::s64;
    case WASMTIME_COMPONENT_VALTYPE_U8:
      return TypeKind::u8;
    case WASMTIME_COMPONENT_VALTYPE_U16:
      return TypeKind::u16;
    case WASMTIME_COMPONENT_VALTYPE_U32:
      return TypeKind::u32;
    case WASMTIME_COMPONENT_VALTYPE_U64:
      return TypeKind::u64;
    case WASMTIME_COMPONENT_VALTYPE_F32:
      return TypeKind::f32;
    case WASMTIME_COMPONENT_VALTYPE_F64:
      return TypeKind::f64;
    case WASMTIME_COMPONENT_VALTYPE_CHAR:
      return TypeKind::character;
    case WASMTIME_COMPONENT_VALTYPE_STRING:
      return TypeKind::string;
    case WASMTIME_COMPONENT_VALTYPE_LIST:
      return TypeKind::list;
    case WASMTIME_COMPONENT_VALTYPE_RECORD:
      return TypeKind::record;
    case WASMTIME_COMPONENT_VALTYPE_TUPLE:
      return TypeKind::tuple;
    case WASMTIME_COMPONENT_VALTYPE_VARIANT:
      return TypeKind::variant;
    case WASMTIME_COMPONENT_VALTYPE_ENUM:
      return TypeKind::enumeration;
    case WASMTIME_COMPONENT_VALTYPE_FLAGS:
      return TypeKind::flags;
    case WASMTIME_COMPONENT_VALTYPE_OPTION:
      return TypeKind::option;
    case WASMTIME_COMPONENT_VALTYPE_RESULT:
      return TypeKind::result;
    case WASMTIME_COMPONENT_VALTYPE_OWN:
      return TypeKind::own;
    case WASMTIME_COMPONENT_VALTYPE_BORROW:
      return TypeKind::borrow;
    case WASMTIME_COMPONENT_VALTYPE_FUTURE:
      return TypeKind::future;
    case WASMTIME_COMPONENT_VALTYPE_STREAM:
      return TypeKind::stream;
    default:
      return TypeKind::unknown;
  }
}

/// Goes down into a type, and says where it went too far.
class Description {
 public:
  explicit Description(PartBudget& left) : left_(left) {}

  Type describe(const ValueType& type) {
    if (depth_ == max_type_depth) {
      return {};
    }
    ++depth_;
    Type described{.kind = kind_of(type.kind())};
    const bool is_whole = add_parts(described, type);
    --depth_;
    return is_whole ? std::move(described) : Type{};
  }

  /// False where the budget does not suffice.
  bool add(std::vector<TypePart>& parts, std::string_view name, const ValueType* type) {
    if (left_ == 0 || name.size() > max_part_name_bytes) {
      return false;
    }
    --left_;
    TypePart part{.name = std::string(name), .has_type = type != nullptr};
    if (type != nullptr) {
      part.type = describe(*type);
    }
    parts.push_back(std::move(part));
    return true;
  }

 private:
  bool add_named(Type& described, const std::vector<NamedType>& named) {
    for (const NamedType& one : named) {
      if (!add(described.parts, one.name, one.has_type ? &one.type : nullptr)) {
        return false;
      }
    }
    return true;
  }

  bool add_names(Type& described, const std::vector<std::string_view>& names) {
    for (const std::string_view name : names) {
      if (!add(described.parts, name, nullptr)) {
        return false;
      }
    }
    return true;
  }

  bool add_parts(Type& described, const ValueType& type) {
    switch (described.kind) {
      case TypeKind::list: {
        const ValueType element = list_element(type);
        return add(described.parts, "", &element);
      }
      case TypeKind::option: {
        const ValueType value = option_value(type);
        return add(described.parts, "", &value);
      }
      case TypeKind::tuple:
        for (const ValueType& item : tuple_items(type)) {
          if (!add(described.parts, "", &item)) {
            return false;
          }
        }
        return true;
      case TypeKind::result: {
        const auto ok = result_ok(type);
        const auto error = result_error(type);
        return add(described.parts, "ok", ok ? &*ok : nullptr) &&
               add(described.parts, "error", error ? &*error : nullptr);
      }
      case TypeKind::record:
        return add_named(described, record_fields(type));
      case TypeKind::variant:
        return add_named(described, variant_cases(type));
      case TypeKind::enumeration:
        return add_names(described, enum_names(type));
      case TypeKind::flags:
        return add_names(described, flag_names(type));
      default:
        return true;
    }
  }

  PartBudget& left_;
  std::size_t depth_ = 0;
};

}  // namespace

Type describe(const ValueType& type, PartBudget& left) { return Description(left).describe(type); }

FunctionType describe(const wasmtime_component_func_type_t* function, PartBudget& left) {
  FunctionType described;
  Description description(left);
  for (const NamedType& parameter : parameters(function)) {
    if (!description.add(described.parameters, parameter.name, &parameter.type)) {
      // Whoever reads it must not take it for a function with fewer parameters.
      described.parameters.push_back({.name = "and-more", .type = {}});
      break;
    }
  }
  if (const auto result = result_of(function)) {
    described.results.push_back(description.describe(*result));
  }
  return described;
}

std::string wit_text(const ValueType& type) {
  PartBudget left = max_function_type_parts;
  return wasm::wit_text(describe(type, left));
}

}  // namespace omnisandbox::wasm::component
