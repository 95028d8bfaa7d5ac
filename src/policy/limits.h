#pragma once

#include <chrono>
#include <cstdint>

/// Hard ceilings and fixed bounds, each with its unit and its reason. A Config beyond a ceiling is
/// an error, not a cut.
namespace omnisandbox::policy {

inline constexpr std::uint64_t mebibyte = 1024 * 1024;

// wasm32 addresses 4 GiB; commands and containers seldom need more, and a typing error should not
// take the machine.
inline constexpr std::uint64_t max_memory_limit_mb = 64 * 1024;
// The engine counts fuel in a signed 64-bit number.
inline constexpr std::uint64_t max_fuel = INT64_MAX;
inline constexpr std::chrono::milliseconds max_timeout = std::chrono::hours(24);
// Output, files and responses are kept in memory while they are handled.
inline constexpr std::uint64_t max_buffer_bytes = 1024 * mebibyte;
inline constexpr std::uint64_t max_write_bytes_ceiling = 1024 * 1024 * mebibyte;
inline constexpr std::uint64_t max_files_created_ceiling = 10'000'000;
inline constexpr std::uint32_t max_processes_ceiling = 32'768;
inline constexpr std::uint32_t max_open_files_ceiling = 65'536;
inline constexpr std::uint32_t max_concurrent_runs_ceiling = 4'096;
inline constexpr std::uint64_t max_host_calls_ceiling = 1'000'000'000;

inline constexpr std::uint64_t default_module_memory_bytes = 16 * mebibyte;
inline constexpr std::uint64_t default_command_memory_bytes = 128 * mebibyte;
inline constexpr std::uint64_t default_interpreter_memory_bytes = 128 * mebibyte;
inline constexpr std::uint64_t default_container_memory_bytes = 256 * mebibyte;

// Linux's PATH_MAX, with its terminating NUL.
inline constexpr std::size_t max_path_bytes = 4095;
// The kernel's own bound on links in one lookup (path_resolution(7)).
inline constexpr int max_symlinks_followed = 40;
// A list longer than this is a generated list gone wrong, and compile opens a handle for each path.
inline constexpr std::size_t max_rules_per_list = 20'000;

}  // namespace omnisandbox::policy
