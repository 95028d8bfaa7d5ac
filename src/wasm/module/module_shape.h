#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm {

/// What a module will need, read from its binary before anything is compiled: compiling costs time
/// and memory that a module over its limits is not worth.
struct ModuleShape {
  std::uint64_t memory_count = 0;
  std::uint64_t minimum_memory_bytes = 0;  ///< over all memories
  std::uint64_t table_count = 0;
  std::uint64_t function_count = 0;
  std::uint64_t largest_function_bytes = 0;
  bool has_start_function = false;
};

/// `too_large` for a module beyond max_module_bytes.
Expected<void> check_module_size(std::size_t size_bytes);

/// Reads the sections of a module's binary (WebAssembly core specification 2.0, "Binary Format").
/// It does not validate: that is the compiler's business. Errors: `invalid_argument` for what is no
/// module, a component, or is cut off; the message says where.
Expected<ModuleShape> read_module_shape(std::span<const std::byte> binary);

/// Holds a shape to the bounds of limits.h and to `memory_limit_bytes`. Errors: `too_large`,
/// `limit`, and `memory` when the module cannot start within the limit.
Expected<void> check_module_shape(const ModuleShape& shape, std::uint64_t memory_limit_bytes);

}  // namespace omnisandbox::wasm
