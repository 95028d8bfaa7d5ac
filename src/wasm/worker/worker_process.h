#pragma once

#include "linux/fd.h"

namespace omnisandbox::wasm::worker {

/// The life of a worker process: reads its settings, makes its engine, gives up its rights, says
/// so, and serves until the channel ends. `parent` is the process that must be its parent.
void serve(linux_::Fd socket, int parent);

}  // namespace omnisandbox::wasm::worker
