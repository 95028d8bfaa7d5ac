#include <limits>
#include <string>
#include <vector>

#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {
namespace {

// The bytes of all strings, each with its terminating NUL.
std::uint64_t text_size_of(const std::vector<std::string>& strings) {
  std::uint64_t size = 0;
  for (const std::string& text : strings) {
    size += text.size() + 1;
  }
  return size;
}

Errno store_sizes(const GuestMemory& memory, const std::vector<std::string>& strings, Pointer count,
                  Pointer text_size) {
  const std::uint64_t size = text_size_of(strings);
  if (size > std::numeric_limits<Size>::max()) {
    return Errno::overflow;
  }
  if (!memory.slice(count, sizeof(Size)) || !memory.slice(text_size, sizeof(Size))) {
    return Errno::fault;
  }
  const bool stored = memory.store(count, static_cast<Size>(strings.size())) &&
                      memory.store(text_size, static_cast<Size>(size));
  return stored ? Errno::success : Errno::fault;
}

// Guests lay out both areas by the sizes that they were told, so each must fit as a whole.
Errno store_strings(const GuestMemory& memory, const std::vector<std::string>& strings,
                    Pointer pointers, Pointer text) {
  const std::uint64_t text_size = text_size_of(strings);
  const std::uint64_t pointers_size = strings.size() * sizeof(Pointer);
  if (text_size > std::numeric_limits<Size>::max() ||
      pointers_size > std::numeric_limits<Size>::max() ||
      !memory.slice(pointers, static_cast<Size>(pointers_size)) ||
      !memory.slice(text, static_cast<Size>(text_size))) {
    return Errno::fault;
  }
  for (const std::string& string : strings) {
    const auto length = static_cast<Size>(string.size() + 1);
    const auto bytes = memory.slice(text, length);
    if (!bytes || !memory.store(pointers, text)) {
      return Errno::fault;
    }
    std::memcpy(bytes->data(), string.c_str(), length);
    pointers += static_cast<Pointer>(sizeof(Pointer));
    text += length;
  }
  return Errno::success;
}

}  // namespace

Errno args_get(GuestCall& call, Pointer pointers, Pointer text) {
  return store_strings(call.memory, call.run.args, pointers, text);
}

Errno args_sizes_get(GuestCall& call, Pointer count, Pointer text_size) {
  return store_sizes(call.memory, call.run.args, count, text_size);
}

Errno environ_get(GuestCall& call, Pointer pointers, Pointer text) {
  return store_strings(call.memory, call.run.environment, pointers, text);
}

Errno environ_sizes_get(GuestCall& call, Pointer count, Pointer text_size) {
  return store_sizes(call.memory, call.run.environment, count, text_size);
}

}  // namespace omnisandbox::wasm::wasi
