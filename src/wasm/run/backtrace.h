#pragma once

#include <string>
#include <string_view>

#include "wasm/run/call_failure.h"

namespace omnisandbox::wasm {

/// "; in inner, called from outer, called from _start": the guest's functions, innermost first, at
/// most 32 (what the engine keeps), on one printable line. `rendered` is wasmtime's text for the
/// failure. Empty without frames.
std::string backtrace_of(const CallFailure& failure, std::string_view rendered);

}  // namespace omnisandbox::wasm
