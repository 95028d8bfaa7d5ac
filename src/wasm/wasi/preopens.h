#pragma once

#include <vector>

#include "policy/compiled_policy.h"
#include "wasm/wasi/fd_table.h"

namespace omnisandbox::wasm::wasi {

/// The directories that a policy shows to a guest from the start, in the order of its rules: each
/// folder that all layers open, and for each single file its folder, unless a folder already shown
/// leads there. Opens nothing.
std::vector<Descriptor> preopens_of(const policy::CompiledPolicy& policy);

}  // namespace omnisandbox::wasm::wasi
