#include "wasm/exports/json_schema.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace omnisandbox::wasm::exports {
namespace {

using Json = nlohmann::ordered_json;
using Schema = std::optional<Json>;

// A type can be 4 KiB of text and more; who calls it reads the beginning.
constexpr std::size_t max_type_text_bytes = 4096;

template <class T>
Json integer() {
  return {{"type", "integer"},
          {"minimum", std::numeric_limits<T>::min()},
          {"maximum", std::numeric_limits<T>::max()}};
}

Json any_of(std::vector<Json> schemas) {
  return schemas.size() == 1 ? std::move(schemas.front()) : Json{{"anyOf", std::move(schemas)}};
}

Json floating() {
  return any_of({Json{{"type", "number"}}, Json{{"enum", Json::array({"nan", "inf", "-inf"})}}});
}

/// An object with one member.
Json tagged(const std::string& name, Json value) {
  return {{"type", "object"},
          {"properties", {{name, std::move(value)}}},
          {"required", Json::array({name})},
          {"additionalProperties", false}};
}

Json names_of(const std::vector<TypePart>& parts) {
  Json names = Json::array();
  for (const TypePart& part : parts) {
    if (!part.has_type) {
      names.push_back(part.name);
    }
  }
  return names;
}

Json null_schema() { return {{"type", "null"}}; }

Schema list_schema(const Type& type) {
  auto element = json_schema(type.parts.front().type);
  return element ? Schema(Json{{"type", "array"}, {"items", *std::move(element)}}) : std::nullopt;
}

Schema tuple_schema(const Type& type) {
  Json items = Json::array();
  for (const TypePart& part : type.parts) {
    auto item = json_schema(part.type);
    if (!item) {
      return std::nullopt;
    }
    items.push_back(*std::move(item));
  }
  return Json{{"type", "array"},
              {"prefixItems", std::move(items)},
              {"minItems", type.parts.size()},
              {"maxItems", type.parts.size()}};
}

Schema record_schema(const Type& type) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const TypePart& field : type.parts) {
    auto schema = json_schema(field.type);
    if (!schema) {
      return std::nullopt;
    }
    properties[field.name] = *std::move(schema);
    if (field.type.kind != TypeKind::option) {
      required.push_back(field.name);
    }
  }
  return Json{{"type", "object"},
              {"properties", std::move(properties)},
              {"required", std::move(required)},
              {"additionalProperties", false}};
}

Schema variant_schema(const Type& type) {
  std::vector<Json> cases;
  if (Json names = names_of(type.parts); !names.empty()) {
    cases.push_back(Json{{"enum", std::move(names)}});
  }
  for (const TypePart& part : type.parts) {
    if (!part.has_type) {
      continue;
    }
    auto payload = json_schema(part.type);
    if (!payload) {
      return std::nullopt;
    }
    cases.push_back(tagged(part.name, *std::move(payload)));
  }
  return any_of(std::move(cases));
}

Schema option_schema(const Type& type) {
  const Type& inner = type.parts.front().type;
  auto value = json_schema(inner);
  if (!value) {
    return std::nullopt;
  }
  // `some(none)` and `none` must not look the same.
  if (inner.kind == TypeKind::option) {
    *value = {{"type", "array"}, {"items", *value}, {"minItems", 1}, {"maxItems", 1}};
  }
  return any_of({*std::move(value), null_schema()});
}

Schema result_schema(const Type& type) {
  std::vector<Json> sides;
  for (const TypePart& side : type.parts) {
    auto payload = side.has_type ? json_schema(side.type) : Schema(null_schema());
    if (!payload) {
      return std::nullopt;
    }
    sides.push_back(tagged(side.name, *std::move(payload)));
  }
  return any_of(std::move(sides));
}

Schema plain_schema(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean:
      return Json{{"type", "boolean"}};
    case TypeKind::s8:
      return integer<std::int8_t>();
    case TypeKind::s16:
      return integer<std::int16_t>();
    case TypeKind::s32:
      return integer<std::int32_t>();
    case TypeKind::s64:
      return integer<std::int64_t>();
    case TypeKind::u8:
      return integer<std::uint8_t>();
    case TypeKind::u16:
      return integer<std::uint16_t>();
    case TypeKind::u32:
      return integer<std::uint32_t>();
    case TypeKind::u64:
      return integer<std::uint64_t>();
    case TypeKind::core_i32:  // has no sign: what fits with or without one is taken
      return Json{{"type", "integer"},
                  {"minimum", std::numeric_limits<std::int32_t>::min()},
                  {"maximum", std::numeric_limits<std::uint32_t>::max()}};
    case TypeKind::core_i64:
      return Json{{"type", "integer"},
                  {"minimum", std::numeric_limits<std::int64_t>::min()},
                  {"maximum", std::numeric_limits<std::uint64_t>::max()}};
    case TypeKind::f32:
    case TypeKind::f64:
    case TypeKind::core_f32:
    case TypeKind::core_f64:
      return floating();
    case TypeKind::character:
      return Json{{"type", "string"}, {"minLength", 1}, {"maxLength", 1}};
    case TypeKind::string:
      return Json{{"type", "string"}};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Json> json_schema(const Type& type) {
  switch (type.kind) {
    case TypeKind::list:
      return list_schema(type);
    case TypeKind::tuple:
      return tuple_schema(type);
    case TypeKind::record:
      return record_schema(type);
    case TypeKind::variant:
      return variant_schema(type);
    case TypeKind::enumeration:
      return Json{{"type", "string"}, {"enum", names_of(type.parts)}};
    case TypeKind::flags:
      return Json{{"type", "array"}, {"items", {{"enum", names_of(type.parts)}}}};
    case TypeKind::option:
      return option_schema(type);
    case TypeKind::result:
      return result_schema(type);
    default:
      return plain_schema(type.kind);
  }
}

ExportedFunction as_json_function(const FunctionType& function) {
  ExportedFunction described{.name = function.name,
                             .type_text = base::printable(wit_text(function), max_type_text_bytes)};
  const auto text_of = [&described](const Type& type) {
    const auto schema = json_schema(type);
    described.fits_json = described.fits_json && schema.has_value();
    return schema ? schema->dump() : std::string();
  };
  for (const TypePart& parameter : function.parameters) {
    described.parameters.push_back({.name = parameter.name,
                                    .schema_json = text_of(parameter.type),
                                    .is_optional = parameter.type.kind == TypeKind::option});
  }
  if (function.results.size() == 1) {
    const Type& result = function.results.front();
    described.result_schema_json = text_of(result);
    described.result_can_fail = result.kind == TypeKind::result;
  } else if (!function.results.empty()) {
    // A core function with several gives a list.
    Type list{.kind = TypeKind::tuple};
    for (const Type& result : function.results) {
      list.parts.push_back({.type = result});
    }
    described.result_schema_json = text_of(list);
  }
  return described;
}

}  // namespace omnisandbox::wasm::exports
