#pragma once

#include <cstdlib>

namespace omnisandbox::test {

/// Whether everything is tested, as before a change lands: OMNISANDBOX_THOROUGH is set.
inline bool is_thorough() { return std::getenv("OMNISANDBOX_THOROUGH") != nullptr; }

/// How often a test repeats what is random or wears things out: `quick` times, so that all tests
/// take two minutes while one works, or `thorough` times.
inline int rounds(int quick, int thorough) { return is_thorough() ? thorough : quick; }

}  // namespace omnisandbox::test
