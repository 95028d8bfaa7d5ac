#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "runner/backend.h"

namespace omnisandbox::runner {

/// What the process that holds them does. With `one_run` it ends with its run, and leaves to a
/// container engine what nobody needs to wait for.
enum class Purpose : std::uint8_t { many_runs, one_run };

/// The backends of this build; the only place that names them.
std::vector<std::unique_ptr<Backend>> standard_backends(Purpose purpose = Purpose::many_runs);

/// The WebAssembly engine's name and version, e.g. "wasmtime 48.0.8".
std::string_view wasm_engine_version() noexcept;

}  // namespace omnisandbox::runner
