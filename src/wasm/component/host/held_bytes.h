#pragma once

#include <string>

#include "omnisandbox/expected.h"
#include "wasm/component/host_call.h"

namespace omnisandbox::wasm::component::host {

/// The record `error` of omnisandbox:host/types.
Value error_value(const Error& error);
/// `result::err(error)`; a deadline or a stop ends the guest as well.
Value failure(HostCall& call, const Error& error);

/// Whether a result of this size may be kept. Asked before a call has an effect where the size is
/// known, and when it has its result. Error: `limit`.
Expected<void> check_room(const HostCall& call, std::uint64_t bytes);
/// A handle for `bytes`, or the error for the guest.
Expected<Value> keep_bytes(HostCall& call, std::string bytes);
/// The bytes behind an argument that is a handle.
HeldBytes& held(HostCall& call, const wasmtime_component_val_t& value);

Interface types_interface();
// stdio.cc
Interface stdio_interface();

}  // namespace omnisandbox::wasm::component::host
