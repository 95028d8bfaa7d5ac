#pragma once

#include <cstdlib>

namespace omnisandbox::test {

/// How often a test repeats what is random or wears things out: `quick` times, so that all tests
/// take two minutes while one works, or `thorough` times where the environment has
/// OMNISANDBOX_THOROUGH=1, as before a change lands.
inline int rounds(int quick, int thorough) {
  return std::getenv("OMNISANDBOX_THOROUGH") == nullptr ? quick : thorough;
}

}  // namespace omnisandbox::test
