#pragma once

#include <cstdint>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm::worker {

/// Gives up, for ever, everything but what computing needs: no file can be opened, no socket, no
/// process and no program started; memory, file and core sizes are bounded; the process cannot be
/// read by others of the same user. Landlock is used where the kernel has it; everything else is
/// an error where it cannot be had. The calling thread must be the only one. Returns the layers
/// that are in force (layer_* of messages.h).
Expected<std::uint32_t> confine_this_process(std::uint64_t data_bytes);

/// The process is killed when the thread that started it ends; `parent` says which process that
/// must still be.
Expected<void> end_with_parent(int parent);

}  // namespace omnisandbox::wasm::worker
