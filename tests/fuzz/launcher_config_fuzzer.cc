// The launcher's two messages: whatever bytes come, decoding ends, and what it accepts is encoded
// to the same bytes again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "process/launch_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  using namespace omnisandbox::process;
  if (const auto plan = decode_plan(bytes); plan && encode(*plan) != bytes) {
    std::abort();
  }
  if (const auto start = decode_start(bytes); start && encode(*start) != bytes) {
    std::abort();
  }
  return 0;
}
