#include "wasm/component/values.h"

#include <limits>
#include <string>

#include "base/error.h"
#include "base/utf8.h"

namespace omnisandbox::wasm::component {
namespace {

using Val = wasmtime_component_val_t;

Val of_kind(wasmtime_component_valkind_t kind) noexcept {
  Val value{};
  value.kind = kind;
  return value;
}

// The C API writes through `data`, so the vectors are made with room and filled in place.
wasm_name_t name_from(std::string_view text) {
  wasm_name_t name;
  wasm_byte_vec_new(&name, text.size(), text.data());
  return name;
}

Val* boxed(Value value) {
  Val inner = value.release();
  return wasmtime_component_val_new(&inner);
}

template <class T>
T checked(const Val& value, wasmtime_component_valkind_t kind,
          T wasmtime_component_valunion_t::*member) {
  if (value.kind != kind) {
    throw WrongType();
  }
  return value.of.*member;
}

}  // namespace

Value Value::boolean(bool value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_BOOL);
  made.of.boolean = value;
  return Value(made);
}

Value Value::u8(std::uint8_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_U8);
  made.of.u8 = value;
  return Value(made);
}

Value Value::u16(std::uint16_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_U16);
  made.of.u16 = value;
  return Value(made);
}

Value Value::u32(std::uint32_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_U32);
  made.of.u32 = value;
  return Value(made);
}

Value Value::s32(std::int32_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_S32);
  made.of.s32 = value;
  return Value(made);
}

Value Value::u64(std::uint64_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_U64);
  made.of.u64 = value;
  return Value(made);
}

Value Value::s64(std::int64_t value) noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_S64);
  made.of.s64 = value;
  return Value(made);
}

Value Value::string(std::string_view text) {
  Val made = of_kind(WASMTIME_COMPONENT_STRING);
  // The engine aborts the process over a string that is not UTF-8.
  made.of.string = base::is_utf8(text)
                       ? name_from(text)
                       : name_from(base::printable(text, std::numeric_limits<std::size_t>::max()));
  return Value(made);
}

Value Value::bytes(std::string_view bytes) {
  Val made = of_kind(WASMTIME_COMPONENT_LIST);
  wasmtime_component_vallist_new_uninit(&made.of.list, bytes.size());
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    Val& item = made.of.list.data[index];
    item = of_kind(WASMTIME_COMPONENT_U8);
    item.of.u8 = static_cast<std::uint8_t>(bytes[index]);
  }
  return Value(made);
}

Value Value::list(std::vector<Value> items) {
  Val made = of_kind(WASMTIME_COMPONENT_LIST);
  wasmtime_component_vallist_new_uninit(&made.of.list, items.size());
  for (std::size_t index = 0; index < items.size(); ++index) {
    made.of.list.data[index] = items[index].release();
  }
  return Value(made);
}

Value Value::tuple(std::vector<Value> items) {
  Val made = of_kind(WASMTIME_COMPONENT_TUPLE);
  wasmtime_component_valtuple_new_uninit(&made.of.tuple, items.size());
  for (std::size_t index = 0; index < items.size(); ++index) {
    made.of.tuple.data[index] = items[index].release();
  }
  return Value(made);
}

Value Value::record(std::vector<std::pair<std::string_view, Value>> fields) {
  Val made = of_kind(WASMTIME_COMPONENT_RECORD);
  wasmtime_component_valrecord_new_uninit(&made.of.record, fields.size());
  for (std::size_t index = 0; index < fields.size(); ++index) {
    made.of.record.data[index] = {name_from(fields[index].first), fields[index].second.release()};
  }
  return Value(made);
}

Value Value::enumeration(std::string_view name) {
  Val made = of_kind(WASMTIME_COMPONENT_ENUM);
  made.of.enumeration = name_from(name);
  return Value(made);
}

Value Value::flags(const std::vector<std::string_view>& names) {
  Val made = of_kind(WASMTIME_COMPONENT_FLAGS);
  wasmtime_component_valflags_new_uninit(&made.of.flags, names.size());
  for (std::size_t index = 0; index < names.size(); ++index) {
    made.of.flags.data[index] = name_from(names[index]);
  }
  return Value(made);
}

Value Value::variant(std::string_view name, std::optional<Value> payload) {
  Val made = of_kind(WASMTIME_COMPONENT_VARIANT);
  made.of.variant = {name_from(name), payload ? boxed(std::move(*payload)) : nullptr};
  return Value(made);
}

Value Value::none() noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_OPTION);
  made.of.option = nullptr;
  return Value(made);
}

Value Value::some(Value value) {
  Val made = of_kind(WASMTIME_COMPONENT_OPTION);
  made.of.option = boxed(std::move(value));
  return Value(made);
}

Value Value::ok() noexcept {
  Val made = of_kind(WASMTIME_COMPONENT_RESULT);
  made.of.result = {true, nullptr};
  return Value(made);
}

Value Value::ok(Value value) {
  Val made = of_kind(WASMTIME_COMPONENT_RESULT);
  made.of.result = {true, boxed(std::move(value))};
  return Value(made);
}

Value Value::error(Value value) {
  Val made = of_kind(WASMTIME_COMPONENT_RESULT);
  made.of.result = {false, boxed(std::move(value))};
  return Value(made);
}

bool boolean_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_BOOL, &wasmtime_component_valunion_t::boolean);
}

std::uint8_t u8_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_U8, &wasmtime_component_valunion_t::u8);
}

std::uint32_t u32_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_U32, &wasmtime_component_valunion_t::u32);
}

std::int32_t s32_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_S32, &wasmtime_component_valunion_t::s32);
}

std::uint64_t u64_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_U64, &wasmtime_component_valunion_t::u64);
}

std::string_view string_of(const Val& value) {
  if (value.kind != WASMTIME_COMPONENT_STRING) {
    throw WrongType();
  }
  return text_of(value.of.string);
}

std::string_view enumeration_of(const Val& value) {
  if (value.kind != WASMTIME_COMPONENT_ENUM) {
    throw WrongType();
  }
  return text_of(value.of.enumeration);
}

const wasmtime_component_vallist_t& list_of(const Val& value) {
  if (value.kind != WASMTIME_COMPONENT_LIST) {
    throw WrongType();
  }
  return value.of.list;
}

std::string bytes_of(const Val& value) {
  const auto& list = list_of(value);
  std::string bytes(list.size, '\0');
  for (std::size_t index = 0; index < list.size; ++index) {
    bytes[index] = static_cast<char>(u8_of(list.data[index]));
  }
  return bytes;
}

const Val& field_of(const Val& record, std::string_view name) {
  if (record.kind != WASMTIME_COMPONENT_RECORD) {
    throw WrongType();
  }
  for (std::size_t index = 0; index < record.of.record.size; ++index) {
    const auto& entry = record.of.record.data[index];
    if (text_of(entry.name) == name) {
      return entry.val;
    }
  }
  throw WrongType();
}

bool has_flag(const Val& flags, std::string_view name) {
  if (flags.kind != WASMTIME_COMPONENT_FLAGS) {
    throw WrongType();
  }
  for (std::size_t index = 0; index < flags.of.flags.size; ++index) {
    if (text_of(flags.of.flags.data[index]) == name) {
      return true;
    }
  }
  return false;
}

const Val* option_of(const Val& value) {
  return checked(value, WASMTIME_COMPONENT_OPTION, &wasmtime_component_valunion_t::option);
}

const wasmtime_component_valvariant_t& variant_of(const Val& value) {
  if (value.kind != WASMTIME_COMPONENT_VARIANT) {
    throw WrongType();
  }
  return value.of.variant;
}

const wasmtime_component_valresult_t& result_of(const Val& value) {
  if (value.kind != WASMTIME_COMPONENT_RESULT) {
    throw WrongType();
  }
  return value.of.result;
}

std::string_view text_of(const wasm_name_t& name) noexcept { return {name.data, name.size}; }

}  // namespace omnisandbox::wasm::component
