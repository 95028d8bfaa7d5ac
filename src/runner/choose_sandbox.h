#pragma once

#include <optional>
#include <string_view>

#include "runner/backend.h"

namespace omnisandbox::runner {

/// The sandbox for a target: the one that was asked for, else by what the target is. An image means
/// a container, a file name that ends in .wasm or .wat means a module, everything else is a native
/// command.
SandboxKind choose_sandbox(std::optional<SandboxKind> asked_for, std::string_view target,
                           std::string_view image) noexcept;

}  // namespace omnisandbox::runner
