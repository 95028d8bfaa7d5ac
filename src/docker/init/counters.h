#pragma once

#include <cstdint>

/// What the kernel has counted for the container's control groups, read inside; 0 where it does not
/// say. Both versions of control groups.
namespace omnisandbox::docker::init {

std::uint64_t memory_kills();
std::uint64_t task_refusals();
std::uint64_t peak_memory_bytes();
std::uint64_t cpu_time_us();

}  // namespace omnisandbox::docker::init
