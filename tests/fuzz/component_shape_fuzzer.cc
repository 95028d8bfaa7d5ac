// The walk over a component's binary, which comes before anything of it is compiled.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "wasm/component/component_shape.h"
#include "wasm/component/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace omnisandbox::wasm::component;
  constexpr std::uint64_t memory_limit_bytes = 128 * omnisandbox::wasm::mebibyte;
  const auto shape = read_component_shape(std::as_bytes(std::span(data, size)), memory_limit_bytes);
  if (shape && (shape->memory_count > max_memories_per_component ||
                shape->start_memory_bytes() > memory_limit_bytes)) {
    std::abort();
  }
  return 0;
}
