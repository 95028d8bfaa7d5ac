#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "runner/backend.h"

namespace omnisandbox::runner {

/// The backends of this build; the only place that names them.
std::vector<std::unique_ptr<Backend>> standard_backends();

/// The WebAssembly engine's name and version, e.g. "wasmtime 48.0.8".
std::string_view wasm_engine_version() noexcept;

}  // namespace omnisandbox::runner
