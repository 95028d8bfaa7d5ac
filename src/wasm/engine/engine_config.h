#pragma once

#include "wasm/engine/engine.h"
#include "wasm/engine/owners.h"

namespace omnisandbox::wasm {

/// What untrusted modules may use: the finished features that compilers emit. Left out are those
/// that need memory outside the limit (garbage collection), threads, 64-bit memories, and what is
/// still being designed.
ConfigOwner make_engine_config(FuelMetering fuel);

}  // namespace omnisandbox::wasm
