#pragma once

#include <cstddef>
#include <cstdint>

#include "policy/compiled_policy.h"
#include "wasm/limits.h"

/// What one guest may hold and pass through omnisandbox_v1. docs/guest_abi.md lists these.
namespace omnisandbox::wasm::abi {

// A guest that needs more at once has forgotten to drop them.
inline constexpr std::size_t max_live_handles = 64;
// Results stay in host memory, outside the guest's memory limit. Four of the largest results that
// the policy allows always fit, so a guest cannot be kept from using one.
inline constexpr std::uint64_t min_held_bytes = 16 * mebibyte;
inline constexpr std::uint64_t largest_results_held = 4;
// Longer than any path, host name or method that can succeed; what is longer costs nothing.
inline constexpr std::uint32_t max_name_bytes = 64 * kibibyte;
inline constexpr std::uint32_t max_headers_bytes = mebibyte;
inline constexpr std::size_t max_header_count = 1'000;
inline constexpr std::uint32_t max_arguments_bytes = mebibyte;
inline constexpr std::size_t max_argument_count = 10'000;
// Bodies and stdin are copied once into host memory.
inline constexpr std::uint32_t max_body_bytes = 64 * mebibyte;
inline constexpr std::size_t max_error_bytes = 4096;
// A response's headers, which the response limit does not count; the HTTP client refuses more.
inline constexpr std::uint64_t response_headers_bytes = mebibyte;

/// The bytes that the results of one run may hold together.
std::uint64_t held_bytes_limit(const policy::Limits& limits) noexcept;

}  // namespace omnisandbox::wasm::abi
