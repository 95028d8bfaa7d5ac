#pragma once

#include <cstdint>
#include <string_view>

#include "wasm/bind.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

// Functions answer with an Errno; WebAssembly with an i32.
template <auto function, class... Args>
std::uint32_t as_number(GuestCall& call, Args... args) {
  return static_cast<std::uint32_t>(function(call, args...));
}

template <auto function, class... Args>
constexpr HostFunctionEntry entry_as(std::string_view name, Errno (*)(GuestCall&, Args...)) {
  return bind<&as_number<function, Args...>>(name);
}

/// As `bind`, for a function that answers with an Errno. Its `invoke` is the same pointer wherever
/// this is used.
template <auto function>
constexpr HostFunctionEntry entry(std::string_view name) {
  return entry_as<function>(name, function);
}

}  // namespace omnisandbox::wasm::wasi
