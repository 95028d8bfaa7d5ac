#pragma once

#include <span>

#include "wasm/component/host_call.h"

/// omnisandbox:host@1.0.0 (guests/wit/host.wit): the four host functions for components, over the
/// same HostFunctions as every other sandbox.
namespace omnisandbox::wasm::component::host {

std::span<const Interface> interfaces();

}  // namespace omnisandbox::wasm::component::host
