#include "wasm/module/module_shape.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "wasm/limits.h"
#include "wasm/module/binary_reader.h"
#include "wasm/module/preamble.h"

namespace omnisandbox::wasm {
namespace {

enum SectionId : std::uint8_t {
  table_section = 4,
  memory_section = 5,
  start_section = 8,
  code_section = 10,
};

// Flags of a memory's limits.
constexpr std::uint64_t has_maximum = 1;
constexpr std::uint64_t is_shared = 2;
constexpr std::uint64_t is_64_bit = 4;

Error cut_off(std::size_t position) {
  return base::make_error(ErrorKind::invalid_argument,
                          "the module is cut off or damaged near byte {}: rebuild or copy it again",
                          position);
}

Expected<void> check_header(BinaryReader& reader) {
  for (const std::uint8_t expected : binary_magic) {
    if (reader.byte() != expected) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "this is not a WebAssembly module: it does not begin with \"\\0asm\"");
    }
  }
  std::uint32_t version = 0;
  for (unsigned shift = 0; shift < 32; shift += 8) {
    const auto next = reader.byte();
    if (!next) {
      return cut_off(reader.position());
    }
    version |= std::uint32_t{*next} << shift;
  }
  if (version == 1) {
    return {};
  }
  if ((version >> 16) == 1) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "this is a WebAssembly component, and a core module is needed: compile for "
        "wasm32-wasip1 (wasm32-wasi), without the component step");
  }
  return base::make_error(ErrorKind::invalid_argument,
                          "this WebAssembly binary has version {}; modules have version 1",
                          version);
}

Expected<void> read_memories(BinaryReader section, std::size_t base, ModuleShape& shape) {
  const auto count = section.number();
  if (!count) {
    return cut_off(base + section.position());
  }
  shape.memory_count += *count;
  for (std::uint64_t index = 0; index < *count; ++index) {
    const auto flags = section.number();
    const auto minimum_pages = section.number();
    if (!flags || !minimum_pages) {
      return cut_off(base + section.position());
    }
    if ((*flags & is_shared) != 0) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "the module has a shared memory, and threads are not offered: compile without -pthread");
    }
    if ((*flags & is_64_bit) != 0) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the module has a 64-bit memory: compile for wasm32");
    }
    if ((*flags & has_maximum) != 0 && !section.number()) {
      return cut_off(base + section.position());
    }
    // A 32-bit memory has at most 65,536 pages; a larger number is refused when compiling.
    shape.minimum_memory_bytes += std::min<std::uint64_t>(*minimum_pages, 1u << 20) * page_bytes;
  }
  return {};
}

Expected<void> read_functions(BinaryReader section, std::size_t base, ModuleShape& shape) {
  const auto count = section.number();
  if (!count) {
    return cut_off(base + section.position());
  }
  shape.function_count += *count;
  for (std::uint64_t index = 0; index < *count; ++index) {
    const auto length = section.number();
    if (!length || !section.part(*length)) {
      return cut_off(base + section.position());
    }
    shape.largest_function_bytes = std::max(shape.largest_function_bytes, *length);
  }
  return {};
}

}  // namespace

Expected<void> check_module_size(std::size_t size_bytes) {
  if (size_bytes > max_module_bytes) {
    return base::make_error(ErrorKind::too_large, "the module has {}; {} are allowed",
                            base::format_byte_size(size_bytes),
                            base::format_byte_size(max_module_bytes));
  }
  return {};
}

Expected<ModuleShape> read_module_shape(std::span<const std::byte> binary) {
  BinaryReader reader(binary);
  TRY(check_header(reader));
  ModuleShape shape;
  while (!reader.at_end()) {
    const auto id = reader.byte();
    const auto length = reader.number();
    if (!id || !length) {
      return cut_off(reader.position());
    }
    const std::size_t base = reader.position();
    auto section = reader.part(*length);
    if (!section) {
      return cut_off(base);
    }
    switch (*id) {
      case memory_section:
        TRY(read_memories(*section, base, shape));
        break;
      case table_section: {
        const auto count = section->number();
        if (!count) {
          return cut_off(base);
        }
        shape.table_count += *count;
        break;
      }
      case start_section:
        shape.has_start_function = true;
        break;
      case code_section:
        TRY(read_functions(*section, base, shape));
        break;
      default:
        break;
    }
  }
  return shape;
}

Expected<void> check_module_shape(const ModuleShape& shape, std::uint64_t memory_limit_bytes) {
  if (shape.memory_count > max_memories_per_module) {
    return base::make_error(ErrorKind::limit, "the module has {} memories; {} are allowed",
                            shape.memory_count, max_memories_per_module);
  }
  if (shape.table_count > max_tables_per_module) {
    return base::make_error(ErrorKind::limit, "the module has {} tables; {} are allowed",
                            shape.table_count, max_tables_per_module);
  }
  if (shape.function_count > max_functions) {
    return base::make_error(ErrorKind::limit, "the module has {} functions; {} are allowed",
                            shape.function_count, max_functions);
  }
  if (shape.largest_function_bytes > max_function_bytes) {
    return base::make_error(
        ErrorKind::too_large,
        "a function of the module has {} of code; {} are allowed, because compiling "
        "it cannot be interrupted",
        base::format_byte_size(shape.largest_function_bytes),
        base::format_byte_size(max_function_bytes));
  }
  if (shape.minimum_memory_bytes > memory_limit_bytes) {
    const std::uint64_t needed_mb = (shape.minimum_memory_bytes + mebibyte - 1) / mebibyte;
    return base::make_error(
        ErrorKind::memory,
        "the module needs {} of memory at least; memory_limit_mb is {}: set memory_limit_mb: {}",
        base::format_byte_size(needed_mb * mebibyte), memory_limit_bytes / mebibyte, needed_mb);
  }
  return {};
}

}  // namespace omnisandbox::wasm
