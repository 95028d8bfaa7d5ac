#pragma once

#include <cstddef>
#include <cstdint>

#include "wasm/limits.h"

/// Sizes that a component can choose, beside those of wasm/limits.h.
namespace omnisandbox::wasm::component {

// Streams, pollables, errors and byte buffers that a run holds at once; some 100 bytes each.
inline constexpr std::size_t max_live_resources = 10'000;
// Names in all folders that a run is reading at once; some 40 bytes each.
inline constexpr std::size_t max_listed_entries = 500'000;
// Pollables of one wasi:io/poll call.
inline constexpr std::size_t max_polled = 4'096;
// A byte of a list<u8> takes some 70 bytes of the host while it passes, so lists are kept short.
inline constexpr std::uint64_t max_transfer_bytes = 64 * kibibyte;
// What a component may ask of wasi:random at once.
inline constexpr std::uint64_t max_random_bytes = 64 * kibibyte;

// ---- Engine ----
// Components run at once in this process, each with one memory or more. 200 reserve 0.8 TiB of the
// 128 TiB of address space.
inline constexpr std::uint32_t pool_memories = 200;
inline constexpr std::uint32_t smallest_pool_memories = 8;
// A worker process has one component at a time, and another one while it changes over.
inline constexpr std::uint32_t worker_component_instances = 2;
// CPython is some 25 core modules, and adapters between them.
inline constexpr std::uint32_t max_core_instances_per_component = 200;
inline constexpr std::uint32_t max_memories_per_component = 8;
inline constexpr std::uint32_t max_tables_per_component = 32;
// What the tables of a worker's pool count for in its limit of data, whether they are used or not.
inline constexpr std::uint64_t worker_table_bytes =
    std::uint64_t{worker_component_instances} * max_tables_per_component * max_table_elements * 8;
inline constexpr std::uint64_t max_component_instance_bytes = 4 * mebibyte;
// How much of a finished run's memory is restored in place: the kernel names the pages that were
// written (PAGEMAP_SCAN; before Linux 6.7 as much is copied, written or not). Unmapped, the same
// pages would fault again in the next run, which takes JavaScript twice its time, and Python a
// third more. What is beyond goes back to the kernel, so that this is all that a memory which is
// not used keeps.
inline constexpr std::uint64_t component_keep_resident_bytes = 8 * mebibyte;

// An interpreter's own recursion, which it limits by itself, needs more than a small guest has. The
// engine takes no more than this without asynchronous calls.
inline constexpr std::size_t component_stack_bytes = 2 * mebibyte;
// How much each memory may grow while the instance is made, before the run's limit over all
// memories is in force; it is counted as used.
inline constexpr std::uint64_t start_growth_bytes = 2 * mebibyte;

}  // namespace omnisandbox::wasm::component
