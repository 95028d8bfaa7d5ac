#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm::component {

/// What a component's core modules need together, read from its binary before anything is compiled.
struct ComponentShape {
  std::uint64_t memory_count = 0;
  std::uint64_t largest_minimum_memory_bytes = 0;  ///< of one memory
  std::uint64_t table_count = 0;

  /// What the memories can hold when the instance has just been made: each may have grown by
  /// start_growth_bytes.
  std::uint64_t start_memory_bytes() const noexcept;
  /// What each memory may hold until then.
  std::uint64_t start_limit_bytes() const noexcept;
};

/// Whether the bytes begin as a component does (the Component Model's binary format, layer 1).
bool is_component(std::span<const std::byte> bytes) noexcept;

/// Walks the sections of a component and of the components in it, and holds each core module to the
/// bounds of wasm/limits.h. It does not validate: that is the compiler's business. Errors:
/// `invalid_argument`, `too_large`, `limit`, and `memory` when it cannot start within
/// `memory_limit_bytes`.
Expected<ComponentShape> read_component_shape(std::span<const std::byte> bytes,
                                              std::uint64_t memory_limit_bytes);

/// The last part of the above, for a component whose shape is known.
Expected<void> check_start_memory(const ComponentShape& shape, std::uint64_t memory_limit_bytes);

}  // namespace omnisandbox::wasm::component
