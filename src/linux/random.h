#pragma once

#include <cstdint>
#include <span>

#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// Fills all of `bytes` from the kernel's random source (getrandom(2)).
Expected<void> fill_random(std::span<std::uint8_t> bytes);

}  // namespace omnisandbox::linux_
