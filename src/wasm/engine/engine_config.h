#pragma once

#include <cstdint>

#include "wasm/engine/engine.h"
#include "wasm/engine/owners.h"
#include "wasm/engine/wasmtime_extensions.h"

namespace omnisandbox::wasm {

/// Which processors what is compiled runs on.
enum class CompileFor : std::uint8_t {
  this_machine,     ///< with all that the one here can do
  many_processors,  ///< what any since about 2009 can do (x86-64-v2), for files that are shipped
};

/// What untrusted modules may use: the finished features that compilers emit. Left out are those
/// that need memory outside the limit (garbage collection), threads, 64-bit memories, and what is
/// still being designed.
ConfigOwner make_engine_config(FuelMetering fuel, CompileFor processors = CompileFor::this_machine);

/// A pool without any place, and with what is the same for modules and components: how large each
/// thing in it may be.
omnisandbox_pool_settings make_pool_settings();

}  // namespace omnisandbox::wasm
