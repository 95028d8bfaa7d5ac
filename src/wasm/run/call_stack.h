#pragma once

#include <cstddef>
#include <functional>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm {

/// Whether the calling thread has `bytes` of stack left. No where that is unknown, as on a stack
/// made by the program.
bool has_stack_left(std::size_t bytes) noexcept;

/// Calls `function` on this thread when it has `bytes` of stack left, otherwise on a thread made
/// for the call; either way it has returned when this returns. A guest and the compiler rely on a
/// stack that the caller's thread need not have. An exception of `function` reaches the caller.
/// Error: `unavailable` when no thread can be made.
Expected<void> call_with_stack(std::size_t bytes, const std::function<void()>& function);

}  // namespace omnisandbox::wasm
