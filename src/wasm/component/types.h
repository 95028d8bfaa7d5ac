#pragma once

#include <wasmtime.h>
#include <wasmtime/component.h>

#include <string_view>
#include <utility>

namespace omnisandbox::wasm::component {

/// Owns a value's type that the C API gave out.
class ValueType {
 public:
  ValueType() = default;
  ValueType(ValueType&& other) noexcept
      : type_(other.type_), filled_(std::exchange(other.filled_, false)) {}
  ValueType& operator=(ValueType&& other) noexcept {
    std::swap(type_, other.type_);
    std::swap(filled_, other.filled_);
    return *this;
  }
  ~ValueType() {
    if (filled_) {
      wasmtime_component_valtype_delete(&type_);
    }
  }

  /// For a function of the C API that fills it.
  wasmtime_component_valtype_t* out() {
    filled_ = true;
    return &type_;
  }
  /// Where that function said that there is nothing.
  void forget() { filled_ = false; }

  wasmtime_component_valtype_kind_t kind() const { return type_.kind; }
  const wasmtime_component_valtype_t& get() const { return type_; }

 private:
  wasmtime_component_valtype_t type_{};
  bool filled_ = false;
};

/// A name and a type: a record's field, a variant's case, a parameter.
struct NamedType {
  std::string_view name;  ///< lives as long as what it was taken from
  ValueType type;
  bool has_type = true;
};

}  // namespace omnisandbox::wasm::component
