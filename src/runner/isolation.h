#pragma once

#include <cstdint>

#include "omnisandbox/runtime.h"

namespace omnisandbox::runner {

/// Where a guest runs: in a process of its own, or in the caller's.
enum class IsolationChoice : std::uint8_t { automatic, worker, in_process };

inline Isolation isolation_of(IsolationChoice choice) noexcept {
  return choice == IsolationChoice::in_process ? Isolation::in_process : Isolation::worker;
}

}  // namespace omnisandbox::runner
