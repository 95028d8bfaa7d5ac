#pragma once

#include <cstddef>

#include "docker/engine/engine.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// Removes the containers of ours whose time is over or whose owner is gone; returns how many.
/// Those of living owners, and those that nothing can be said about, stay.
Expected<std::size_t> sweep(Engine& engine, const Patience& patience);

}  // namespace omnisandbox::docker
