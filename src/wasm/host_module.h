#pragma once

#include <wasmtime.h>

#include <span>
#include <string_view>

#include "wasm/guest_run.h"

namespace omnisandbox::wasm {

/// One importable function: its name, its WebAssembly type and the bound callback. Tables of these
/// are constants.
struct HostFunctionEntry {
  std::string_view name;
  wasm_functype_t* (*make_type)();              ///< a fresh type; the caller owns it
  wasmtime_func_unchecked_callback_t callback;  ///< made by `bind` (wasm/bind.h)
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
