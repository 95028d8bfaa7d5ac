#include "wasm/component/component_shape.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "wasm/component/limits.h"
#include "wasm/module/binary_reader.h"
#include "wasm/module/module_shape.h"
#include "wasm/module/preamble.h"

namespace omnisandbox::wasm::component {
namespace {

constexpr std::uint8_t core_module_section = 1;
constexpr std::uint8_t component_section = 4;
// Components in components; tools nest two or three.
constexpr int max_nesting = 16;

Error cut_off() {
  return base::make_error(ErrorKind::invalid_argument,
                          "the component is cut off or damaged: rebuild or copy it again");
}

Expected<void> add_module(std::span<const std::byte> module, std::uint64_t memory_limit_bytes,
                          ComponentShape& total) {
  const ModuleShape shape = TRY(read_module_shape(module));
  TRY(check_module_shape(shape, memory_limit_bytes));
  total.memory_count += shape.memory_count;
  total.table_count += shape.table_count;
  total.largest_minimum_memory_bytes =
      std::max(total.largest_minimum_memory_bytes, shape.minimum_memory_bytes);
  return {};
}

Expected<void> walk(std::span<const std::byte> bytes, std::uint64_t memory_limit_bytes, int depth,
                    ComponentShape& total) {
  if (!is_component(bytes)) {
    return cut_off();
  }
  if (depth > max_nesting) {
    return base::make_error(ErrorKind::limit, "the component nests components more than {} deep",
                            max_nesting);
  }
  std::size_t at = preamble_bytes;
  while (at < bytes.size()) {
    BinaryReader reader(bytes.subspan(at));
    const auto id = reader.byte();
    const auto length = reader.number();
    if (!id || !length) {
      return cut_off();
    }
    at += reader.position();
    if (*length > bytes.size() - at) {
      return cut_off();
    }
    const auto section = bytes.subspan(at, static_cast<std::size_t>(*length));
    if (*id == core_module_section) {
      TRY(add_module(section, memory_limit_bytes, total));
    } else if (*id == component_section) {
      TRY(walk(section, memory_limit_bytes, depth + 1, total));
    }
    at += section.size();
  }
  return {};
}

}  // namespace

std::uint64_t ComponentShape::start_limit_bytes() const noexcept {
  return largest_minimum_memory_bytes + start_growth_bytes;
}

std::uint64_t ComponentShape::start_memory_bytes() const noexcept {
  return memory_count * start_limit_bytes();
}

bool is_component(std::span<const std::byte> bytes) noexcept {
  // "\0asm", version 13, layer 1. A later version is refused by the engine, with its own message.
  return begins_as_binary(bytes) && bytes[6] == std::byte{1} && bytes[7] == std::byte{0};
}

Expected<void> check_start_memory(const ComponentShape& shape, std::uint64_t memory_limit_bytes) {
  if (shape.start_memory_bytes() > memory_limit_bytes) {
    const std::uint64_t needed_mb = (shape.start_memory_bytes() + mebibyte - 1) / mebibyte;
    return base::make_error(ErrorKind::memory,
                            "the component needs {} of memory at least; memory_limit_mb is {}: set "
                            "memory_limit_mb: {}",
                            base::format_byte_size(needed_mb * mebibyte),
                            memory_limit_bytes / mebibyte, needed_mb);
  }
  return {};
}

Expected<ComponentShape> read_component_shape(std::span<const std::byte> bytes,
                                              std::uint64_t memory_limit_bytes) {
  TRY(check_module_size(bytes.size()));
  ComponentShape shape;
  TRY(walk(bytes, memory_limit_bytes, 0, shape));
  if (shape.memory_count > max_memories_per_component ||
      shape.table_count > max_tables_per_component) {
    return base::make_error(ErrorKind::limit,
                            "the component has {} memories and {} tables; {} and {} are allowed",
                            shape.memory_count, shape.table_count, max_memories_per_component,
                            max_tables_per_component);
  }
  TRY(check_start_memory(shape, memory_limit_bytes));
  return shape;
}

}  // namespace omnisandbox::wasm::component
