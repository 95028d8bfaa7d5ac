#include "wasm/component/json_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "wasm/component/type_description.h"
#include "wasm/component/type_parts.h"

namespace omnisandbox::wasm::component {
namespace {

using Json = nlohmann::ordered_json;
using Val = wasmtime_component_val_t;

// ---- From JSON ----

Error does_not_fit(std::string_view where, const ValueType& type) {
  return base::make_error(ErrorKind::invalid_argument, "{} must be {}", base::printable(where),
                          base::printable(wit_text(type)));
}

Expected<Value> read(const Json& json, const ValueType& type, const std::string& where);

template <class T>
Expected<T> read_integer(const Json& json, const ValueType& type, const std::string& where) {
  // nlohmann keeps a number without a fraction in 64 bits, with or without a sign.
  if (json.is_number_unsigned()) {
    const auto number = json.get<std::uint64_t>();
    if (std::in_range<T>(number)) {
      return static_cast<T>(number);
    }
  } else if (json.is_number_integer()) {
    const auto number = json.get<std::int64_t>();
    if (std::in_range<T>(number)) {
      return static_cast<T>(number);
    }
  }
  return does_not_fit(where, type);
}

template <class T>
Expected<Value> integer(const Json& json, const ValueType& type, const std::string& where,
                        wasmtime_component_valkind_t kind,
                        T wasmtime_component_valunion_t::*member) {
  Val value{};
  value.kind = kind;
  value.of.*member = TRY(read_integer<T>(json, type, where));
  return Value(value);
}

Expected<double> read_float(const Json& json, const ValueType& type, const std::string& where) {
  if (json.is_number()) {
    return json.get<double>();
  }
  if (json == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (json == "inf" || json == "-inf") {
    const double infinity = std::numeric_limits<double>::infinity();
    return json == "inf" ? infinity : -infinity;
  }
  return does_not_fit(where, type);
}

Expected<Value> read_character(const Json& json, const ValueType& type, const std::string& where) {
  if (!json.is_string()) {
    return does_not_fit(where, type);
  }
  const auto& text = json.get_ref<const std::string&>();
  const auto character = base::decode_utf8(text);
  if (!character || character->length_bytes != text.size()) {
    return does_not_fit(where, type);
  }
  Val value{};
  value.kind = WASMTIME_COMPONENT_CHAR;
  value.of.character = character->code_point;
  return Value(value);
}

Expected<Value> read_list(const Json& json, const ValueType& type, const std::string& where) {
  if (!json.is_array()) {
    return does_not_fit(where, type);
  }
  const ValueType element = list_element(type);
  std::vector<Value> items;
  items.reserve(json.size());
  for (const Json& item : json) {
    items.push_back(TRY(read(item, element, where + "[]")));
  }
  return Value::list(std::move(items));
}

Expected<Value> read_tuple(const Json& json, const ValueType& type, const std::string& where) {
  const std::vector<ValueType> types = tuple_items(type);
  if (!json.is_array() || json.size() != types.size()) {
    return does_not_fit(where, type);
  }
  std::vector<Value> items;
  for (std::size_t index = 0; index < types.size(); ++index) {
    items.push_back(TRY(read(json[index], types[index], fmt::format("{}[{}]", where, index))));
  }
  return Value::tuple(std::move(items));
}

Expected<Value> read_record(const Json& json, const ValueType& type, const std::string& where) {
  if (!json.is_object()) {
    return does_not_fit(where, type);
  }
  const std::vector<NamedType> types = record_fields(type);
  for (const auto& item : json.items()) {
    const std::string& name = item.key();
    if (std::ranges::none_of(types, [&](const NamedType& field) { return field.name == name; })) {
      return base::make_error(ErrorKind::invalid_argument, "{} has no field \"{}\": it is {}",
                              base::printable(where), base::printable(name),
                              base::printable(wit_text(type)));
    }
  }
  static const Json absent;
  std::vector<std::pair<std::string_view, Value>> fields;
  for (const NamedType& field : types) {
    const auto found = json.find(std::string(field.name));
    const std::string inner = fmt::format("{}.{}", where, field.name);
    if (found == json.end() && field.type.kind() != WASMTIME_COMPONENT_VALTYPE_OPTION) {
      return base::make_error(ErrorKind::invalid_argument, "{} is missing", base::printable(inner));
    }
    fields.emplace_back(field.name,
                        TRY(read(found == json.end() ? absent : *found, field.type, inner)));
  }
  return Value::record(std::move(fields));
}

Expected<Value> read_variant(const Json& json, const ValueType& type, const std::string& where) {
  const bool has_payload = json.is_object() && json.size() == 1;
  if (!has_payload && !json.is_string()) {
    return does_not_fit(where, type);
  }
  const std::string name = has_payload ? json.begin().key() : json.get_ref<const std::string&>();
  for (const NamedType& one : variant_cases(type)) {
    if (one.name != name || one.has_type != has_payload) {
      continue;
    }
    if (!has_payload) {
      return Value::variant(name);
    }
    return Value::variant(
        name, TRY(read(json.begin().value(), one.type, fmt::format("{}.{}", where, name))));
  }
  return does_not_fit(where, type);
}

Expected<Value> read_enum(const Json& json, const ValueType& type, const std::string& where) {
  const auto names = enum_names(type);
  if (json.is_string()) {
    const auto& name = json.get_ref<const std::string&>();
    if (std::ranges::find(names, std::string_view(name)) != names.end()) {
      return Value::enumeration(name);
    }
  }
  return does_not_fit(where, type);
}

Expected<Value> read_flags(const Json& json, const ValueType& type, const std::string& where) {
  if (!json.is_array()) {
    return does_not_fit(where, type);
  }
  const auto names = flag_names(type);
  std::vector<std::string_view> set;
  for (const Json& item : json) {
    const auto found =
        item.is_string()
            ? std::ranges::find(names, std::string_view(item.get_ref<const std::string&>()))
            : names.end();
    if (found == names.end()) {
      return does_not_fit(where, type);
    }
    if (std::ranges::find(set, *found) == set.end()) {
      set.push_back(*found);
    }
  }
  return Value::flags(set);
}

Expected<Value> read_option(const Json& json, const ValueType& type, const std::string& where) {
  if (json.is_null()) {
    return Value::none();
  }
  const ValueType inner = option_value(type);
  if (inner.kind() != WASMTIME_COMPONENT_VALTYPE_OPTION) {
    return Value::some(TRY(read(json, inner, where)));
  }
  // `some(none)` and `none` must not look the same.
  if (!json.is_array() || json.size() != 1) {
    return does_not_fit(where, type);
  }
  return Value::some(TRY(read(json[0], inner, where)));
}

Expected<Value> read_result(const Json& json, const ValueType& type, const std::string& where) {
  if (!json.is_object() || json.size() != 1) {
    return does_not_fit(where, type);
  }
  const std::string& key = json.begin().key();
  const bool is_ok = key == "ok";
  if (!is_ok && key != "error") {
    return does_not_fit(where, type);
  }
  const auto inner = is_ok ? result_ok(type) : result_error(type);
  if (!inner) {
    if (!json.begin().value().is_null()) {
      return does_not_fit(where, type);
    }
    Val value{};
    value.kind = WASMTIME_COMPONENT_RESULT;
    value.of.result = {is_ok, nullptr};
    return Value(value);
  }
  Value payload = TRY(read(json.begin().value(), *inner, fmt::format("{}.{}", where, key)));
  return is_ok ? Value::ok(std::move(payload)) : Value::error(std::move(payload));
}

Expected<Value> read_number(const Json& json, const ValueType& type, const std::string& where) {
  using Union = wasmtime_component_valunion_t;
  switch (type.kind()) {
    case WASMTIME_COMPONENT_VALTYPE_S8:
      return integer(json, type, where, WASMTIME_COMPONENT_S8, &Union::s8);
    case WASMTIME_COMPONENT_VALTYPE_S16:
      return integer(json, type, where, WASMTIME_COMPONENT_S16, &Union::s16);
    case WASMTIME_COMPONENT_VALTYPE_S32:
      return integer(json, type, where, WASMTIME_COMPONENT_S32, &Union::s32);
    case WASMTIME_COMPONENT_VALTYPE_S64:
      return integer(json, type, where, WASMTIME_COMPONENT_S64, &Union::s64);
    case WASMTIME_COMPONENT_VALTYPE_U8:
      return integer(json, type, where, WASMTIME_COMPONENT_U8, &Union::u8);
    case WASMTIME_COMPONENT_VALTYPE_U16:
      return integer(json, type, where, WASMTIME_COMPONENT_U16, &Union::u16);
    case WASMTIME_COMPONENT_VALTYPE_U32:
      return integer(json, type, where, WASMTIME_COMPONENT_U32, &Union::u32);
    case WASMTIME_COMPONENT_VALTYPE_U64:
      return integer(json, type, where, WASMTIME_COMPONENT_U64, &Union::u64);
    default:
      break;
  }
  Val value{};
  if (type.kind() == WASMTIME_COMPONENT_VALTYPE_F32) {
    value.kind = WASMTIME_COMPONENT_F32;
    value.of.f32 = static_cast<float>(TRY(read_float(json, type, where)));
  } else {
    value.kind = WASMTIME_COMPONENT_F64;
    value.of.f64 = TRY(read_float(json, type, where));
  }
  return Value(value);
}

Expected<Value> read(const Json& json, const ValueType& type, const std::string& where) {
  switch (type.kind()) {
    case WASMTIME_COMPONENT_VALTYPE_BOOL:
      return json.is_boolean() ? Expected<Value>(Value::boolean(json.get<bool>()))
                               : does_not_fit(where, type);
    case WASMTIME_COMPONENT_VALTYPE_CHAR:
      return read_character(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_STRING:
      return json.is_string() ? Expected<Value>(Value::string(json.get_ref<const std::string&>()))
                              : does_not_fit(where, type);
    case WASMTIME_COMPONENT_VALTYPE_LIST:
      return read_list(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_RECORD:
      return read_record(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_TUPLE:
      return read_tuple(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_VARIANT:
      return read_variant(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_ENUM:
      return read_enum(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_OPTION:
      return read_option(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_RESULT:
      return read_result(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_FLAGS:
      return read_flags(json, type, where);
    case WASMTIME_COMPONENT_VALTYPE_OWN:
    case WASMTIME_COMPONENT_VALTYPE_BORROW:
    case WASMTIME_COMPONENT_VALTYPE_FUTURE:
    case WASMTIME_COMPONENT_VALTYPE_STREAM:
    case WASMTIME_COMPONENT_VALTYPE_ERROR_CONTEXT:
    case WASMTIME_COMPONENT_VALTYPE_MAP:
      return base::make_error(ErrorKind::invalid_argument, "{} is a {}, which JSON cannot hold",
                              base::printable(where), base::printable(wit_text(type)));
    default:
      return read_number(json, type, where);
  }
}

// ---- To JSON ----

Expected<Json> write(const Val& value, const ValueType& type);

Json write_float(double number) {
  if (std::isnan(number)) {
    return "nan";
  }
  if (std::isinf(number)) {
    return number > 0 ? "inf" : "-inf";
  }
  return number;
}

std::string encode_character(std::uint32_t code_point) {
  std::string text;
  const auto continuation = [&](unsigned shift) {
    text += static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU));
  };
  if (code_point < 0x80U) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800U) {
    text += static_cast<char>(0xC0U | (code_point >> 6U));
    continuation(0);
  } else if (code_point < 0x10000U) {
    text += static_cast<char>(0xE0U | (code_point >> 12U));
    continuation(6);
    continuation(0);
  } else {
    text += static_cast<char>(0xF0U | (code_point >> 18U));
    continuation(12);
    continuation(6);
    continuation(0);
  }
  return text;
}

Expected<Json> write_list(const Val& value, const ValueType& type) {
  const ValueType element = list_element(type);
  Json json = Json::array();
  for (std::size_t index = 0; index < value.of.list.size; ++index) {
    json.push_back(TRY(write(value.of.list.data[index], element)));
  }
  return json;
}

Expected<Json> write_tuple(const Val& value, const ValueType& type) {
  const std::vector<ValueType> types = tuple_items(type);
  Json json = Json::array();
  for (std::size_t index = 0; index < std::min(types.size(), value.of.tuple.size); ++index) {
    json.push_back(TRY(write(value.of.tuple.data[index], types[index])));
  }
  return json;
}

Expected<Json> write_record(const Val& value, const ValueType& type) {
  Json json = Json::object();
  for (const NamedType& field : record_fields(type)) {
    json[std::string(field.name)] = TRY(write(field_of(value, field.name), field.type));
  }
  return json;
}

Expected<Json> write_variant(const Val& value, const ValueType& type) {
  const std::string name(text_of(value.of.variant.discriminant));
  for (const NamedType& one : variant_cases(type)) {
    if (one.name == name && one.has_type && value.of.variant.val != nullptr) {
      Json json = Json::object();
      json[name] = TRY(write(*value.of.variant.val, one.type));
      return json;
    }
  }
  return Json(name);
}

Expected<Json> write_option(const Val& value, const ValueType& type) {
  if (value.of.option == nullptr) {
    return Json();
  }
  const ValueType inner = option_value(type);
  Json json = TRY(write(*value.of.option, inner));
  return inner.kind() == WASMTIME_COMPONENT_VALTYPE_OPTION ? Json::array({std::move(json)}) : json;
}

Expected<Json> write_result(const Val& value, const ValueType& type) {
  const bool is_ok = value.of.result.is_ok;
  const auto inner = is_ok ? result_ok(type) : result_error(type);
  Json json = Json::object();
  json[is_ok ? "ok" : "error"] =
      inner && value.of.result.val != nullptr ? TRY(write(*value.of.result.val, *inner)) : Json();
  return json;
}

Json write_flags(const Val& value) {
  Json json = Json::array();
  for (std::size_t index = 0; index < value.of.flags.size; ++index) {
    json.push_back(std::string(text_of(value.of.flags.data[index])));
  }
  return json;
}

Expected<Json> write(const Val& value, const ValueType& type) {
  switch (value.kind) {
    case WASMTIME_COMPONENT_BOOL:
      return Json(value.of.boolean);
    case WASMTIME_COMPONENT_S8:
      return Json(value.of.s8);
    case WASMTIME_COMPONENT_S16:
      return Json(value.of.s16);
    case WASMTIME_COMPONENT_S32:
      return Json(value.of.s32);
    case WASMTIME_COMPONENT_S64:
      return Json(value.of.s64);
    case WASMTIME_COMPONENT_U8:
      return Json(value.of.u8);
    case WASMTIME_COMPONENT_U16:
      return Json(value.of.u16);
    case WASMTIME_COMPONENT_U32:
      return Json(value.of.u32);
    case WASMTIME_COMPONENT_U64:
      return Json(value.of.u64);
    case WASMTIME_COMPONENT_F32:
      return write_float(value.of.f32);
    case WASMTIME_COMPONENT_F64:
      return write_float(value.of.f64);
    case WASMTIME_COMPONENT_CHAR:
      return Json(encode_character(value.of.character));
    case WASMTIME_COMPONENT_STRING:
      return Json(std::string(string_of(value)));
    case WASMTIME_COMPONENT_ENUM:
      return Json(std::string(enumeration_of(value)));
    case WASMTIME_COMPONENT_LIST:
      return write_list(value, type);
    case WASMTIME_COMPONENT_TUPLE:
      return write_tuple(value, type);
    case WASMTIME_COMPONENT_RECORD:
      return write_record(value, type);
    case WASMTIME_COMPONENT_VARIANT:
      return write_variant(value, type);
    case WASMTIME_COMPONENT_OPTION:
      return write_option(value, type);
    case WASMTIME_COMPONENT_RESULT:
      return write_result(value, type);
    case WASMTIME_COMPONENT_FLAGS:
      return write_flags(value);
    default:
      return base::make_error(ErrorKind::invalid_argument,
                              "the function returned a {}, which JSON cannot hold",
                              base::printable(wit_text(type)));
  }
}

}  // namespace

Expected<Value> value_from_json(std::string_view json, const ValueType& type,
                                std::string_view what) {
  if (json.size() > max_json_bytes) {
    return base::make_error(ErrorKind::too_large, "{} has {} bytes of JSON; {} are allowed",
                            base::printable(what), json.size(), max_json_bytes);
  }
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{} is not JSON: {}; a string needs its quotes, as in '\"text\"'",
                            base::printable(what), base::printable(json, 80));
  }
  return read(parsed, type, std::string(what));
}

Expected<std::string> value_to_json(const wasmtime_component_val_t& value, const ValueType& type) {
  const Json json = TRY(write(value, type));
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace omnisandbox::wasm::component
