#pragma once

#include <wasmtime.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "wasm/guest_run.h"

namespace omnisandbox::wasm {

/// Of a parameter or result.
enum class ValueWidth : std::uint8_t { none, bits_32, bits_64 };

/// One importable function: its name, its WebAssembly type and the bound callback. Tables of these
/// are constants.
struct HostFunctionEntry {
  std::string_view name;
  wasm_functype_t* (*make_type)();              ///< a fresh type; the caller owns it
  wasmtime_func_unchecked_callback_t callback;  ///< made by `bind` (wasm/bind.h)
  /// The same call without an engine: as many arguments as `parameters`, zero-extended. An
  /// exception sets the call's end.
  std::uint64_t (*invoke)(GuestCall& call, const std::uint64_t* arguments) noexcept;
  std::span<const ValueWidth> parameters;
  ValueWidth result = ValueWidth::none;
  void* data = nullptr;  ///< passed to the callback; the real functions need none
};

/// A module name and its functions, e.g. "wasi_snapshot_preview1".
struct HostModule {
  std::string_view name;
  std::span<const HostFunctionEntry> functions;
};

namespace wasi {
/// All functions of WASI preview 1.
const HostModule& preview1_module();
}  // namespace wasi
namespace abi {
/// The four host functions, versioned: "omnisandbox_v1".
const HostModule& omnisandbox_v1_module();
}  // namespace abi

}  // namespace omnisandbox::wasm
