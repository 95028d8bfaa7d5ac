#pragma once

#include <wasm.h>
#include <wasmtime.h>

#include <memory>
#include <span>
#include <string_view>

/// Move-only owners of the C API's objects.
namespace omnisandbox::wasm {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const noexcept {
    destroy(object);
  }
};

using ConfigOwner = std::unique_ptr<wasm_config_t, Destroy<&wasm_config_delete>>;
using EngineOwner = std::unique_ptr<wasm_engine_t, Destroy<&wasm_engine_delete>>;
using LinkerOwner = std::unique_ptr<wasmtime_linker_t, Destroy<&wasmtime_linker_delete>>;
using ModuleOwner = std::unique_ptr<wasmtime_module_t, Destroy<&wasmtime_module_delete>>;
using InstancePreOwner =
    std::unique_ptr<wasmtime_instance_pre_t, Destroy<&wasmtime_instance_pre_delete>>;
using StoreOwner = std::unique_ptr<wasmtime_store_t, Destroy<&wasmtime_store_delete>>;
using ErrorOwner = std::unique_ptr<wasmtime_error_t, Destroy<&wasmtime_error_delete>>;
using TrapOwner = std::unique_ptr<wasm_trap_t, Destroy<&wasm_trap_delete>>;
using FunctionTypeOwner = std::unique_ptr<wasm_functype_t, Destroy<&wasm_functype_delete>>;

/// A byte vector that the C API filled.
class ByteVector {
 public:
  ByteVector() { wasm_byte_vec_new_empty(&bytes_); }
  ~ByteVector() { wasm_byte_vec_delete(&bytes_); }
  ByteVector(const ByteVector&) = delete;
  ByteVector& operator=(const ByteVector&) = delete;
  wasm_byte_vec_t* out() { return &bytes_; }
  std::span<const char> bytes() const { return {bytes_.data, bytes_.size}; }
  /// Without the NUL that some functions put at the end.
  std::string_view text() const {
    std::string_view text(bytes_.data, bytes_.size);
    if (!text.empty() && text.back() == '\0') {
      text.remove_suffix(1);
    }
    return text;
  }

 private:
  wasm_byte_vec_t bytes_;
};

}  // namespace omnisandbox::wasm
