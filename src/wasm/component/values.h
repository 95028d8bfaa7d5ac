#pragma once

#include <wasmtime.h>
#include <wasmtime/component.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omnisandbox::wasm::component {

/// The resources that the host offers, by the number that the engine tells their types apart by.
enum class ResourceKind : std::uint32_t {
  error = 1,
  pollable,
  input_stream,
  output_stream,
  terminal_input,
  terminal_output,
  descriptor,
  directory_entry_stream,
  network,
  tcp_socket,
  udp_socket,
  incoming_datagram_stream,
  outgoing_datagram_stream,
  resolve_address_stream,
  bytes,
};

/// A component value that we make, owned until it is given away.
class Value {
 public:
  Value() noexcept : value_{.kind = WASMTIME_COMPONENT_BOOL, .of = {}} {}
  /// Takes what the C API made.
  explicit Value(wasmtime_component_val_t value) noexcept : value_(value) {}
  Value(Value&& other) noexcept : value_(other.release()) {}
  Value& operator=(Value&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Value() { wasmtime_component_val_delete(&value_); }

  static Value boolean(bool value) noexcept;
  static Value u8(std::uint8_t value) noexcept;
  static Value u16(std::uint16_t value) noexcept;
  static Value u32(std::uint32_t value) noexcept;
  static Value s32(std::int32_t value) noexcept;
  static Value u64(std::uint64_t value) noexcept;
  static Value s64(std::int64_t value) noexcept;
  /// What is not UTF-8 is escaped; callers that can refuse it do so before.
  static Value string(std::string_view text);
  /// `list<u8>`.
  static Value bytes(std::string_view bytes);
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value record(std::vector<std::pair<std::string_view, Value>> fields);
  static Value enumeration(std::string_view name);
  static Value flags(const std::vector<std::string_view>& names);
  static Value variant(std::string_view name, std::optional<Value> payload = std::nullopt);
  static Value none() noexcept;
  static Value some(Value value);
  static Value ok() noexcept;
  static Value ok(Value value);
  static Value error(Value value);

  const wasmtime_component_val_t& get() const noexcept { return value_; }
  wasmtime_component_val_t release() noexcept {
    return std::exchange(value_,
                         wasmtime_component_val_t{.kind = WASMTIME_COMPONENT_BOOL, .of = {}});
  }

 private:
  wasmtime_component_val_t value_;
};

/// Thrown where a component declared an import with another type than the host's: the engine checks
/// values against the component's own declaration only. Caught where the host function was entered.
struct WrongType {};

/// Reading of values whose types nobody has checked.
bool boolean_of(const wasmtime_component_val_t& value);
std::uint8_t u8_of(const wasmtime_component_val_t& value);
std::uint32_t u32_of(const wasmtime_component_val_t& value);
std::int32_t s32_of(const wasmtime_component_val_t& value);
std::uint64_t u64_of(const wasmtime_component_val_t& value);
std::string_view string_of(const wasmtime_component_val_t& value);
std::string_view enumeration_of(const wasmtime_component_val_t& value);
/// The bytes of a `list<u8>`.
std::string bytes_of(const wasmtime_component_val_t& value);
const wasmtime_component_vallist_t& list_of(const wasmtime_component_val_t& value);
const wasmtime_component_val_t& field_of(const wasmtime_component_val_t& record,
                                         std::string_view name);
bool has_flag(const wasmtime_component_val_t& flags, std::string_view name);
/// Null for none.
const wasmtime_component_val_t* option_of(const wasmtime_component_val_t& value);
const wasmtime_component_valvariant_t& variant_of(const wasmtime_component_val_t& value);
const wasmtime_component_valresult_t& result_of(const wasmtime_component_val_t& value);

std::string_view text_of(const wasm_name_t& name) noexcept;

}  // namespace omnisandbox::wasm::component
