#pragma once

#include <cstddef>
#include <cstdint>

/// Every size that a guest or its module can choose, with its unit and its reason. What a policy
/// sets is not here: see policy::Limits.
namespace omnisandbox::wasm {

inline constexpr std::uint64_t kibibyte = 1024;
inline constexpr std::uint64_t mebibyte = 1024 * kibibyte;
inline constexpr std::uint64_t page_bytes = 64 * kibibyte;

// ---- Modules ----
// The largest interpreters are about 30 MB.
inline constexpr std::size_t max_module_bytes = 64 * mebibyte;
// The text format is for small modules written by hand; its parser takes many times its size in
// memory.
inline constexpr std::size_t max_module_text_bytes = 4 * mebibyte;
// The compiler's memory grows with the largest function (up to 3 GB at this size). The largest of
// real programs (loops of interpreters) are a few hundred KiB.
inline constexpr std::uint64_t max_function_bytes = mebibyte;
inline constexpr std::uint64_t max_functions = 200'000;
// Each memory takes one slot of the pool, that is 4 GiB of address space.
inline constexpr std::uint32_t max_memories_per_module = 8;
inline constexpr std::uint32_t max_tables_per_module = 8;
// Over all tables; an element takes 8 bytes. CPython has about 10,000.
inline constexpr std::uint64_t max_table_elements = 200'000;
// Globals, imports, function references: what wasmtime keeps for one instance.
inline constexpr std::uint64_t max_instance_bytes = 4 * mebibyte;
inline constexpr std::size_t max_module_name_bytes = 255;

// ---- Engine ----
// Slots of the pool: what runs at once in this process, whatever the number of Runtimes. Each
// reserves 4 GiB of address space, of the 128 TiB that a process has. Where the system refuses
// (ulimit -v), less is tried, down to the last one.
inline constexpr std::uint32_t pool_slots = 1'000;
inline constexpr std::uint32_t smallest_pool_slots = 8;
inline constexpr std::uint64_t memory_reservation_bytes = 4096 * mebibyte;
// A worker process runs one guest, which may have as many memories or tables.
inline constexpr std::uint32_t worker_pool_slots = 8;
// Pages of a finished run that are cleared in place rather than given back to the kernel; most
// guests touch fewer.
inline constexpr std::uint64_t memory_keep_resident_bytes = 512 * kibibyte;
inline constexpr std::uint64_t table_keep_resident_bytes = 64 * kibibyte;
inline constexpr std::uint32_t max_unused_warm_slots = 64;

// Modules that compile at once: one a core, and a few where there are few cores, so that one that
// takes minutes does not keep the others out.
inline constexpr std::uint32_t min_compile_slots = 4;

// ---- Stack ----
inline constexpr std::size_t guest_stack_bytes = 512 * kibibyte;
// For the host functions that a guest calls when its own stack is nearly used up.
inline constexpr std::size_t host_call_stack_bytes = 256 * kibibyte;
inline constexpr std::size_t compiler_stack_bytes = 8 * mebibyte;
// Making an engine, and other work that is not the guest's.
inline constexpr std::size_t engine_stack_bytes = 512 * kibibyte;

// ---- Messages ----
inline constexpr std::size_t max_frame_name_bytes = 96;
inline constexpr std::size_t max_reported_imports = 5;

}  // namespace omnisandbox::wasm
